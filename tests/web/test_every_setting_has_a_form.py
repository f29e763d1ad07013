"""Every call of the API that changes something has a form with each of its fields, or a reason why it has none."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from bridge.services.stores import settings
from bridge.web.context import utcnow
from tests import factories
from tests.support.limits_form import put
from tests.support.linked_sites import link
from tests.support.pages import read, sign_in

pytestmark = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)

CALLERS = "AI features call it, not admins"
PLUGIN = "the plugin or a linked site calls it"
LISTS = "the same as a call for one, for programs"
SHOP = "the shop states it, and every sync writes it"


@dataclass(frozen=True)
class Counterpart:
    """The form for a call: the page below the store, a part of its address, and its field for each field of the call.

    `without` are the fields that the form does not have, with the reason.
    """

    page: str
    form: str
    fields: dict[str, str] = field(default_factory=dict)
    without: dict[str, str] = field(default_factory=dict)


def same(*names: str) -> dict[str, str]:
    """Return fields of a form that are named as those of the call."""
    return {name: name for name in names}


PACKAGE = Counterpart(
    "packages", "packages/10/0", {"tokens": "tokens", "plan": "plan", "months": "months"}, {"name": SHOP, "sku": SHOP}
)
FORMS = {
    "put_store": Counterpart(
        "settings/store",
        "settings/store",
        same(
            *("name", "time_zone", "week_start", "low_balance", "low_balance_thresholds", "purchase_url"),
            *("grant_statuses", "seller_name", "seller_address", "seller_vat_id", "reversal_policy", "guest_policy"),
            *("past_orders_paid_later", "accept_unknown_modules", "require_reason"),
        )
        | {"spend_order": "spend_order_1"},
        {"deliveries": PLUGIN},
    ),
    "put_module": Counterpart(
        "settings/limits",
        "settings/limits",
        {"label": "m0-label", "metered": "m0-metered", "labels": "m0-name-de"},
    ),
    "put_limit": Counterpart(
        "settings/limits",
        "settings/limits",
        {"period": "m0-period", "rules": "m0-r0", "message": "m0-message", "second": "m0-second-period"},
    ),
    "delete_limit": Counterpart("settings/limits", "settings/limits"),
    "reset_many": Counterpart(
        "settings/limits",
        "limits/reset",
        same("module", "role", "period"),
        {"all": "the first choice of each field stands for all"},
    ),
    "put_operation": Counterpart(
        "settings/prices", "settings/prices", same("module", "tokens_per_unit", "parts", "max_units")
    ),
    "delete_operation": Counterpart("settings/prices", "/delete"),
    "put_package": PACKAGE,
    "put_package_of_variation": PACKAGE,
    "delete_package": Counterpart("packages", "packages/10/0/clear"),
    "delete_package_of_variation": Counterpart("packages", "packages/10/0/clear"),
    "decide_past_orders": Counterpart("packages", "past-orders", same("decision")),
    "decide_past_orders_of_variation": Counterpart("packages", "past-orders", same("decision")),
    "create_endpoint": Counterpart("settings/events", "settings/events", same("url", "types")),
    "delete_endpoint": Counterpart("settings/events", "/delete"),
    "replay": Counterpart(
        "settings/events",
        "/replay",
        same("since"),
        {"event": "the form sends all events since a moment", "cursor": "a program reads in parts"},
    ),
    "put_rest_keys": Counterpart(
        "connection", "connection/keys", same("consumer_key", "consumer_secret"), {"check": PLUGIN}
    ),
    "answer_history": Counterpart("connection", "connection/history", {"decision": "answer"}),
    "check_shop": Counterpart("connection", "connection/look"),
    "adjust": Counterpart(
        "credits?edit=2",
        "credits/2/balance",
        same("balance", "expected_balance", "reason") | {"tokens": "mode"},
        {"user": "for a user who may not exist yet"},
    ),
    "adjust_bulk": Counterpart("credits/bulk", "credits/bulk", {"adjustments": "file"}),
    "put_override": Counterpart(
        "credits/2",
        "limits/chat",
        {"limit": "allows", "second_limit": "second_allows", "ends_at": "last_day"},
    ),
    "delete_override": Counterpart("credits/2", "limits/chat/remove"),
    "reset_user": Counterpart(
        "credits/2", "limits/reset", same("module", "period"), {"all": "a form of its own, without a module"}
    ),
    "put_user": Counterpart(
        "credits/2", "confirmation", same("confirm_paid"), dict.fromkeys(("email", "name", "roles"), SHOP)
    ),
    "erase_user": Counterpart("credits/2/erase", "credits/2/erase"),
    "merge": Counterpart("credits/2/merge?from=3", "credits/2/merge", same("reason") | {"from": "from"}),
    "release": Counterpart("credits/2", "/release"),
    "change_site": Counterpart(
        "credits/2",
        "/cap",
        {"monthly_cap": "cap"},
        dict.fromkeys(("name", "url"), "the site states it when it is linked"),
    ),
    "rotate_key": Counterpart("credits/2", "/rotate", {"grace_seconds": "grace"}),
    "unlink_site": Counterpart("credits/2", "/unlink"),
    "assign": Counterpart("exceptions?assign=1", "exceptions/1/assign", {"user": "user_id"}),
    "check": Counterpart("exceptions", "exceptions/1/check"),
    "set_amount": Counterpart("exceptions?amounts=2", "exceptions/2/lines/1", same("tokens")),
    "see_refunds": Counterpart("exceptions", "/seen", {"refunds": "ids"}),
}
"""The form for each call, by the name of its operation."""

WITHOUT_FORM = {
    **dict.fromkeys(("spend", "spend_batch", "refund", "quote", "confirm_run", "hold", "capture"), CALLERS),
    **dict.fromkeys(("create_pass", "merge_guest"), CALLERS),
    **dict.fromkeys(("connect", "end_connection", "link", "add_link_code", "add_site"), PLUGIN),
    **dict.fromkeys(("put_packages", "put_users"), LISTS),
    "preview_limit": "a button of the form for put_limit",
    "preview_price": "a button of the form for put_operation",
    "accept_source": "a button that appears with a delivery of another site",
    "decide": "buttons that appear with an order that waits for a decision",
}
"""Calls without a form of their own, with the reason."""


@pytest.fixture
def operations(shop):
    """Return the fields of the body of each call that changes something, by the name of its operation."""
    document = shop.client.get("/v1/openapi.json").get_json()
    found = {}
    for calls in document["paths"].values():
        for method, call in calls.items():
            if method in {"put", "post", "patch", "delete"}:
                content = call.get("requestBody", {}).get("content", {}).get("application/json", {})
                schema = content.get("schema", {})
                name = schema.get("$ref", "").rpartition("/")[2]
                schema = document["components"]["schemas"][name] if name else schema
                found[call["operationId"]] = set(schema.get("properties", {}))
    return found


def test_every_call_that_changes_something_has_a_form_or_a_reason(operations):
    assert set(FORMS) & set(WITHOUT_FORM) == set()
    assert set(operations) == set(FORMS) | set(WITHOUT_FORM)


def test_every_field_of_a_call_is_in_its_form_or_has_a_reason(operations):
    wrong = {
        name: fields ^ (set(FORMS[name].fields) | set(FORMS[name].without))
        for name, fields in operations.items()
        if name in FORMS
    }

    assert {name: fields for name, fields in wrong.items() if fields} == {}


def test_pages_have_the_forms_with_their_fields(app, shop, database):
    _fill(shop, database)
    client, missing = sign_in(app), []
    pages = {}

    for name, form in FORMS.items():
        if form.page not in pages:
            answer = client.get(f"/admin/shop/{form.page}")
            pages[form.page] = _forms(answer) if answer.status_code == 200 else []
        found = [names for action, names in pages[form.page] if form.form in action.partition("?")[0]]
        has_all = any(set(form.fields.values()) <= names for names in found)
        missing += [] if has_all else [(name, form.page, form.form, found)]

    assert missing == []


def _forms(answer):
    """Return the address of each form of a page with the names of its fields and buttons."""
    forms = []
    for tag, values in read(answer).tags:
        if tag == "form":
            forms.append((values.get("action", ""), set()))
        elif tag in {"input", "select", "textarea", "button"} and forms and "name" in values:
            forms[-1][1].add(values["name"])
    return forms


def _fill(shop, database):
    """Let every form appear: there is one of everything that a form is about."""
    factories.put_package(shop, 10, 1000)
    put(shop, "limits/chat", period="daily", rules={"user": 10}, second={"period": "monthly", "rules": {"user": 20}})
    factories.give(shop, 2, 50)
    put(shop, "users/2/limits/chat", limit=5)
    factories.put_user(shop, 3)
    link(shop, 2)
    hold = {"user": {"id": 2}, "module": "ai_forms", "tokens": 5}
    shop.client.post("/v1/holds", json=hold, headers=shop.headers | {"Idempotency-Key": "hold"})
    endpoint = {"url": "https://receiver.example/events", "types": ["balance.low"]}
    shop.client.post("/v1/event-endpoints", json=endpoint, headers=shop.headers)
    factories.deliver(shop, factories.order(1, customer=0))
    factories.deliver(shop, factories.order(2, lines=[factories.line(1, 77)]))
    _ask_about_past_orders(database)
    factories.deliver(shop, factories.product(78, None), "product.updated")
    factories.deliver(shop, factories.order(4, lines=[factories.line(1, 78)]))
    factories.deliver(shop, factories.product(78, 10), "product.updated")
    factories.deliver(shop, factories.order(3, refunds=["-5.00"]))


def _ask_about_past_orders(database):
    with database.transaction() as connection:
        store = settings.get_store(connection, "shop")
        settings.answer_history(connection, store, "ask", actor="test", now=utcnow())
