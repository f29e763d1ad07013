"""Invalid webhook requests: refused, or stored and ignored, without effect on other deliveries."""

from __future__ import annotations

import json

import pytest

from tests.factories import (
    balance_of,
    customer,
    deliver,
    delivery_headers,
    line,
    order,
    product,
    put_package,
    put_user,
)
from tests.support import ledger_sql
from tests.support.shared_app import ENGINES, open_shared_app

INBOX = "/webhooks/woocommerce/shop"


@pytest.fixture(scope="module", params=ENGINES)
def shared(request):
    with open_shared_app(request.param, request, "bad_input_webhooks") as service:
        put_package(service.shop, 10, 1_000)
        yield service
        assert ledger_sql.faults(service.database) == []


@pytest.fixture
def shop(shared):
    return shared.shop


@pytest.fixture
def database(shared):
    return shared.database


def last_delivery(database):
    return ledger_sql.rows(database, "select * from deliveries order by id desc limit 1")[0]


def assert_refused_and_not_stored(database, before, response, status, code):
    assert (response.status_code, response.get_json()["code"]) == (status, code)
    assert response.content_type == "application/problem+json"
    assert ledger_sql.count(database, "deliveries") == before


@pytest.mark.parametrize(
    "signature", [None, "", "wrong", "AAAA" * 11, "é", "=" * 5_000], ids=["none", "empty", "wrong", "as", "é", "long"]
)
def test_delivery_with_no_or_another_signature(shop, database, signature):
    before = ledger_sql.count(database, "deliveries")
    headers = delivery_headers(b"{}", "order.updated")
    headers.pop("X-WC-Webhook-Signature")
    if signature is not None:
        headers["X-WC-Webhook-Signature"] = signature

    response = shop.client.post(INBOX, data=b"{}", headers=headers)

    assert_refused_and_not_stored(database, before, response, 401, "bad_signature")


def test_body_that_was_changed_on_the_way(shop, database):
    before = ledger_sql.count(database, "deliveries")
    body = json.dumps(order()).encode()
    headers = delivery_headers(body, "order.updated", secret=shop.connected.webhook_secret)

    response = shop.client.post(INBOX, data=body.replace(b"10.00", b"99.00"), headers=headers)

    assert_refused_and_not_stored(database, before, response, 401, "bad_signature")


@pytest.mark.parametrize(
    "slug", ["nobody", "SHOP", "%00", "a%00", "%F0%9F%98%80", "%ED%A0%80", "shop%0A", "s" * 5_000, "."]
)
@pytest.mark.parametrize("body", [b"{}", b"webhook_id=5"])
def test_store_that_is_not_there(shop, database, slug, body):
    before = ledger_sql.count(database, "deliveries")
    headers = delivery_headers(body, "order.updated") if body == b"{}" else {}

    response = shop.client.post(f"/webhooks/woocommerce/{slug}", data=body, headers=headers)

    assert response.status_code == 404
    assert response.content_type == "application/problem+json"
    assert ledger_sql.count(database, "deliveries") == before


@pytest.mark.parametrize(("size", "status"), [(2**20 + 1, 400), (10 * 2**20 + 1, 200), (24 * 2**20 + 1, 413)])
def test_signed_body_of_many_mebibytes(shop, database, size, status):
    before = ledger_sql.count(database, "deliveries")

    response = deliver(shop, b"x" * size)

    assert response.status_code == status
    assert ledger_sql.count(database, "deliveries") == before + (status != 413)


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"{", b"null", b"[]", b"5", b'[{"id": 5}]', b'"x"', b"\xff\xfe", b"{'id': 5}"),
        *(b"[" * 90_000, b"9" * 9_000, b'{"id":' * 20_000),
    ],
    ids=lambda body: repr(body[:12]),
)
def test_signed_body_that_is_no_object_is_refused_and_stored(shop, database, body):
    response = deliver(shop, body)

    assert response.status_code == 400
    assert response.get_json()["code"] == "malformed_body"
    stored = last_delivery(database)
    assert (stored["state"], bytes(stored["body"]), stored["next_attempt_at"]) == ("rejected", body, None)
    assert stored["outcome"]


