"""Connect codes: one use, a few minutes, one site; they give the plugin its key and the webhook secret."""

from __future__ import annotations

import json
import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from bridge.domain.shop.connect_codes import LIFE, RECONNECT_GRACE
from bridge.domain.shop.subscriptions import TOPICS
from bridge.domain.sites.link_codes import LETTERS, MAX_GUESSES_EACH
from bridge.runtime import Runtime
from bridge.services.shop import subscriptions
from bridge.web.context import utcnow
from tests.factories import add_shop, balance_of, deliver, delivery_headers, order, product
from tests.support.connecting import HERE, SITE, make_code, send_code
from tests.support.ledger_sql import count, rows
from tests.support.linked_sites import bearer

pytestmark = pytest.mark.one_engine

SHOP = {"url": "http://127.0.0.1:8980/"}


def refusal(response):
    return response.status_code, response.get_json()["code"]


def get_store(app, key):
    return app.test_client().get("/v1/store", headers=bearer(key))


def test_a_code_for_a_new_store_creates_it_from_what_the_site_says(app, database):
    response = send_code(app, make_code(app))

    assert response.status_code == 201, response.text
    connected = response.get_json()
    store = get_store(app, connected["access_key"]).get_json()
    assert (store["slug"], store["url"]) == (connected["store"], "https://tokens.example.com")
    assert (store["name"], store["time_zone"]) == ("Tokens", "Europe/Paris")
    assert connected["webhook_url"] == f"http://127.0.0.1:8000/webhooks/woocommerce/{connected['store']}"
    assert connected["topics"] == list(TOPICS)
    # The owner decides about past orders, as for every shop that is connected in the console.
    assert rows(database, "select asks_from is not null as waits from stores")[0]["waits"]


def test_the_secret_signs_deliveries_from_the_first_one_on(app):
    connected = send_code(app, make_code(app)).get_json()
    body = b'{"id": 1}'
    headers = delivery_headers(body, "order.deleted", secret=connected["webhook_secret"], source=f"{SITE['url']}/")
    path = f"/webhooks/woocommerce/{connected['store']}"

    assert app.test_client().post(path, data=body, headers=headers).status_code == 200
    assert app.test_client().post(path, data=body + b" ", headers=headers).status_code == 401


def test_webhooks_with_the_stated_names_are_recognized(app, shop):
    parts: Runtime = app.extensions["bridge"]
    connected = send_code(app, make_code(app, "shop"), **SHOP).get_json()
    with parts.database.reading() as connection:
        target = subscriptions.target_of(
            connection, shop.connected.store, public_url=parts.config.public_url, vault_=parts.vault
        )

    assert [each["topic"] for each in connected["webhooks"]] == list(TOPICS)
    assert {each["name"] for each in connected["webhooks"]} == {target.address.name_of(topic) for topic in TOPICS}
    assert connected["webhook_url"] == target.address.url


def test_a_code_for_a_store_keeps_its_secret_and_settings(app, shop):
    connected = send_code(app, make_code(app, "shop"), **SHOP).get_json()

    assert (connected["store"], connected["webhook_secret"]) == ("shop", "test-secret")
    store = get_store(app, connected["access_key"]).get_json()
    assert (store["name"], store["time_zone"]) == ("Shop", "America/New_York")
    assert get_store(app, shop.connected.access_key).status_code == 200


def test_a_site_without_woocommerce_gets_no_topics(app):
    connected = send_code(app, make_code(app), woocommerce=False).get_json()

    assert (connected["topics"], connected["webhooks"]) == ([], [])
    assert get_store(app, connected["access_key"]).status_code == 200


def test_the_code_contains_the_address_and_a_long_secret(app):
    address, _, secret = make_code(app).partition("#")

    assert address == "http://127.0.0.1:8000"
    assert (len(secret), set(secret) <= set(LETTERS)) == (26, True)


def test_a_code_is_taken_however_it_is_pasted(app, shop):
    for paste in (str.lower, lambda code: f" {code}\n", lambda code: code.partition("#")[2]):
        assert send_code(app, paste(make_code(app, "shop")), **SHOP).status_code == 201


