"""Orders with dates ahead of our clock or behind it, from a shop without REST keys."""

from __future__ import annotations

import itertools
import json
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, update

from bridge.storage.orders.tables import order_lines, orders
from tests import factories
from tests.factories import balance_of, deliver, order, put_package
from tests.support import ledger_sql
from tests.support.connected_shop import open_connected_shop
from tests.support.pages import sign_in

SECOND, MINUTE, HOUR, DAY = (timedelta(**{unit: 1}) for unit in ("seconds", "minutes", "hours", "days"))
FAR = 3650 * DAY
AHEAD = [5 * MINUTE, 2 * HOUR, 14 * HOUR, 2 * DAY, FAR]
ENDS = ["refunded", "cancelled", "failed", "trash", "deleted"]
aheads = pytest.mark.parametrize("ahead", [5 * MINUTE, 14 * HOUR, FAR], ids=str)
ends = pytest.mark.parametrize("ended", ENDS)


def dated(document, moment):
    text = moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds")
    return document | {"date_modified_gmt": text, "date_modified": text}


def end(store, ended, moment, *, number=1, customer=2):
    """Deliver the end of an order; a deletion has no date."""
    if ended == "deleted":
        return deliver(store, {"id": number}, "order.deleted", delivery="gone" if number == 1 else f"gone-{number}")
    return deliver(store, dated(order(number, ended, customer=customer), moment))


def reviews(store, number=1):
    """Return the open review items of an order."""
    return store.client.get(f"/v1/orders/{number}", headers=store.headers).json["reviews"]


def decide(store, choice, number=1):
    (item,) = reviews(store, number)
    body = {"kind": item["kind"], "subject": item["subject"], "choice": choice}
    return store.client.post(f"/v1/orders/{number}/decisions", json=body, headers=store.headers)


def read_clock():
    return datetime.now(UTC).replace(microsecond=0)


@pytest.fixture
def now():
    return read_clock()


@pytest.fixture
def store(shop, database):
    put_package(shop, 10, 1000)
    factories.put_user(shop, 2)
    yield shop
    assert ledger_sql.faults(database) == []


@ends
def test_end_of_an_order_counts_after_a_document_dated_ahead(store, ended):
    """One order, of a buyer of its own, for each distance."""
    copies = 1 if ended == "cancelled" else 2
    for number, ahead in enumerate([SECOND, *AHEAD], start=1):
        now = read_clock()
        for _ in range(copies):
            deliver(store, dated(order(number, customer=number), now + ahead))
        assert balance_of(store, number) == 1000, ahead
        for _ in range(copies):
            assert end(store, ended, now + SECOND, number=number, customer=number).status_code == 200

        assert balance_of(store, number) == 0, ahead
        assert reviews(store, number) == [], ahead


@pytest.mark.parametrize("behind", [SECOND, 30 * SECOND], ids=str)
@aheads
def test_refund_of_a_clock_some_seconds_behind_ours_counts_after_a_document_dated_ahead(store, now, behind, ahead):
    deliver(store, dated(order(1), now + ahead))
    deliver(store, dated(order(1, "refunded"), now - behind))

    assert balance_of(store, 2) == 0


@pytest.mark.parametrize("offset", [-14 * HOUR, -HOUR, -5 * SECOND, 5 * SECOND, 45 * SECOND, HOUR], ids=str)
def test_end_of_an_order_counts_where_the_shops_clock_is_wrong_all_the_time(store, offset):
    for number, ended in enumerate(ENDS, start=1):
        now = read_clock()
        deliver(store, dated(order(number, customer=number), now + offset))
        end(store, ended, now + offset, number=number, customer=number)

        assert balance_of(store, number) == 0, ended


@aheads
def test_partial_refund_counts_after_a_document_dated_ahead(store, now, ahead):
    deliver(store, dated(order(1), now + ahead))
    deliver(store, dated(order(1, refunds=["-5.00"]), now + SECOND))

    assert balance_of(store, 2) == 500