@pytest.mark.parametrize(
    ("document", "topic"),
    [
        ({}, "order.updated"),
        ({"order": 5}, "order.updated"),
        ({"id": None}, "order.updated"),
        ({"id": -5}, "order.updated"),
        ({"id": 2**60}, "order.updated"),
        ({"id": "5 or 1=1"}, "order.updated"),
        ({"id": 5}, "order.updated"),
        ({"id": 5, "status": "completed"}, "order.updated"),
        ({"code": "woocommerce_rest_cannot_view", "message": "Sorry", "data": {"status": 403}}, "order.updated"),
        ({"code": "nul\0 and half \ud800 a letter", "message": "Sorry"}, "order.updated"),
        ({"code": "x" * 5_000, "message": "Sorry"}, "order.updated"),
        ({"action": "woocommerce_order_status_completed", "arg": 20}, "action.woocommerce_order_status_completed"),
        (order(4_000), "coupon.updated"),
        (order(4_000), ""),
    ],
    ids=lambda value: str(value)[:40],
)
def test_object_that_says_nothing_of_use_is_stored_and_ignored(shop, database, document, topic):
    before = ledger_sql.count(database, "orders")

    response = deliver(shop, document, topic)

    assert response.status_code == 200
    assert last_delivery(database)["state"] == "ignored"
    assert ledger_sql.count(database, "orders") == before


@pytest.mark.parametrize("body", [b"webhook_id=5", b"webhook_id=12345", b"webhook_id=5\n"])
def test_ping_is_answered_exactly_200_and_stores_nothing(shop, database, body):
    before = ledger_sql.count(database, "deliveries")

    response = shop.client.post(INBOX, data=body, headers={"Content-Type": "application/x-www-form-urlencoded"})

    assert response.status_code == 200
    assert ledger_sql.count(database, "deliveries") == before


@pytest.mark.parametrize(
    "body", [b"webhook_id=", b"webhook_id=x", b"webhook_id=5&x=1", b"webhook_id=" + b"1" * 21, b""]
)
def test_what_only_looks_like_a_ping_needs_a_signature(shop, body):
    assert shop.client.post(INBOX, data=body).status_code == 401


HEADERS = ["Topic", "Source", "Delivery-ID", "ID"]
HEADER_VALUES = ["x" * 6_000, "\x7f\x80\xad", "é" * 200, ""]


@pytest.mark.parametrize("name", HEADERS)
@pytest.mark.parametrize("value", HEADER_VALUES, ids=["long", "odd", "é", "empty"])
def test_unsigned_headers_are_stored_as_far_as_they_fit(shop, database, name, value):
    # Each its own order: a repeat stores nothing, and the newest delivery would belong to another test.
    number = 4_100 + 10 * HEADERS.index(name) + HEADER_VALUES.index(value)
    body = json.dumps(order(number)).encode()
    source = shop.connected.store.url
    headers = delivery_headers(body, "order.updated", secret=shop.connected.webhook_secret, source=source)
    before = ledger_sql.count(database, "deliveries")

    response = shop.client.post(INBOX, data=body, headers=headers | {f"X-WC-Webhook-{name}": value})

    assert response.status_code == 200
    assert ledger_sql.count(database, "deliveries") == before + 1
    # A source other than the store's own waits for the owner.
    assert last_delivery(database)["state"] in {"processed", "ignored", *(["received"] if name == "Source" else [])}


def settled(shop, database, document, topic="order.updated"):
    """Deliver a document and return the resulting delivery."""
    response = deliver(shop, document, topic)
    assert response.status_code == 200, response.text
    delivery = last_delivery(database)
    return delivery["state"], delivery["outcome"]