def test_a_code_works_once(app, database):
    code = make_code(app)
    send_code(app, code)

    assert refusal(send_code(app, code)) == (409, "connect_code_used")
    assert count(database, "stores") == 1
    assert count(database, "access_keys") == 1


def test_a_code_works_for_minutes(app, database):
    now = utcnow()
    old, last = make_code(app, now=now - LIFE), make_code(app, now=now - LIFE + timedelta(minutes=1))

    assert refusal(send_code(app, old)) == (410, "connect_code_expired")
    assert send_code(app, last).status_code == 201


def test_a_code_made_by_a_clock_that_was_ahead_is_worth_nothing(app, database):
    code = make_code(app, now=utcnow() + timedelta(days=400))

    assert send_code(app, code).status_code == 410
    assert count(database, "stores") == 0


def test_codes_of_former_days_are_dropped(app, database):
    make_code(app, now=utcnow() - timedelta(days=2))

    make_code(app)

    assert count(database, "connect_codes") == 1


def test_a_wrong_code_is_named(app):
    for code in ("http://127.0.0.1:8000#ABCDE", "-", "é", "#", "'; drop table stores; --"):
        assert refusal(send_code(app, code)) == (404, "unknown_connect_code"), code


def test_wrong_codes_are_counted_with_those_of_linking(app, shop):
    client = app.test_client()
    for _ in range(MAX_GUESSES_EACH - 1):
        assert send_code(app, "#WRONG").status_code == 404
    body = {"code": "ABCDE-FGHJK", "url": "https://blog.example.com", "name": "Blog"}
    assert client.post("/v1/link", json=body, environ_overrides={"REMOTE_ADDR": HERE}).status_code == 404

    blocked = send_code(app, make_code(app))

    assert refusal(blocked) == (429, "too_many_guesses")
    assert int(blocked.headers["Retry-After"]) > 0
    assert send_code(app, make_code(app), address="198.51.100.7").status_code == 201


def test_a_right_code_is_no_guess(app, shop):
    for _ in range(MAX_GUESSES_EACH + 1):
        assert send_code(app, make_code(app, "shop"), **SHOP).status_code == 201


def test_a_code_of_another_site_is_refused_and_stays_good(app, shop, database):
    code = make_code(app, "shop")

    assert refusal(send_code(app, code, url="https://staging.example.com")) == (409, "other_site")
    assert count(database, "access_keys") == 1
    assert send_code(app, code, **SHOP).status_code == 201


def test_a_connected_site_is_not_connected_as_a_second_store(app, shop, database):
    code = make_code(app)

    response = send_code(app, code, **SHOP)

    assert refusal(response) == (409, "store_exists")
    assert response.get_json()["detail"].startswith("This shop is already connected as shop;")
    assert "errors" not in response.get_json()
    assert count(database, "stores") == 1


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("url", "ftp://tokens.example.com"),
        ("url", "http://tokens.example.com"),
        ("url", "https://user:word@tokens.example.com"),
        ("url", "https://tokens.example.com/?x=1"),
        ("url", ""),
        ("url", "https://" + "a" * 400),
        ("timezone", "Mars/Olympus"),
        ("name", "a\x00b"),
        ("woocommerce", "yes"),
    ],
)
def test_what_a_site_says_about_itself_is_checked(app, database, field, value):
    code = make_code(app)

    response = send_code(app, code, **{field: value})

    assert response.status_code == 422
    assert [error["field"] for error in response.get_json()["errors"]] == [f"site.{field}"]
    assert send_code(app, code).status_code == 201


@pytest.mark.parametrize(("name", "timezone"), [("", "+05:30"), ("Tom &amp; Jerry", "UTC"), ("x" * 200, "-03:00")])
def test_every_name_and_zone_of_wordpress_is_taken(app, name, timezone):
    key = send_code(app, make_code(app), name=name, timezone=timezone).get_json()["access_key"]

    store = get_store(app, key).get_json()
    assert store["time_zone"] == timezone
    assert store["name"] == {"": "tokens.example.com", "Tom &amp; Jerry": "Tom & Jerry"}.get(name, name)


