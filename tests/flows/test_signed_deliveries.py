"""Signed deliveries are never ignored silently: other forms, large bodies, repetitions."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from bridge.services.shop import inbox
from bridge.web.context import utcnow
from schedulers import jobs
from schedulers.context import JobContext
from tests.factories import balance_of, deliver, delivery_headers, line, order, put_package, put_user
from tests.support import ledger_sql
from tests.support.connected_shop import open_connected_shop
from tests.support.pages import sign_in

one_engine = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)


@pytest.fixture
def shop(shop):
    """Return the recorded shop, with package 10 of 1000 tokens."""
    put_package(shop, 10, 1_000)
    put_user(shop, 2)
    return shop


@pytest.fixture(autouse=True)
def sound_ledger(database):
    yield
    assert ledger_sql.faults(database) == []


def retry(app):
    parts = app.extensions["bridge"]
    jobs.retry_deliveries(JobContext(parts.database, utcnow), shops=parts.shops)


def rows(database):
    return ledger_sql.rows(database, "select topic, state, held_for, outcome, repeats from deliveries order by id")


@pytest.mark.parametrize(
    ("topic", "document"),
    [
        ("order.updated", {"order": {"id": 20, "status": "completed", "line_items": []}}),
        ("order.updated", {key: value for key, value in order(20).items() if key != "date_modified_gmt"}),
        ("order.updated", order(20) | {"date_modified_gmt": "20/11/2026"}),
        ("order.updated", {key: value for key, value in order(20).items() if key != "status"}),
        ("product.updated", {"product": {"id": 10, "title": "Tokens"}}),
    ],
)
@one_engine
def test_form_of_an_older_api_is_named(shop, app, database, topic, document):
    assert deliver(shop, document, topic).status_code == 200

    assert [row["state"] for row in rows(database)] == ["ignored"]
    page = sign_in(app).get("/admin/shop/connection").text
    assert f"webhook 2 ({topic})" in page
    assert "set its API version to v3" in page


@one_engine
@pytest.mark.parametrize("is_older", [True, False])
def test_order_in_another_form_is_read_back_by_its_id(app, is_older):
    with open_connected_shop(app) as connected_shop:
        connected_shop.connect()
        put_package(connected_shop, 10, 1_000)
        number = connected_shop.sell()
        connected_shop.later()
        document = {"order": {"id": number}} if is_older else {"id": number}

        deliver(connected_shop, document, "order.updated")

        assert connected_shop.balances() == {2: 1_000}


@one_engine
@pytest.mark.parametrize(
    "action", ["order_status_completed", "payment_complete", "new_order", "checkout_order_processed"]
)
def test_order_of_an_action_is_read_from_the_shop(app, action):
    with open_connected_shop(app) as connected_shop:
        connected_shop.connect()
        put_package(connected_shop, 10, 1_000)
        number = connected_shop.sell()
        connected_shop.later()

        for argument in (number, str(number), number + 1_000, "x", None):
            body = {"action": f"woocommerce_{action}", "arg": argument}
            assert deliver(connected_shop, body, f"action.woocommerce_{action}").status_code == 200

        assert connected_shop.balances() == {2: 1_000}


def test_action_without_rest_keys_is_named(app, shop):
    topic = "action.woocommerce_order_status_completed"
    deliver(shop, {"action": "woocommerce_order_status_completed", "arg": "x"}, topic)
    page = sign_in(app)
    assert "sends the ID of an order and nothing else" not in page.get("/admin/shop/connection").text

    deliver(shop, {"action": "woocommerce_order_status_completed", "arg": 7}, topic)

    text = page.get("/admin/shop/connection").text
    assert f"({topic}) sends the ID of an order and nothing else" in text
    assert "API version" not in text


@one_engine
def test_order_under_an_unknown_topic_is_applied(shop):
    for topic, number in (("", 1), ("my_plugin.paid", 2), ("subscription.updated", 3)):
        deliver(shop, order(number) | {"order_key": f"wc_order_{number}"}, topic)

    assert balance_of(shop, 2) == 2_000


@one_engine
def test_lines_that_are_not_stated_are_verified_with_rest_keys(app):
    with open_connected_shop(app) as connected_shop:
        connected_shop.connect()
        put_package(connected_shop, 10, 1_000)
        number = connected_shop.sell()
        connected_shop.poll()
        connected_shop.later()
        stated = order(number, at=10**7)

        for lines in (None, [], {}):
            deliver(connected_shop, stated | {"line_items": lines})
            assert connected_shop.balances() == {2: 1_000}
            assert connected_shop.client.get("/v1/exceptions", headers=connected_shop.headers).json["items"] == []


@pytest.mark.parametrize("lines", [None, [], {}, "missing", "x"], ids=["null", "list", "object", "missing", "text"])
def test_lines_that_are_not_stated_reverse_nothing_without_keys(shop, lines):
    deliver(shop, order(at=1))
    document = order(at=2) | {"line_items": lines}
    if lines == "missing":
        del document["line_items"]

    deliver(shop, document)

    assert balance_of(shop, 2) == 1_000
    (item,) = shop.client.get("/v1/exceptions", headers=shop.headers).json["items"]
    assert item["question"] == "lines_unclear"


@one_engine
def test_lists_written_as_objects_are_lists(shop):
    deliver(shop, order(lines=[]) | {"line_items": {"2": line(2), "0": line(1, stamped="7")}, "meta_data": {}})
    stamped = line(1) | {"meta_data": {"0": {"key": "_tokens_granted", "value": "7"}}}
    deliver(shop, order(2, lines=[stamped]))
    deliver(shop, order(3) | {"refunds": {"1": {"id": 9, "total": "-5.00"}}})

    assert balance_of(shop, 2) == 1_007 + 7 + 500


@one_engine
@pytest.mark.parametrize("quantity", [2.5, "2.5", "2.50"], ids=["number", "text", "longer"])
def test_fractions_are_granted_and_shown(shop, quantity):
    deliver(shop, order(lines=[line(quantity=quantity)]))

    assert balance_of(shop, 2) == 2_500
    document = shop.client.get("/v1/orders/1", headers=shop.headers).json
    assert document["lines"][0]["quantity"] == 2.5
    assert (
        shop.client.get("/v1/users/2/purchases", headers=shop.headers).json["items"][0]["lines"][0]["quantity"] == 2.5
    )
    deliver(shop, order(at=5, lines=[line(quantity=1.5)]))
    assert balance_of(shop, 2) == 1_500


@one_engine
def test_repeated_delivery_is_one_row_with_a_counter(shop, app, database):
    for _ in range(200):
        assert deliver(shop, order()).status_code == 200

    assert [row["repeats"] for row in rows(database)] == [199]
    assert "sends the same delivery repeatedly" in sign_in(app).get("/admin/shop/connection").text
    deliver(shop, order(), "order.created")
    deliver(shop, order(at=1))
    deliver(shop, order())
    assert len(rows(database)) == 4
    assert balance_of(shop, 2) == 1_000


@one_engine
def test_bare_ids_are_counted_only_under_one_delivery_id(shop, database):
    deliver(shop, order(at=1))
    for delivery in ("a", "a", "b"):
        deliver(shop, {"id": 1}, "order.deleted", delivery=delivery)

    assert [row["repeats"] for row in rows(database)] == [0, 1, 0]


@one_engine
def test_large_delivery_is_accepted_and_a_larger_one_is_answered_and_named(shop, app, database):
    large = json.dumps(order() | {"note": "x" * (9 * 1024**2)}).encode()
    larger = json.dumps(order(2) | {"note": "x" * (11 * 1024**2)}).encode()

    assert deliver(shop, large).status_code == 200
    assert balance_of(shop, 2) == 1_000
    assert deliver(shop, larger).status_code == 200
    assert "a delivery was too large" in sign_in(app).get("/admin/shop/connection").text
    stored = ledger_sql.rows(database, "select resource_id, body from deliveries order by id")[1]
    assert (stored["resource_id"], bytes(stored["body"])) == (2, b'{"id":2}')
    headers = delivery_headers(larger, "order.updated", secret="another")
    assert shop.client.post("/webhooks/woocommerce/shop", data=larger, headers=headers).status_code == 413


@one_engine
@pytest.mark.parametrize("place", ["beginning", "end"])
def test_order_that_is_too_large_to_be_stored_is_read_from_the_shop(app, place):
    """By its ID where that is at the beginning of the document, else with the next sync."""
    with open_connected_shop(app) as connected_shop:
        connected_shop.connect()
        put_package(connected_shop, 10, 1_000)
        number = connected_shop.sell()
        note = {"note": "x" * (10 * 1024**2)}
        document = order(number) | note if place == "beginning" else note | order(number)

        assert deliver(connected_shop, document).status_code == 200

        assert connected_shop.balances() == ({2: 1_000} if place == "beginning" else {})
        connected_shop.poll()
        assert connected_shop.balances() == {2: 1_000}


@pytest.mark.parametrize("status", ["pending", "on-hold"])
def test_granted_order_that_stays_unpaid_for_a_day_asks(shop, app, database, status):
    deliver(shop, order(at=1))
    deliver(shop, order(2, status, at=2))
    deliver(shop, order(status=status, at=2))

    def settle(later):
        jobs.settle_open_orders(JobContext(database, lambda: utcnow() + later))
        return shop.client.get("/v1/exceptions", headers=shop.headers).json["items"]

    assert settle(timedelta(hours=23)) == []
    (item,) = settle(timedelta(hours=25))
    assert (item["id"], item["question"]) == (1, "unpaid")
    assert balance_of(shop, 2) == 1_000
    assert ledger_sql.rows(database, "select number from orders where unpaid_since is not null") == []
    deliver(shop, order(status="completed", at=9))
    assert settle(timedelta(hours=26)) == []


@pytest.mark.parametrize("is_replayed", [False, True])
def test_repeat_of_a_known_document_overrides_no_later_one_of_its_second(shop, app, database, is_replayed):
    first, second = order(lines=[line(quantity=3)]), order(lines=[line(quantity=5)])
    deliver(shop, first)
    deliver(shop, second)

    if is_replayed:
        parts = app.extensions["bridge"]
        (number, *_) = [row["id"] for row in ledger_sql.rows(database, "select id from deliveries order by id")]
        with parts.database.transaction() as connection:
            assert inbox.replay(connection, number, now=utcnow())
        retry(app)
    else:
        deliver(shop, first)

    assert balance_of(shop, 2) == 5_000


@one_engine
def test_late_document_of_the_second_of_a_refund_is_for_the_shop_to_decide(app):
    """Two documents of one second: only the shop can say which of them it wrote last."""
    with open_connected_shop(app) as connected_shop:
        connected_shop.connect()
        put_package(connected_shop, 10, 1_000)
        number = connected_shop.sell()
        connected_shop.poll()
        connected_shop.later()
        connected_shop.shop.refund_by_status(number)
        refunded = moment_of(connected_shop, number)
        connected_shop.poll()
        assert connected_shop.balances() == {2: 0}
        connected_shop.asked()

        deliver(connected_shop, order(number, customer=2) | {"date_modified_gmt": refunded})

        assert connected_shop.balances() == {2: 0}
        assert f"GET orders/{number}" in connected_shop.asked()


def moment_of(connected_shop, number):
    """Return when an order of the connected shop changed, as its documents write it."""
    with connected_shop.reading() as reading:
        return reading.shop.get_order(number)["date_modified_gmt"]
