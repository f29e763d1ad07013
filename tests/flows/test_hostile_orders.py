"""Difficult documents of shops: nothing is granted twice, stuck or silent."""

from __future__ import annotations

import json
import threading
import time
from datetime import timedelta

import pytest

from bridge.clients.woocommerce import documents
from bridge.domain.shop.issues import Code
from bridge.rendering.issues import describe
from bridge.services.orders import apply
from bridge.services.stores import settings
from bridge.web.context import utcnow
from fakeshop.rest.faults import Kind
from schedulers import jobs, shop_jobs
from schedulers.context import JobContext
from tests.factories import balance_of, deliver, line, order, put_package, put_user, spend, state_of
from tests.support import ledger_sql
from tests.support.connected_shop import open_connected_shop
from tests.support.refused_entries import refuse_entries

one_engine = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)


@pytest.fixture
def connected_shop(app):
    """Return a shop and a service, not connected yet."""
    with open_connected_shop(app) as connected_shop:
        yield connected_shop


def test_refund_that_is_listed_twice_counts_once(shop, database):
    put_package(shop, 10, 1_000)
    document = order(1, lines=[line(quantity=2)], refunds=["-5.00"])
    document["refunds"] *= 2

    deliver(shop, document)

    assert balance_of(shop, 2) == 1_000
    assert ledger_sql.faults(database) == []


@pytest.mark.parametrize("refunds", [[], {}], ids=["list", "object"])
def test_refund_that_a_document_leaves_out_is_verified_with_the_shop(connected_shop, refunds):
    number = refunded_order(connected_shop)
    deliver(connected_shop, changed(connected_shop, number, refunds=refunds))

    assert connected_shop.balances() == {2: 100_000}


UNSTATED = pytest.mark.parametrize("refunds", [None, "missing", "text", 0, [{"id": 9}], [{"total": "0.00"}]], ids=repr)
"""Values in the place of a document's refunds that do not state that there are none."""


def without_refunds(document, refunds):
    """Return the document with another value in the place of its refunds."""
    others = {name: value for name, value in document.items() if name != "refunds"}
    return others if refunds == "missing" else others | {"refunds": refunds}


@UNSTATED
def test_refund_stands_where_a_document_does_not_state_the_refunds(shop, database, refunds):
    put_package(shop, 10, 1_000)
    lines = [line(quantity=2)]
    deliver(shop, order(lines=lines, refunds=["-5.00"]))
    spend(shop, 2, 900)

    for at in (5, 9):
        deliver(shop, without_refunds(order(at=at, lines=lines), refunds))

    assert state_of(shop, 2) == {"balance": 100, "held": 0, "available": 100, "debt": 0}
    deliver(shop, order(at=12, lines=lines))
    assert balance_of(shop, 2) == 1_100, "an empty list says that the refund was deleted"
    assert ledger_sql.faults(database) == []


@one_engine
@UNSTATED
def test_refund_stands_with_rest_keys_where_a_document_does_not_state_the_refunds(connected_shop, refunds):
    number = refunded_order(connected_shop)
    document = without_refunds(changed(connected_shop, number), refunds)
    connected_shop.asked()

    deliver(connected_shop, document)

    assert connected_shop.balances() == {2: 100_000}
    is_stated = refunds not in (None, "missing")
    assert (f"GET orders/{number}" in connected_shop.asked()) is is_stated, "what is not stated leaves nothing to ask"


UNREADABLE = pytest.mark.parametrize(
    "refunds",
    [[{"id": 5, "total": "-5,00"}], [{"id": 5}], [{"id": 5, "total": ""}], [{"id": 5, "total": None}], [None], "text"],
    ids=repr,
)
"""Refunds of an order without a known one that are stated and cannot be read."""


@UNREADABLE
def test_unreadable_refund_is_a_review_item_without_rest_keys(shop, database, refunds):
    put_package(shop, 10, 1_000)
    deliver(shop, order(1))

    deliver(shop, order(1, at=5) | {"refunds": refunds})

    assert balance_of(shop, 2) == 1_000
    ((kind, subject),) = reviews_of(shop)
    assert kind == "refunds_unreadable"
    deliver(shop, order(1, at=7) | {"refunds": refunds})
    decision = {"kind": kind, "subject": subject, "choice": "leave"}
    assert shop.client.post("/v1/orders/1/decisions", json=decision, headers=shop.headers).status_code == 200
    deliver(shop, order(1, at=9) | {"refunds": refunds})
    assert reviews_of(shop) == [], "the same list again is reviewed"
    deliver(shop, order(1, at=11) | {"refunds": [{"id": 5, "total": "?"}]})
    assert [kind for kind, _ in reviews_of(shop)] == ["refunds_unreadable"]
    deliver(shop, order(1, at=13, refunds=["-10.00"]))
    assert (balance_of(shop, 2), reviews_of(shop)) == (0, [])
    assert ledger_sql.faults(database) == []


