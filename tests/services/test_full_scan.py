"""The full scan finds changes without a new date, a part at a time, and stops where a shop lost most orders."""

from __future__ import annotations

import pytest

from bridge.domain.shop.issues import Code
from bridge.services.shop import full_scan
from bridge.storage.shop import sync_state
from fakeshop.rest.faults import Kind
from tests.support.connected_shop import DAY, open_connected_shop

one_engine = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
"""The values read from a shop do not depend on the database engine."""


@pytest.fixture
def connected_shop(app):
    """Return a shop and a service, not connected yet, with pages of ten."""
    with open_connected_shop(app, page=10) as connected_shop:
        yield connected_shop


def test_scan_finds_changes_without_a_new_date(connected_shop):
    connected_shop.connect().listen()
    unchanged, refunded, deleted = connected_shop.sell(2), connected_shop.sell(3), connected_shop.sell(4)
    refund = connected_shop.shop.refund_amount(refunded, "5.00")
    connected_shop.shop.run_queue()
    assert connected_shop.balances() == {2: 100_000, 3: 50_000, 4: 100_000}
    connected_shop.later(3600)
    connected_shop.sell(5)
    connected_shop.poll()
    connected_shop.shop.delete_refund(refunded, refund.id)
    connected_shop.shop.force_delete(deleted)
    assert (connected_shop.poll().seen, connected_shop.poll().changed) == (1, 0)

    report, is_through = connected_shop.run_full_scan()

    assert is_through
    assert [(found.order, found.posted) for found in report.differences] == [(refunded, 50_000), (deleted, -100_000)]
    assert connected_shop.balances() == {2: 100_000, 3: 100_000, 4: 0, 5: 100_000}
    assert unchanged not in [found.order for found in report.differences]


def test_scan_continues_where_it_stopped_and_an_outage_loses_no_order(connected_shop):
    connected_shop.connect()
    placed = connected_shop.sell_many(5)
    connected_shop.poll()
    for number in placed:
        connected_shop.shop.force_delete(number)

    first = connected_shop.run_full_scan(limit=2)
    connected_shop.served.faults.add(Kind.ERROR_PAGE, times=None)
    broken = connected_shop.run_full_scan(limit=2)
    connected_shop.served.faults.clear()
    rest = [connected_shop.run_full_scan(limit=2), connected_shop.run_full_scan(limit=2)]

    assert (first[0].reversed, first[1]) == (200_000, False)
    assert (broken[0].seen, broken[1]) == (0, False)
    assert "HTTP 500" in broken[0].interruption
    assert [(report.reversed, is_through) for report, is_through in rest] == [(200_000, False), (100_000, True)]
    assert (connected_shop.known().swept_to, connected_shop.known().swept_at) == (None, connected_shop.now)
    assert connected_shop.balances() == {2: 0}


@one_engine
def test_scan_stops_for_a_shop_that_lost_most_of_its_orders(connected_shop):
    """An old copy was restored, or the address leads to another shop."""
    connected_shop.connect()
    placed = connected_shop.sell_many(12)
    connected_shop.poll()
    removed = dict(connected_shop.shop.orders)
    for number in placed[:11]:
        connected_shop.shop.force_delete(number)

    report, _ = connected_shop.run_full_scan()

    assert connected_shop.balances() == {2: 1_200_000}
    assert "It may be another shop" in report.failures[0]
    connected_shop.watch()
    assert Code.SYNC_INCOMPLETE in connected_shop.faults()
    assert "the shop no longer has 10 of 10 orders" in connected_shop.known().stopped["sweep"].why
    for number in placed[:11]:
        connected_shop.shop.orders[number] = removed[number]
    connected_shop.run_full_scan()
    connected_shop.watch()
    assert Code.SYNC_INCOMPLETE not in connected_shop.faults(), "a later scan was fine"


@one_engine
def test_scan_drops_orders_that_are_older_than_its_span(connected_shop):
    """The scan's own writes do not make an order young again."""
    connected_shop.connect()
    connected_shop.sell()
    connected_shop.poll()
    for _ in range(3):
        connected_shop.later(29 * DAY)
        connected_shop.run_full_scan()

    with connected_shop.database.reading() as connection:
        since = connected_shop.now - full_scan.FULL_SCAN_SPAN
        assert (
            sync_state.list_due_for_full_scan(connection, connected_shop.store.id, since=since, after=0, limit=9) == []
        )


@one_engine
def test_scan_is_due_once_a_night_and_after_one_that_was_cut_off(connected_shop):
    connected_shop.connect()

    def is_due():
        with connected_shop.database.reading() as connection:
            return full_scan.is_full_scan_due(connection, connected_shop.store, now=connected_shop.now)

    assert is_due()
    # Well before three: a scan that ends after three counts as that night's.
    connected_shop.now = connected_shop.now.replace(hour=2, minute=50, second=0)
    connected_shop.run_full_scan()
    assert not is_due()
    connected_shop.later(15 * 60)
    assert is_due(), "it is past three"
    connected_shop.run_full_scan()
    connected_shop.later(3 * 3600)
    assert not is_due()
    connected_shop.later(DAY)
    assert is_due()
    connected_shop.run_full_scan()
    connected_shop.sell_many(3)
    connected_shop.poll()
    connected_shop.run_full_scan(limit=2)
    assert is_due(), "it was cut off"


@one_engine
def test_scan_finds_a_new_order_whose_delivery_was_lost_while_the_clock_was_set_back(connected_shop):
    """The sync by date has read beyond it."""
    old = connected_shop.shop.place_order(3, [(10, 1)], status="completed").id
    connected_shop.later(3 * DAY)
    connected_shop.connect(history="skip").listen()
    connected_shop.later(DAY)
    connected_shop.sell()
    connected_shop.poll()
    connected_shop.skew = -7200
    missed = connected_shop.sell(4)
    connected_shop.shop.queue.clear()
    connected_shop.skew = 0
    connected_shop.later(3600)
    assert connected_shop.poll().is_clean
    assert connected_shop.balances() == {2: 100_000}

    report, is_through = connected_shop.run_full_scan()

    assert (report.failures, is_through) == ([], True)
    assert connected_shop.balances() == {2: 100_000, 4: 100_000}
    shown = [
        connected_shop.client.get(f"/v1/orders/{number}", headers=connected_shop.headers) for number in (old, missed)
    ]
    assert [one.status_code for one in shown] == [404, 200]


@one_engine
def test_order_that_fails_among_the_newest_stops_no_scan(connected_shop):
    connected_shop.connect().listen()
    kept, broken = connected_shop.sell(2), connected_shop.sell(3)
    connected_shop.shop.run_queue()
    connected_shop.shop.force_delete(kept)
    sickness = connected_shop.served.rest.sickness
    sickness.broken, sickness.hides_fields = {broken}, True

    assert connected_shop.run_full_scan()[1]

    assert connected_shop.balances() == {2: 0, 3: 100_000}
