"""Orders of a shop without REST keys whose clock is set back: no change is ignored silently."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, update

from bridge.storage.shop.tables import deliveries
from tests import factories
from tests.factories import balance_of, deliver, line, order, put_package
from tests.support import ledger_sql

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
backs = pytest.mark.parametrize("back", [timedelta(seconds=40), 2 * HOUR], ids=str)


@pytest.fixture
def now():
    return datetime.now(UTC).replace(microsecond=0)


@pytest.fixture
def store(shop, database):
    put_package(shop, 10, 1000)
    factories.put_user(shop, 2)
    yield shop
    assert ledger_sql.faults(database) == []


def send(store, document, moment, **more):
    """Deliver a document dated at a moment."""
    text = moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds")
    response = deliver(store, document | {"date_modified_gmt": text, "date_modified": text}, **more)
    assert response.status_code == 200


def items(store):
    shown = store.client.get("/v1/orders/1", headers=store.headers).json["reviews"]
    return [item for item in shown if item["kind"] == "date_unclear"]


def decide(store, choice):
    (item,) = items(store)
    body = {"kind": item["kind"], "subject": item["subject"], "choice": choice}
    return store.client.post("/v1/orders/1/decisions", json=body, headers=store.headers)


CHANGES = {
    "refunded": (order(1, "refunded", refunds=["-10.00"]), 0),
    "cancelled": (order(1, "cancelled"), 0),
    "failed": (order(1, "failed"), 0),
    "trash": (order(1, "trash"), 0),
    "partial refund": (order(1, refunds=["-5.00"]), 500),
    "fewer pieces": (order(1, lines=[line(quantity=0)], total="10.00"), 0),
    "more pieces": (order(1, lines=[line(quantity=3)], total="10.00"), 3000),
}


@backs
@pytest.mark.parametrize("change", CHANGES)
def test_change_dated_before_a_document_that_came_first_is_a_review_item(store, now, change, back):
    document, expected = CHANGES[change]
    send(store, order(1), now)
    for _ in range(2):
        send(store, document, now - back)

    assert balance_of(store, 2) == 1000
    (item,) = items(store)
    assert item["choices"] == ["apply", "leave"]
    assert decide(store, "apply").status_code == 200
    assert (balance_of(store, 2), items(store)) == (expected, [])


@backs
def test_order_granted_again_by_a_clock_set_back_is_a_review_item(store, now, back):
    send(store, order(1), now - 3 * HOUR)
    send(store, order(1, "cancelled"), now)
    send(store, order(1), now - back)

    assert (balance_of(store, 2), len(items(store))) == (0, 1)
    decide(store, "apply")
    assert (balance_of(store, 2), items(store)) == (1000, [])


@backs
def test_buyer_changed_by_a_clock_set_back_is_a_review_item(store, now, back):
    send(store, order(1), now)
    send(store, order(1, customer=3), now - back)

    assert (balance_of(store, 2), len(items(store))) == (1000, 1)
    decide(store, "apply")
    assert (balance_of(store, 2), balance_of(store, 3)) == (0, 1000)


def test_left_change_is_closed_until_the_shop_sends_another(store, now):
    send(store, order(1), now)
    send(store, order(1, refunds=["-5.00"]), now - HOUR)
    decide(store, "leave")
    send(store, order(1, refunds=["-5.00"]), now - HOUR)
    assert (balance_of(store, 2), items(store)) == (1000, [])

    send(store, order(1, refunds=["-5.00", "-1.00"]), now - HOUR + MINUTE)

    assert len(items(store)) == 1
    decide(store, "apply")
    assert balance_of(store, 2) == 400


def test_later_document_with_the_change_closes_the_review_item(store, now):
    send(store, order(1), now - MINUTE)
    send(store, order(1, refunds=["-5.00"]), now - HOUR)
    assert len(items(store)) == 1

    send(store, order(1, refunds=["-5.00"]), now)

    assert (balance_of(store, 2), items(store)) == (500, [])


def test_deliveries_that_overtake_each_other_within_seconds_are_no_review_item(store, now):
    """The shop sends an order as it is at that moment, so a document is seconds late at most."""
    send(store, order(1), now)
    send(store, order(1, "cancelled"), now - timedelta(seconds=8))
    send(store, order(1, refunds=["-5.00"]), now - timedelta(seconds=5))

    assert (balance_of(store, 2), items(store)) == (1000, [])


def test_old_news_is_no_review_item(store, now):
    """A document from before a full refund, a repetition, and an unpaid status grant and reverse nothing."""
    send(store, order(1), now - 2 * HOUR)
    send(store, order(1, "refunded", refunds=["-10.00"]), now)
    send(store, order(1, email="other@example.test"), now - HOUR)
    send(store, order(1), now - 2 * HOUR)
    send(store, order(1, "processing"), now - HOUR)

    assert (balance_of(store, 2), items(store)) == (0, [])


def test_replayed_delivery_counts_as_when_it_first_came(store, app, database, now):
    send(store, order(1, "cancelled"), now - HOUR, delivery="first")
    send(store, order(1), now)
    with database.transaction() as connection:
        found = connection.execute(select(deliveries.c.id).where(deliveries.c.shop_delivery == "first")).scalar_one()
        connection.execute(update(deliveries).where(deliveries.c.id == found).values(received_at=now - HOUR))
    run = app.test_cli_runner().invoke(args=["deliveries", "replay", str(found)])

    assert run.exit_code == 0, run.output
    assert (balance_of(store, 2), items(store)) == (1000, [])