def test_connecting_again_replaces_the_key_and_leaves_the_others(app, shop, database):
    first = send_code(app, make_code(app, "shop"), **SHOP).get_json()["access_key"]

    second = send_code(app, make_code(app, "shop"), **SHOP).get_json()["access_key"]

    assert first != second
    listed = rows(database, "select name, prefix, expires_at from access_keys order by id")
    assert [(row["name"], row["expires_at"] is None) for row in listed] == [
        ("", True),
        ("WordPress plugin", False),
        ("WordPress plugin", True),
    ]
    # Requests on their way still arrive; then the former key ends.
    assert get_store(app, first).status_code == 200
    assert timedelta(0) < RECONNECT_GRACE <= timedelta(minutes=5)


def test_each_step_is_in_the_audit_log_without_secrets(app, shop, database, caplog):
    caplog.set_level(logging.DEBUG)
    code = make_code(app, "shop")

    key = send_code(app, code, **SHOP).get_json()["access_key"]

    recorded = rows(database, "select subject, name, actor from changes order by id")[-2:]
    assert [row["subject"] for row in recorded] == ["connect_code", "access_key"]
    assert recorded[0]["actor"] == "owner@example.test"
    assert recorded[1]["actor"] == "WordPress plugin, code of owner@example.test"
    stored = str([rows(database, f"select * from {table}") for table in ("connect_codes", "access_keys", "changes")])
    for secret in (code.partition("#")[2], key, "test-secret"):
        assert secret not in stored + caplog.text


@pytest.mark.both_engines
def test_of_two_sites_that_send_a_code_at_once_one_is_connected(app, database):
    for _ in range(3):
        code, before = make_code(app), count(database, "stores")
        number = iter(range(2))

        statuses = at_once(app, [(code, {"url": f"https://{next(number)}-{before}.example.com"}) for _ in range(2)])

        assert statuses == [201, 409]
        assert count(database, "stores") == before + 1


@pytest.mark.both_engines
def test_two_admins_who_connect_one_new_site_at_once_make_one_store(app, database):
    for place in range(3):
        before = count(database, "stores")
        site = {"url": f"https://shop{place}.example.com"}

        statuses = at_once(app, [(make_code(app), site), (make_code(app), site)])

        assert statuses == [201, 409]
        assert count(database, "stores") == before + 1


@pytest.mark.both_engines
def test_two_admins_who_connect_a_store_at_once_leave_one_lasting_key(app, shop, database):
    statuses = at_once(app, [(make_code(app, "shop"), SHOP), (make_code(app, "shop"), SHOP)])

    assert statuses == [201, 201]
    lasting = rows(database, "select id from access_keys where name = 'WordPress plugin' and expires_at is null")
    assert len(lasting) == 1


def at_once(app, sent):
    """Send these codes, each with what its site says, at the same moment; return the sorted statuses."""
    barrier = threading.Barrier(len(sent))

    def send(one):
        code, site = one
        barrier.wait(10)
        return send_code(app, code, **site).status_code

    with ThreadPoolExecutor(len(sent)) as pool:
        return sorted(pool.map(send, sent))


@pytest.mark.both_engines
def test_orders_of_a_connected_site_grant_tokens(app, shop):
    connected = send_code(app, make_code(app, "shop"), **SHOP).get_json()

    deliver(shop, product(10, 500), "product.updated")
    deliver(shop, order(1))

    assert connected["webhook_secret"] == shop.connected.webhook_secret
    assert balance_of(shop, 2) == 500


def test_codes_of_stores_do_not_mix(app, shop):
    add_shop(app, "other")

    connected = send_code(app, make_code(app, "other"), url="https://other.example.com").get_json()

    assert (connected["store"], connected["webhook_secret"]) == ("other", "secret-of-other")


def test_the_command_prints_a_code(app, shop):
    printed = app.test_cli_runner().invoke(args=["stores", "connect-code", "shop", "--json"])

    shown = json.loads(printed.output)
    assert shown["store"] == "shop"
    assert send_code(app, shown["code"], **SHOP).status_code == 201
    assert app.test_cli_runner().invoke(args=["stores", "connect-code", "no"]).exit_code == 1
    plain = app.test_cli_runner().invoke(args=["stores", "connect-code"])
    assert plain.exit_code == 0
    assert send_code(app, plain.output.splitlines()[0]).status_code == 201
