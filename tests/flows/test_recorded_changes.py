"""Every change of a setting is recorded with its values before and after, in API, pages and commands alike."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest

from bridge.services.stores import changes
from tests import factories
from tests.support.pages import EMAIL, read, send, sign_in

PREFIX = "key tb_"


class Call(NamedTuple):
    """A call of the API that changes a setting, with the subject and the value recorded after it."""

    method: str
    path: str
    body: dict[str, Any] | None
    subject: str
    after: dict[str, Any] | None
    is_repeatable: bool = True


LIMIT = {"period": "daily", "rules": {"user": 5, "guest": "disabled"}, "message": ""}
CALLS = {
    "PUT /v1/store": Call("PUT", "/v1/store", {"low_balance": 7}, "store", {"low_balance": 7}),
    "PUT /v1/modules/<key>": Call(
        "PUT", "/v1/modules/chat", {"label": "Talk"}, "module", {"key": "chat", "label": "Talk", "metered": True}
    ),
    "PUT /v1/limits/<module>": Call("PUT", "/v1/limits/chat", LIMIT, "limit", {"module": "chat", **LIMIT}),
    "DELETE /v1/limits/<module>": Call("DELETE", "/v1/limits/chat", None, "limit", None),
    "PUT /v1/operations/<key>": Call(
        "PUT", "/v1/operations/answer", {"module": "chat", "tokens_per_unit": 3}, "price", {"tokens_per_unit": 3}
    ),
    "DELETE /v1/operations/<key>": Call("DELETE", "/v1/operations/answer", None, "price", None),
    "PUT /v1/packages/<product>": Call("PUT", "/v1/packages/10", {"tokens": 50}, "package", {"tokens": 50}),
    "DELETE /v1/packages/<product>": Call("DELETE", "/v1/packages/10", None, "package", None),
    "PUT /v1/packages/<product>/<variation>": Call(
        "PUT", "/v1/packages/10/3", {"tokens": 50}, "package", {"variation": 3, "tokens": 50}
    ),
    "PUT /v1/packages/bulk": Call(
        "PUT", "/v1/packages/bulk", {"packages": [{"product": 10, "tokens": 50}]}, "package", {"tokens": 50}
    ),
    "DELETE /v1/packages/<product>/<variation>": Call("DELETE", "/v1/packages/10/3", None, "package", None),
    "PUT /v1/users/<user_id>/limits/<module>": Call(
        "PUT", "/v1/users/2/limits/chat", {"limit": 9}, "override", {"user": 2, "module": "chat", "limit": 9}
    ),
    "DELETE /v1/users/<user_id>/limits/<module>": Call("DELETE", "/v1/users/2/limits/chat", None, "override", None),
    "POST /v1/users/<user_id>/limits/reset": Call(
        "POST", "/v1/users/2/limits/reset", {"module": "chat"}, "reset", {"user": 2, "module": "chat"}, False
    ),
    "POST /v1/limits/reset": Call("POST", "/v1/limits/reset", {"all": True}, "reset", {"module": None}, False),
    "POST /v1/store/sources": Call(
        "POST", "/v1/store/sources", {"url": "https://x.example"}, "store", {"accepted_sources": ["x.example"]}
    ),
    "POST /v1/event-endpoints": Call(
        "POST", "/v1/event-endpoints", {"url": "https://93.184.215.14/in"}, "event_endpoint", {"types": None}, False
    ),
    "DELETE /v1/event-endpoints/<endpoint_id>": Call("DELETE", "", None, "event_endpoint", None),
}
NO_SETTINGS = (
    *("spends", "holds", "orders", "quotes", "sites", "link", "profiles", "passes"),
    *("bulk-adjustments", "adjustments", "confirm"),
    # Of the WordPress plugin: its code and keys are recorded, as tests/flows/test_plugin_connection.py checks.
    *("connect", "connection"),
)
"""The first part of the paths that change no setting."""
OF_USERS = ("adjustments", "link-codes", "sites", "merge", "merge-guest", "undo")
"""The parts below a user that change no setting."""


@pytest.fixture
def admin(app):
    return sign_in(app)


@pytest.fixture
def log(app, shop):
    """Return the recorded changes, the newest first."""

    def read_log(subject=None):
        with app.extensions["bridge"].database.reading() as connection:
            return changes.list_page(connection, shop.id, subject=subject, limit=1000)

    return read_log


def call(shop, made):
    more = {} if made.body is None else {"json": made.body}
    return shop.client.open(made.path, method=made.method, headers=shop.headers, **more)


def prepare(shop, name):
    """Create what a call deletes, and the user that it names; return the call."""
    made = CALLS[name]
    factories.put_user(shop, 2)
    assert call(shop, CALLS["PUT /v1/modules/<key>"]._replace(body={"label": "Chat"})).status_code == 200
    if made.method == "DELETE" and made.path:
        assert call(shop, CALLS[name.replace("DELETE", "PUT")]).status_code == 200
    if not made.path:
        created = call(shop, CALLS["POST /v1/event-endpoints"]).json
        return made._replace(path=f"/v1/event-endpoints/{created['id']}")
    return made


def test_every_route_of_settings_is_listed_here(app):
    mutating = {
        f"{method} {rule.rule}"
        for rule in app.url_map.iter_rules()
        for method in rule.methods - {"GET", "HEAD", "OPTIONS"}
        if rule.rule.startswith("/v1/")
    }
    settings = set()
    for route in mutating:
        parts = route.split("/v1/")[1].split("/")
        is_no_user_setting = parts[0] == "users" and (len(parts) <= 2 or parts[2] in OF_USERS)
        others = {"replay", "past-orders", "preview", "rest-keys", "check"} & set(parts)
        if parts[0] not in NO_SETTINGS and not is_no_user_setting and not others:
            settings.add(route)

    assert settings == set(CALLS)


@pytest.mark.parametrize("name", CALLS)
def test_a_call_of_the_api_is_recorded_once_with_before_and_after(shop, log, name):
    made = prepare(shop, name)
    known = len(log())

    assert call(shop, made).status_code < 300

    assert len(log()) == known + 1
    recorded = log()[0]
    assert recorded.subject == made.subject
    assert recorded.actor.startswith(PREFIX)
    assert recorded.before != recorded.after
    if made.after is None:
        assert recorded.after is None
        assert recorded.before is not None
    else:
        assert recorded.after | made.after == recorded.after


@pytest.mark.parametrize("name", [name for name, made in CALLS.items() if made.is_repeatable])
def test_a_call_that_changes_nothing_is_not_recorded(shop, log, name):
    made = prepare(shop, name)
    call(shop, made)
    known = log()

    call(shop, made)

    assert log() == known


def test_a_refused_call_records_nothing(shop, log):
    known = log()

    assert shop.client.put("/v1/store", json={"time_zone": "Mars"}, headers=shop.headers).status_code == 422
    assert shop.client.put("/v1/users/77/limits/chat", json={"limit": 1}, headers=shop.headers).status_code == 404

    assert log() == known


def test_the_values_are_those_that_the_api_shows(shop, log):
    before = shop.client.get("/v1/store", headers=shop.headers).json

    after = shop.client.put("/v1/store", json={"low_balance": 3}, headers=shop.headers).json

    assert (log()[0].before, log()[0].after) == (before, after)


def test_a_price_made_of_others_is_recorded_when_a_part_changes(shop, log):
    for key in ("a", "b"):
        shop.client.put(f"/v1/operations/{key}", json={"module": "chat", "tokens_per_unit": 1}, headers=shop.headers)
    shop.client.put("/v1/operations/both", json={"module": "chat", "parts": ["a", "b"]}, headers=shop.headers)

    shop.client.put("/v1/operations/a", json={"module": "chat", "tokens_per_unit": 5}, headers=shop.headers)

    changed = {change.name: (change.before, change.after) for change in log("price")[:2]}
    assert {name: after["tokens_per_unit"] for name, (_, after) in changed.items()} == {"a": 5, "both": 6}
    assert changed["both"][0]["tokens_per_unit"] == 2


def test_a_module_that_a_limit_adds_is_recorded(shop, log):
    shop.client.put("/v1/limits/drawing", json=LIMIT, headers=shop.headers)

    assert [(change.subject, change.name, change.before) for change in log()[:2]] == [
        ("limit", "drawing", None),
        ("module", "drawing", None),
    ]


def test_packages_on_the_page_are_recorded_with_the_admin(shop, admin, log):
    factories.put_package(shop, 10, 1000)
    form = read(admin.get("/admin/shop/packages")).form("packages/10/0")

    assert send(admin, form, tokens="20").status_code == 303
    assert send(admin, form, tokens="20").status_code == 303
    saved = log("package")
    clear = read(admin.get("/admin/shop/packages")).form("packages/10/0/clear")
    assert send(admin, clear).status_code == 303

    assert [(change.actor, change.before["tokens"], change.after["tokens"]) for change in saved[:1]] == [
        (EMAIL, 1000, 20)
    ]
    assert len(saved) == 2
    assert (log("package")[0].before["tokens"], log("package")[0].after) == (20, None)


def test_access_keys_are_recorded_without_the_key(shop, admin, log):
    page = send(admin, read(admin.get("/admin/shop/settings/keys")).form("settings/keys"), name="Chat")
    assert page.status_code == 200
    made = log("access_key")[0]
    revoke = read(admin.get("/admin/shop/settings/keys")).form("/revoke")
    assert send(admin, revoke).status_code == 303

    assert (made.actor, made.before, set(made.after)) == (EMAIL, None, {"prefix", "name", "created_at"})
    assert len(made.after["prefix"]) < 12
    gone = log("access_key")[0]
    assert (gone.actor, gone.after) == (EMAIL, None)


def test_the_choice_about_past_orders_is_recorded(app, shop, admin, log):
    token = read(admin.get("/admin/shop/connection")).forms[0].fields["csrf_token"]

    for _ in range(2):
        admin.post("/admin/shop/connection/history", data={"csrf_token": token, "answer": "skip"})

    (recorded,) = [change for change in log("store") if "past_orders" in (change.after or {})]
    assert (recorded.actor, recorded.before, recorded.after) == (
        EMAIL,
        {"past_orders": "grant"},
        {"past_orders": "skip"},
    )


def test_commands_are_recorded(app, shop, log):
    run = app.test_cli_runner().invoke
    assert run(args=["stores", "rename", "shop", "boutique", "--name", "Boutique"]).exit_code == 0
    keys = [
        "stores",
        "keys",
        "boutique",
        "--consumer-key",
        f"ck_{'1' * 40}",
        "--consumer-secret",
        f"cs_{'1' * 40}",
        "--untested",
    ]
    for _ in range(2):
        assert run(args=keys).exit_code == 0
    assert run(args=["stores", "move", "boutique", "--url", "https://b.example", "--force"]).exit_code == 0

    moved, set_, renamed = log()[:3]
    assert {change.actor for change in (moved, set_, renamed)} == {"command line"}
    assert (renamed.before["slug"], renamed.after["slug"], renamed.after["name"]) == ("shop", "boutique", "Boutique")
    assert (set_.subject, set_.before, set_.after) == ("shop_keys", None, "set")
    assert (moved.before["url"], moved.after["url"]) == ("http://127.0.0.1:8980", "https://b.example")


def test_a_new_store_is_recorded(shop, log):
    subjects = {change.subject: change for change in log()}

    assert subjects["store"].before is None
    assert subjects["store"].after["slug"] == "shop"
    assert subjects["access_key"].after["prefix"].startswith("tb_")
