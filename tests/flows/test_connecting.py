"""Connecting a shop from the pages: to the shop and back, and the callback that receives its keys."""

from __future__ import annotations

import json
import logging
import threading
from datetime import timedelta
from io import BytesIO
from urllib.parse import parse_qs, urlsplit

import pytest
import time_machine

from bridge.services import secrets
from bridge.web.context import utcnow
from fakeshop.rest.faults import Kind
from tests import factories
from tests.support import ledger_sql
from tests.support.approving import approve, deny
from tests.support.connected_shop import open_connected_shop
from tests.support.pages import read, send, sign_in
from tests.support.problems import assert_problem

pytestmark = pytest.mark.one_engine

one_engine = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
KEYS = {"key_id": 7, "consumer_key": "ck_" + "1" * 40, "consumer_secret": "cs_" + "2" * 40}


@pytest.fixture
def connected_shop(app, caplog):
    """Return a shop and a service that are not connected."""
    caplog.set_level(logging.DEBUG)
    with open_connected_shop(app) as connected_shop:
        yield connected_shop


@pytest.fixture
def admin(connected_shop):
    """Return a browser of an admin."""
    return sign_in(connected_shop.app)


def ask(client, url, **typed):
    """Fill in the form and return the page that follows."""
    form = read(client.get("/admin/connect")).form("/admin/connect")
    return send(client, form, url=url, way="ask", **typed)


def way_to(response):
    """Return the link to the shop on the page."""
    assert response.status_code == 200, response.text
    return read(response).links["Continue to the shop"]


def state_of(response):
    """Return the state in the link to the shop."""
    return parse_qs(urlsplit(way_to(response)).query)["user_id"][0]


def post_keys(client, state, **changes):
    """Send keys as a shop does."""
    body = KEYS | {"user_id": state, "key_permissions": "read_write"} | changes
    return client.post("/connect/woocommerce", json=body)


def refusal(response):
    """Return the status and the code of a refusal."""
    assert_problem(response, response.status_code)
    return response.status_code, response.json["code"]


def local(url):
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}"


def test_shop_is_connected_by_its_owners_word(connected_shop, admin, caplog):
    page = ask(admin, connected_shop.served.url, name="Café", slug="", time_zone="Europe/Paris", week_start="sunday")
    assert "form-action 'self'" in page.headers["Content-Security-Policy"]

    status, back = approve(way_to(page))
    response = admin.get(local(back))

    assert (status, response.location) == (302, "/admin/shop/connection")
    (stored,) = ledger_sql.rows(connected_shop.database, "select * from stores")
    (key,) = connected_shop.shop.keys.values()
    assert (stored["slug"], stored["name"], stored["time_zone"], stored["week_start"]) == (
        "shop",
        "Café",
        "Europe/Paris",
        6,
    )
    assert (stored["asks_from"] is not None, ledger_sql.count(connected_shop.database, "access_keys")) == (True, 0)
    assert connected_shop.shops.vault.open(stored["consumer_key"]) == key.consumer_key
    assert connected_shop.shops.vault.open(stored["consumer_secret"]) == key.consumer_secret
    assert key.consumer_key[-7:] in admin.get(response.location).text
    _assert_secret(connected_shop, caplog, key.consumer_secret, [page, response, admin.get(response.location)], back)
    _assert_secret(connected_shop, caplog, key.consumer_key, [page, response, admin.get(response.location)], back)


def _assert_secret(connected_shop, caplog, secret, responses, address):
    """Check that no page, address, log or row contains the secret in clear text."""
    for response in responses:
        assert secret not in response.text + str(response.headers)
    assert secret not in address + caplog.text
    rows = ledger_sql.rows(connected_shop.database, "select * from stores") + ledger_sql.rows(
        connected_shop.database, "select * from key_requests"
    )
    assert secret not in str(rows)


def test_state_is_valid_once_and_stored_only_as_a_hash(connected_shop, admin):
    state = state_of(ask(admin, connected_shop.served.url))

    first, second = (
        post_keys(connected_shop.client, state),
        post_keys(connected_shop.client, state, consumer_key="ck_" + "3" * 40),
    )

    assert (first.status_code, first.json) == (200, {"status": "received"})
    assert refusal(second) == (410, "key_request_over")
    (stored,) = ledger_sql.rows(connected_shop.database, "select consumer_key from stores")
    assert connected_shop.shops.vault.open(stored["consumer_key"]) == KEYS["consumer_key"]
    (request,) = ledger_sql.rows(connected_shop.database, "select * from key_requests")
    assert state not in str(request)
    assert request["state_hash"] == secrets.hash_state(state)