NASTY = ["a\0b", "half \ud800 a letter", "\udfff", "", " ", "ß" * 400, "İ" * 400, "x" * 5_000]
NASTY_IDS = ["nul", "half", "tail", "empty", "blank", "ss", "i", "long"]


@pytest.mark.parametrize("text", NASTY, ids=NASTY_IDS)
def test_order_with_nasty_texts_is_granted_all_the_same(shop, database, text):
    document = order(5_000 + NASTY.index(text), customer=50 + NASTY.index(text), email=text)
    document["billing"] |= {"first_name": text, "last_name": text}
    document["line_items"][0] |= {"name": text, "sku": text}
    document |= {"currency": text, "number": text, "date_created_gmt": text, "total": text}

    state, _ = settled(shop, database, document)

    assert state == "processed"
    assert balance_of(shop, 50 + NASTY.index(text)) == 1_000


@pytest.mark.parametrize("text", NASTY, ids=NASTY_IDS)
def test_guests_order_with_a_nasty_address_can_be_looked_for(shop, database, text):
    state, _ = settled(shop, database, order(5_100 + NASTY.index(text), customer=0, email=text))

    assert state == "processed"


@pytest.mark.parametrize("text", NASTY, ids=NASTY_IDS)
def test_status_of_nasty_text_is_no_granting_one(shop, database, text):
    document = order(5_200 + NASTY.index(text), status=text, customer=80)

    state, _ = settled(shop, database, document)

    assert state == ("ignored" if text == "" else "processed")
    put_user(shop, 80)
    assert balance_of(shop, 80) == 0


@pytest.mark.parametrize("text", NASTY, ids=NASTY_IDS)
@pytest.mark.parametrize("topic", ["customer.updated", "product.updated"])
def test_customer_and_product_with_nasty_texts(shop, database, topic, text):
    number = 600 + NASTY.index(text)
    if topic == "customer.updated":
        document = customer(number, text, role=text) | {"first_name": text, "last_name": text}
    else:
        document = product(number, 5) | {"name": text, "sku": text, "type": text}
        document["meta_data"] += [{"key": text, "value": text}, {"key": "_aipkit_tokens_amount", "value": text}]

    assert settled(shop, database, document, topic)[0] == "processed"


def test_name_of_two_long_halves_fits(shop, database):
    """A hundred characters, a blank and a hundred more are one character too many for the column."""
    document = customer(650, "long@example.test") | {"first_name": "A" * 100, "last_name": "B" * 100}

    assert settled(shop, database, document, "customer.updated")[0] == "processed"


@pytest.mark.parametrize(
    "moment",
    ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-02-30T00:00:00", "yesterday", "", 5, None, [], {}],
    ids=repr,
)
def test_order_changed_at_no_moment_is_ignored(shop, database, moment):
    assert settled(shop, database, order(5_300) | {"date_modified_gmt": moment})[0] == "ignored"


@pytest.mark.parametrize(
    "money",
    ["1e-999999999", "1e999999999", "NaN", "sNaN", "-Infinity", "١٢", "1_0", "", "x", 1e308, 10**300, None, []],
    ids=repr,
)
def test_money_that_is_none_is_settled_soon(shop, database, money):
    """A fraction of 1e-999999999 would fill the memory of the machine."""
    document = order(5_400, customer=90) | {"total": money, "refunds": [{"id": 1, "total": money}]}
    document["line_items"][0]["total"] = money

    assert settled(shop, database, document)[0] == "processed"


def test_two_lines_with_one_id_count_once(shop, database):
    document = order(5_500, customer=91, lines=[line(1, quantity=2), line(1, quantity=3)])

    assert settled(shop, database, document)[0] == "processed"
    assert balance_of(shop, 91) == 3_000


def test_line_of_more_tokens_than_can_be_counted_moves_nothing(shop, database):
    document = order(5_600, customer=92, lines=[line(1, quantity=2**31 - 1, stamped=str(2**53 - 1))])

    state, outcome = settled(shop, database, document)

    assert (state, outcome.rpartition(": ")[2]) == ("processed", "nothing to post")