@pytest.mark.parametrize("ahead", [20 * SECOND, 50 * SECOND], ids=str)
def test_refund_that_dates_put_before_a_document_dated_some_seconds_ahead_is_a_review_item(store, now, ahead):
    """The dates are trusted, since most clocks are off by so much; but no refund is ignored silently."""
    deliver(store, dated(order(1), now + ahead))
    deliver(store, dated(order(1, "refunded"), now + SECOND))

    (item,) = reviews(store)
    assert (item["kind"], item["choices"]) == ("date_unclear", ["apply", "leave"])
    assert balance_of(store, 2) == 1000
    assert decide(store, "apply").status_code == 200
    assert (balance_of(store, 2), reviews(store)) == (0, [])


@pytest.mark.parametrize("ended", ["refunded", "cancelled"])
@aheads
def test_end_dated_long_before_a_document_dated_ahead_came_is_a_review_item(store, now, ended, ahead):
    """Either it is late, or the document before it was."""
    deliver(store, dated(order(1), now + ahead))
    for _ in range(2):
        end(store, ended, now - HOUR)

    assert balance_of(store, 2) == 1000
    (item,) = reviews(store)
    assert (item["kind"], item["parameters"]["status"]) == ("date_unclear", ended)
    decide(store, "leave")
    end(store, ended, now - HOUR)
    assert (balance_of(store, 2), reviews(store)) == (1000, [])


@pytest.mark.parametrize("ahead", AHEAD, ids=str)
def test_document_dated_ahead_does_not_grant_an_ended_order_again(store, ahead):
    """One order, of a buyer of its own, for each way to end."""
    for number, ended in enumerate(ENDS, start=1):
        now = read_clock()
        deliver(store, dated(order(number, customer=number), now - MINUTE))
        end(store, ended, now, number=number, customer=number)
        late = dated(order(number, customer=number), now + ahead)
        for _ in range(2):
            deliver(store, late)

        assert balance_of(store, number) == 0, ended
        (item,) = reviews(store, number)
        assert (item["kind"], item["choices"]) == ("date_unclear", ["apply", "leave"]), ended
        listed = store.client.get("/v1/exceptions", headers=store.headers).json["items"]
        assert [one["question"] for one in listed] == ["date_unclear"], ended
        assert decide(store, "apply", number).status_code == 200
        assert (balance_of(store, number), reviews(store, number)) == (1000, []), ended
        deliver(store, late)
        assert (balance_of(store, number), reviews(store, number)) == (1000, []), ended
        deliver(store, dated(order(number, "refunded", customer=number), now + 5 * SECOND))
        assert balance_of(store, number) == 0, ended


@aheads
def test_document_dated_ahead_does_not_forget_a_partial_refund(store, now, ahead):
    deliver(store, dated(order(1, refunds=["-5.00"]), now))
    deliver(store, dated(order(1), now + ahead))

    assert balance_of(store, 2) == 500
    assert "date_unclear" in {item["kind"] for item in reviews(store)}


@pytest.mark.parametrize("ended", ["refunded", "cancelled", "failed", "trash"])
def test_granting_document_after_an_end_dated_ahead_is_a_review_item(store, now, ended):
    deliver(store, dated(order(1), now - MINUTE))
    end(store, ended, now + 14 * HOUR)
    deliver(store, dated(order(1), now + 2 * SECOND))

    assert balance_of(store, 2) == 0
    assert [item["kind"] for item in reviews(store)] == ["date_unclear"]


def test_newer_document_ends_the_review_item(store, now):
    deliver(store, dated(order(1, "cancelled"), now - MINUTE))
    deliver(store, dated(order(1), now + FAR))
    assert [item["kind"] for item in reviews(store)] == ["date_unclear"]

    deliver(store, dated(order(1), now + SECOND))

    assert (balance_of(store, 2), reviews(store)) == (1000, [])