@one_engine
def test_state_ends_after_a_quarter_of_an_hour(connected_shop, admin):
    start = utcnow()
    with time_machine.travel(start, tick=False) as clock:
        last, late = (
            state_of(ask(admin, connected_shop.served.url)),
            state_of(ask(admin, connected_shop.served.url, slug="late")),
        )
        clock.move_to(start + timedelta(minutes=15) - timedelta(microseconds=1))
        assert post_keys(connected_shop.client, last).status_code == 200
        clock.move_to(start + timedelta(minutes=15))
        assert refusal(post_keys(connected_shop.client, late)) == (410, "key_request_over")
    assert ledger_sql.count(connected_shop.database, "stores") == 1


@pytest.mark.both_engines
def test_of_keys_that_come_twice_at_once_one_are_taken(connected_shop, admin):
    state, got = state_of(ask(admin, connected_shop.served.url)), []
    clients = [connected_shop.app.test_client() for _ in range(4)]
    threads = [
        threading.Thread(target=lambda client=client: got.append(post_keys(client, state).status_code))
        for client in clients
    ]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(got) == [200, 410, 410, 410]
    assert ledger_sql.count(connected_shop.database, "stores") == 1


@one_engine
def test_what_no_shop_sends_is_refused_and_changes_nothing(connected_shop, admin, caplog):
    state = state_of(ask(admin, connected_shop.served.url))

    for changes, status in (
        ({"user_id": "made-up"}, 404),
        ({"user_id": ""}, 422),
        ({"user_id": "x" * 101}, 422),
        ({"user_id": 7}, 422),
        ({"user_id": None}, 422),
        ({"consumer_key": "cs_" + "1" * 40}, 422),
        ({"consumer_key": ""}, 422),
        ({"consumer_secret": "cs_\x00" + "1" * 40}, 422),
        ({"consumer_secret": ["cs_1"]}, 422),
        ({"key_permissions": "read"}, 422),
        ({"key_id": "7"}, 422),
        ({"more": 1}, 422),
    ):
        response = post_keys(connected_shop.client, **{"state": state} | changes)
        assert_problem(response, status)
        assert KEYS["consumer_secret"] not in response.text + caplog.text
    assert ledger_sql.count(connected_shop.database, "stores") == 0
    assert post_keys(connected_shop.client, state).status_code == 200, "the state is still good"


@one_engine
def test_body_that_is_no_answer_is_refused(connected_shop):
    long = b'{"a":"' + b"x" * 4090 + b'"}'
    bodies = {b"": 400, b"null": 400, b"[]": 400, b"{": 400, b"\xff{}": 400, long: 413}

    for body, status in bodies.items():
        assert_problem(connected_shop.client.post("/connect/woocommerce", data=body), status)
    chunked = {"wsgi.input_terminated": True}
    unmeasured = connected_shop.client.post(
        "/connect/woocommerce", input_stream=BytesIO(long), environ_overrides=chunked
    )
    assert_problem(unmeasured, 413)
    assert connected_shop.client.get("/connect/woocommerce").status_code == 405


@one_engine
def test_owner_who_denies_changes_nothing_and_may_be_asked_again(connected_shop, admin):
    back = deny(way_to(ask(admin, connected_shop.served.url)))

    page = admin.get(local(back))

    assert (page.status_code, "Access was denied" in page.text) == (200, True)
    assert read(page).links["Try again"] == "/admin/connect"
    assert ledger_sql.count(connected_shop.database, "stores") == 0
    assert approve(way_to(ask(admin, connected_shop.served.url)))[0] == 302
    assert connected_shop.app.test_client().get(local(back)).location.startswith("/admin?next=")


@one_engine
def test_owner_who_comes_back_without_keys_sees_a_message(connected_shop, admin):
    state = state_of(ask(admin, connected_shop.served.url))

    page = admin.get(f"/admin/connect/return?success=1&user_id={state}")

    assert "No keys have arrived" in page.text
    for made_up in ("made-up", "", "x" * 9_000, "%00", "%ED%A0%80"):
        assert admin.get(f"/admin/connect/return?success=1&user_id={made_up}").status_code == 404


@one_engine
def test_shop_that_cannot_deliver_its_keys_takes_them_back(connected_shop, admin):
    """WooCommerce deletes the keys it created where the service does not answer 200."""
    page = ask(admin, connected_shop.served.url)
    post_keys(connected_shop.client, state_of(page))

    status, _ = approve(way_to(page))

    assert (status, connected_shop.shop.keys) == (401, {})


@one_engine
def test_connected_shop_gets_new_keys_and_the_old_ones_serve_until_then(connected_shop, admin):
    connected_shop.connect(permissions="read")
    connected_shop.watch()
    (old,) = connected_shop.shop.keys
    page = read(admin.get("/admin/shop/connection"))

    there = send(admin, page.form("connection/ask"))
    with connected_shop.reading() as reading:
        assert reading.shop.check().fault is None
    status, back = approve(way_to(there))

    assert admin.get(local(back)).location == "/admin/shop/connection"
    assert (status, ledger_sql.count(connected_shop.database, "stores")) == (302, 1)
    (stored,) = ledger_sql.rows(connected_shop.database, "select consumer_key from stores")
    assert connected_shop.shops.vault.open(stored["consumer_key"]) in set(connected_shop.shop.keys) - {old}
    assert connected_shop.known().looked_at is None
    with connected_shop.reading() as reading:
        assert reading.shop.check().write_fault is None