@pytest.mark.parametrize("refunds", [None, "missing", [], {}], ids=repr)
def test_refunds_that_are_not_stated_or_none_ask_nothing(shop, refunds):
    put_package(shop, 10, 1_000)
    deliver(shop, order(1))

    deliver(shop, without_refunds(order(1, at=5), refunds))

    assert (balance_of(shop, 2), reviews_of(shop)) == (1_000, [])


@UNREADABLE
def test_unreadable_refund_is_read_again_with_rest_keys(connected_shop, refunds):
    connected_shop.connect().listen()
    number = connected_shop.shop.place_order(2, [(10, 2)], status="completed").id
    connected_shop.shop.run_queue()
    connected_shop.later(5)
    (sold,) = connected_shop.shop.orders[number].lines
    connected_shop.shop.refund_lines(number, {sold.id: 1})
    connected_shop.shop.queue.clear()

    deliver(connected_shop, changed(connected_shop, number, refunds=refunds))

    assert connected_shop.balances() == {2: 100_000}
    assert reviews_of(connected_shop) == []


def reviews_of(shop):
    """Return kind and subject of all open review items."""
    listed = shop.client.get("/v1/exceptions", headers=shop.headers).json["items"]
    return [(review["kind"], review["subject"]) for item in listed for review in item["reviews"]]


def test_refund_that_was_deleted_in_the_shop_is_granted_again(connected_shop):
    number = refunded_order(connected_shop)
    connected_shop.shop.orders[number].refunds.clear()
    deliver(connected_shop, changed(connected_shop, number))

    assert connected_shop.balances() == {2: 200_000}


@one_engine
def test_left_out_refund_waits_for_a_shop_that_is_down(connected_shop):
    number = refunded_order(connected_shop)
    document = changed(connected_shop, number, refunds=[])
    connected_shop.served.faults.add(Kind.ERROR_PAGE, path="", times=None, seconds=3600)
    deliver(connected_shop, document)
    assert connected_shop.balances() == {2: 100_000}
    connected_shop.served.faults.clear()
    connected_shop.later(60)

    jobs.retry_deliveries(JobContext(connected_shop.database, lambda: connected_shop.now), shops=connected_shop.shops)

    assert connected_shop.balances() == {2: 100_000}


def refunded_order(connected_shop):
    """Return an order of two packages of 100,000 tokens, one of which was refunded."""
    connected_shop.connect().listen()
    number = connected_shop.shop.place_order(2, [(10, 2)], status="completed").id
    connected_shop.shop.run_queue()
    connected_shop.later(5)
    (sold,) = connected_shop.shop.orders[number].lines
    connected_shop.shop.refund_lines(number, {sold.id: 1})
    connected_shop.shop.run_queue()
    connected_shop.later(5)
    return number


def changed(connected_shop, number, **changes):
    """Return the shop's own document of an order with changes, a second later."""
    with connected_shop.reading() as reading:
        document = json.loads(json.dumps(reading.shop.get_order(number), default=str))
    moment = (connected_shop.now + timedelta(seconds=1)).replace(tzinfo=None).isoformat()
    return {**document, "date_modified_gmt": moment, **changes}


def test_delivery_that_cannot_be_processed_is_named(connected_shop):
    connected_shop.connect()
    put_user(connected_shop, 2)
    refuse_entries(connected_shop.database, 2)
    document = order(7)
    put_package(connected_shop, 10, 1_000)
    deliver(connected_shop, document)
    assert Code.UNPROCESSED not in connected_shop.faults()

    connected_shop.later(1_000)

    (fault,) = [fault for fault in connected_shop.watch().left if fault.code is Code.UNPROCESSED]
    assert describe(fault).startswith("order 7 could not be processed, since ")
    assert "Each is retried at least" in describe(fault)


def test_store_added_with_its_history_begins_to_grant_at_once(connected_shop):
    connected_shop.sell_many(3)
    connected_shop.later(60)
    connected_shop.connect(history="grant")

    shop_jobs.grant_past_orders(
        JobContext(connected_shop.database, lambda: connected_shop.now), shops=connected_shop.shops
    )

    assert connected_shop.balances() == {2: 300_000}