def test_review_item_of_dates_is_left_out_where_the_order_has_no_package(store, now):
    line = factories.line(product=11)
    assert store.client.put("/v1/packages/11", json={"tokens": 0}, headers=store.headers).status_code == 200
    deliver(store, dated(order(1, "cancelled", lines=[line]), now))
    deliver(store, dated(order(1, lines=[line]), now + FAR))

    assert reviews(store) == []


@aheads
def test_order_trashed_and_restored_after_a_document_dated_ahead_is_granted(store, now, ahead):
    deliver(store, dated(order(1), now + ahead))
    end(store, "deleted", now)
    deliver(store, dated(order(1), now + 2 * SECOND), "order.restored")

    assert balance_of(store, 2) == 1000


@aheads
def test_late_deletion_does_not_override_what_came_after_it(store, app, database, now, ahead):
    """A document dated ahead lies between: its date must not make later documents look old."""
    deliver(store, dated(order(1), now + ahead))
    end(store, "deleted", now)
    deliver(store, dated(order(1), now + SECOND), "order.restored")
    deliver(store, dated(order(1), now + 2 * DAY + 2 * SECOND if ahead < 2 * DAY else now + ahead + MINUTE))
    (row,) = ledger_sql.rows(database, "select id from deliveries where shop_delivery = 'gone'")
    app.test_cli_runner().invoke(args=["deliveries", "replay", str(row["id"])])

    assert balance_of(store, 2) == 1000


def test_repetition_of_a_document_dated_years_ahead_does_not_undo_a_refund(store, now):
    first = dated(order(1), now + FAR)
    for document in (first, dated(order(1, "refunded"), now + SECOND), first):
        deliver(store, document)

    assert (balance_of(store, 2), reviews(store)) == (0, [])


@pytest.mark.parametrize("offset", [2 * MINUTE, 14 * HOUR, FAR], ids=str)
def test_documents_of_a_clock_that_is_ahead_count_as_they_come(store, now, offset):
    balances = []
    for place, status in enumerate(("processing", "completed", "refunded", "completed")):
        deliver(store, dated(order(1, status), now + offset + place * SECOND))
        balances.append(balance_of(store, 2))

    assert (balances, reviews(store)) == ([0, 1000, 0, 1000], [])


@pytest.mark.parametrize("offset", [-14 * HOUR, SECOND, 45 * SECOND, MINUTE + 5 * SECOND, FAR], ids=str)
def test_documents_of_one_clock_are_ordered_as_they_say(store, offset):
    """One order, of a buyer of its own, for each order of arrival."""
    for number, arrival in enumerate(itertools.permutations(range(3)), start=1):
        # Whether a document is dated far ahead depends on the time that has passed until it came.
        now = read_clock()
        documents = [
            dated(order(number, status, customer=number), now + offset + place * SECOND)
            for place, status in enumerate(("processing", "cancelled", "completed"))
        ]
        for place in (*arrival, *arrival):
            deliver(store, documents[place])

        assert (balance_of(store, number), reviews(store, number)) == (1000, []), arrival


def test_five_documents_of_usual_dates_end_alike_in_every_order_of_arrival(store, now):
    stages = [
        ("completed", ()),
        ("cancelled", ()),
        ("completed", ()),
        ("completed", ("-2.50",)),
        ("completed", ("-2.50", "-2.50")),
    ]
    ends_ = set()
    for number, arrival in enumerate([*itertools.permutations(range(5))][::7], start=1):
        for place in (*arrival, *arrival):
            status, refunds = stages[place]
            document = order(number, status, refunds=refunds, customer=number)
            assert deliver(store, dated(document, now + (place - 2) * SECOND)).status_code == 200
        ends_.add((balance_of(store, number), number_of_date_items(store, number)))

    assert ends_ == {(500, 0)}


def number_of_date_items(store, number):
    found = store.client.get(f"/v1/orders/{number}", headers=store.headers).json["reviews"]
    return sum(item["kind"] == "date_unclear" for item in found)