@one_engine
def test_shop_is_connected_once_and_a_name_is_taken_once(connected_shop, admin):
    connected_shop.connect()
    factories.add_shop(connected_shop.app, "second")

    again = ask(admin, f"{connected_shop.served.url}/", slug="other")
    taken = ask(admin, "http://127.0.0.1:1", slug="second")
    suggested = ask(admin, "http://127.0.0.1:1")

    assert (again.status_code, read(again).alerts) == (
        409,
        ["This shop is already connected as shop; connect it again on its Connection page."],
    )
    assert (taken.status_code, read(taken).alerts) == (409, ["A store named second already exists."])
    post_keys(connected_shop.client, state_of(suggested))
    assert [row["slug"] for row in ledger_sql.rows(connected_shop.database, "select slug from stores order by id")] == [
        *("shop", "second", "shop-2")
    ]


@one_engine
def test_name_that_was_taken_meanwhile_loses_no_keys(connected_shop, admin):
    state = state_of(ask(admin, connected_shop.served.url, slug="late"))
    factories.add_shop(connected_shop.app, "late")

    assert refusal(post_keys(connected_shop.client, state)) == (409, "store_exists")
    assert ledger_sql.count(connected_shop.database, "stores") == 1
    assert ledger_sql.rows(connected_shop.database, "select used_at from key_requests") == [{"used_at": None}]


@one_engine
def test_form_says_which_field_is_wrong_and_keeps_what_was_typed(connected_shop, admin):
    for typed, field in (
        ({"url": ""}, "url"),
        ({"url": "http://shop.example.com"}, "url"),
        ({"url": "https://shop.example.com/\x00"}, ""),
        ({"url": "x" * 5_000}, "url"),
        ({"slug": "Not a slug"}, "slug"),
        ({"slug": "connect"}, "slug"),
        ({"time_zone": "Mars/Base"}, "time_zone"),
        ({"time_zone": "../etc/passwd"}, "time_zone"),
        ({"week_start": "someday"}, "week_start"),
    ):
        response = ask(admin, **{"url": "http://127.0.0.1:1", "name": '"><script>', "slug": ""} | typed)
        page = read(response)
        assert (response.status_code, len(page.alerts)) == (422, 1), typed
        assert page.form("/admin/connect").fields["name"] == '"><script>'
        assert [values["name"] for _, values in page.tags if "aria-invalid" in values] == ([field] if field else [])
    assert ledger_sql.count(connected_shop.database, "key_requests") == 0


@one_engine
def test_bridge_no_shop_can_reach_says_so_and_takes_keys_by_hand(connected_shop, admin):
    response = ask(admin, "https://shop.example.com")

    assert response.status_code == 422
    assert "WooCommerce sends keys only to an https address" in read(response).alerts[0]
    assert ledger_sql.count(connected_shop.database, "key_requests") == 0


@one_engine
def test_keys_typed_by_hand_are_tried_before_they_are_stored(connected_shop, admin, caplog):
    key = connected_shop.shop.add_key()
    typed = {"url": connected_shop.served.url, "slug": "hand", "way": "keys", "consumer_key": key.consumer_key}

    def connect(secret):
        return send(admin, read(admin.get("/admin/connect")).form("/admin/connect"), **typed, consumer_secret=secret)

    for secret, words in (("cs_" + "9" * 40, "HTTP 401"), ("", "opy both completely"), ("cs_é" + "9" * 40, "opy both")):
        wrong = connect(secret)
        assert (wrong.status_code, words in read(wrong).alerts[0]) == (422, True)
        assert key.consumer_key not in wrong.text
    assert ledger_sql.count(connected_shop.database, "stores") == 0
    connected_shop.served.faults.add(Kind.ERROR_PAGE, times=2)
    assert "HTTP 500" in read(connect(key.consumer_secret)).alerts[0]
    right = connect(key.consumer_secret)

    assert (right.status_code, right.location) == (303, "/admin/hand/connection")
    assert "The shop accepts these keys; they are saved." in admin.get(right.location).text
    _assert_secret(connected_shop, caplog, key.consumer_secret, [right, admin.get(right.location)], right.location)


@one_engine
def test_connecting_needs_a_session_and_its_own_form(connected_shop):
    anonymous = connected_shop.app.test_client()

    assert anonymous.get("/admin/connect").location.startswith("/admin?next=")
    assert anonymous.post("/admin/connect", data={"url": connected_shop.served.url}).status_code == 400
    admin = sign_in(connected_shop.app)
    assert admin.post("/admin/connect", data={"url": connected_shop.served.url, "way": "ask"}).status_code == 400
    assert json.loads(anonymous.post("/connect/woocommerce", data="{}").text)["code"] == "invalid_request"
    assert ledger_sql.count(connected_shop.database, "key_requests") == 0