def test_orders_of_one_payment_that_come_at_the_same_moment_name_each_other(shop, app, database):
    put_package(shop, 10, 1_000)
    one, other = (order(number, customer=number) | {"transaction_id": "pi_1"} for number in (1, 2))
    client = app.test_client()
    sending = threading.Thread(target=deliver, args=(shop, other), kwargs={"client": client})

    with database.transaction() as connection:
        store = settings.get_store(connection, "shop")
        apply.apply_order(connection, store, documents.read_order(one), received_at=utcnow(), now=utcnow())
        sending.start()
        time.sleep(0.3)
    sending.join(20)

    (item,) = shop.client.get("/v1/exceptions", headers=shop.headers).json["items"]
    assert (item["id"], item["reviews"][0]["parameters"]) == (2, {"orders": ["1"]})
    assert (balance_of(shop, 1), balance_of(shop, 2)) == (1_000, 1_000)


def test_reports_and_refusals_name_the_number_of_the_shop(connected_shop):
    connected_shop.connect()
    number = connected_shop.sell()
    deliver(connected_shop, {**changed(connected_shop, number), "number": "TB-17", "status": "pending"})

    report = connected_shop.poll()

    assert [(found.order, found.number) for found in report.differences] == [(number, "TB-17")]
    path = f"/v1/orders/{number}"
    assigned = connected_shop.client.post(f"{path}/assign", json={"user": {"id": 5}}, headers=connected_shop.headers)
    (sold,) = connected_shop.client.get(path, headers=connected_shop.headers).json["lines"]
    amount = connected_shop.client.put(f"{path}/lines/{sold['id']}", json={"tokens": 7}, headers=connected_shop.headers)
    for refused in (assigned, amount):
        assert refused.status_code == 409
        assert "order TB-17 " in refused.json["detail"]


@one_engine
def test_large_delivery_whose_id_is_not_found_is_no_matter_of_the_api_version(connected_shop):
    connected_shop.connect()
    document = {"note": "x" * (10 * 1024**2), **order(7)}

    assert deliver(connected_shop, document).status_code == 200

    (row,) = ledger_sql.rows(connected_shop.database, "select state, outcome from deliveries")
    assert row == {"state": "ignored", "outcome": "too large to be stored, and the ID is not at its beginning"}
    assert Code.DELIVERY_TOO_LARGE in connected_shop.faults()
    assert Code.OTHER_FORM not in connected_shop.faults()


def test_order_that_the_owner_left_stays_left_when_the_setting_grants_such_orders(connected_shop):
    numbers = [connected_shop.shop.place_order(2, [(10, 1)], status="processing").id for _ in range(2)]
    connected_shop.later(60)
    connected_shop.connect(history="skip")
    connected_shop.later(60)
    connected_shop.shop.set_status(numbers[0], "completed")
    connected_shop.poll()
    body = {"kind": "paid_later", "subject": "", "choice": "leave"}
    left = connected_shop.client.post(f"/v1/orders/{numbers[0]}/decisions", json=body, headers=connected_shop.headers)
    assert left.status_code == 200

    connected_shop.client.put("/v1/store", json={"past_orders_paid_later": "grant"}, headers=connected_shop.headers)
    connected_shop.shop.set_status(numbers[1], "completed")
    connected_shop.poll()

    assert connected_shop.balances() == {2: 100_000}


def replay(app, database, delivery):
    """Replay the delivery with this id of the shop."""
    (row,) = ledger_sql.rows(database, f"select id from deliveries where shop_delivery = '{delivery}'")
    assert app.test_cli_runner().invoke(args=["deliveries", "replay", str(row["id"])]).exit_code == 0
    jobs.retry_deliveries(JobContext(database, lambda: utcnow() + timedelta(minutes=1)))


def test_replayed_deletion_does_not_override_what_came_after_it(shop, app, database):
    put_package(shop, 10, 1_000)
    deliver(shop, order(1))
    deliver(shop, {"id": 1}, "order.deleted", delivery="first")
    deliver(shop, order(1, at=10), "order.restored")
    deliver(shop, {"id": 1}, "order.deleted", delivery="second")
    deliver(shop, order(1, at=20), "order.restored")
    deliver(shop, order(1, at=30))
    assert balance_of(shop, 2) == 1_000

    replay(app, database, "first")
    replay(app, database, "second")

    assert balance_of(shop, 2) == 1_000
    deliver(shop, {"id": 1}, "order.deleted", delivery="third")
    assert balance_of(shop, 2) == 0
    replay(app, database, "third")
    replay(app, database, "first")
    assert balance_of(shop, 2) == 0


def test_deletion_by_another_site_counts_for_the_moment_it_came(shop, app, database):
    put_package(shop, 10, 1_000)
    site = "https://other.example.test/"
    deliver(shop, {"id": 1}, "order.deleted", source=site)
    deliver(shop, order(1, at=86_400 * 30))

    app.test_cli_runner().invoke(args=["stores", "accept-source", "shop", site])
    jobs.retry_deliveries(JobContext(database, lambda: utcnow() + timedelta(minutes=1)))

    assert balance_of(shop, 2) == 1_000