@pytest.mark.parametrize("ended", ["refunded", "trash"])
@pytest.mark.parametrize("ahead", AHEAD, ids=str)
def test_end_counts_for_an_order_stored_with_a_date_ahead(store, database, now, ended, ahead):
    """Rows of an older version hold the stated date as the rank of each value."""
    deliver(store, dated(order(1), now))
    date_as_before(database, now + ahead)
    end(store, ended, now + 2 * SECOND)

    assert balance_of(store, 2) == 0


@aheads
def test_order_trashed_after_a_date_ahead_was_stored_can_leave_the_trash(store, database, now, ahead):
    deliver(store, dated(order(1), now))
    date_as_before(database, now + ahead)
    end(store, "deleted", now)
    with database.transaction() as connection:
        connection.execute(update(orders).values(trashed_after=now + ahead))
    deliver(store, dated(order(1), now + 3 * SECOND))

    assert balance_of(store, 2) == 1000 or [item["kind"] for item in reviews(store)] == ["date_unclear"]


@pytest.mark.parametrize("ended", ["refunded", "cancelled"])
@aheads
def test_end_counts_for_an_order_stored_before_ranks(store, database, now, ended, ahead):
    deliver(store, dated(order(1), now))
    date_as_before(database, now + ahead)
    with database.transaction() as connection:
        for table in (orders, order_lines):
            connection.execute(update(table).values(sources=None))
    end(store, ended, now + SECOND)

    assert balance_of(store, 2) == 0


def date_as_before(database, moment):
    """Store order 1 as an earlier version did, with the stated date unchanged."""
    at = int(moment.timestamp()) * 1_000_000
    with database.transaction() as connection:
        for table in (orders, order_lines):
            for row in connection.execute(select(table)).all():
                sources = dict(row.sources)
                sources["ranks"] = [[weight, epoch, at, *rest] for weight, epoch, _, *rest in sources["ranks"]]
                if "documents" in sources:
                    sources["documents"] = [[at, *document[1:3]] for document in sources["documents"]]
                connection.execute(update(table).values(sources=sources))
        connection.execute(update(orders).values(modified_at=moment, decided_at=moment))


def test_shop_whose_clock_is_ahead_is_named(store, app, now):
    def sentences():
        return app.test_cli_runner().invoke(args=["stores", "check", "shop"]).output

    deliver(store, dated(order(1), now + 30 * SECOND))
    assert "ahead of the clock of this machine" not in sentences()
    deliver(store, dated(order(2), now + 2 * HOUR))

    assert "dated 2 hours ahead of the clock of this machine" in sentences()
    assert "dated 2 hours ahead of the clock of this machine" in sign_in(app).get("/admin/shop/connection").text


END_IN_SHOP = {
    "refunded": lambda shop, number: shop.refund_by_status(number),
    "cancelled": lambda shop, number: shop.cancel(number),
    "failed": lambda shop, number: shop.set_status(number, "failed"),
    "trash": lambda shop, number: shop.trash(number),
}


@pytest.mark.parametrize("ended", END_IN_SHOP)
def test_shop_with_keys_is_asked_where_dates_cannot_be_compared(app, ended):
    with open_connected_shop(app) as connected_shop:
        connected_shop.connect().listen()
        number = connected_shop.sell()
        connected_shop.shop.run_queue()
        with connected_shop.reading() as reading:
            document = json.loads(json.dumps(reading.shop.get_order(number), default=str))
        connected_shop.asked()
        connected_shop.later()
        END_IN_SHOP[ended](connected_shop.shop, number)
        connected_shop.shop.run_queue()
        connected_shop.asked()

        deliver(connected_shop, dated(document, connected_shop.now + FAR))

        assert f"GET orders/{number}" in connected_shop.asked()
        assert connected_shop.balances() == {2: 0}
        assert connected_shop.client.get("/v1/exceptions", headers=connected_shop.headers).json["items"] == []
