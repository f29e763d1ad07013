"""The sweep finds what no date of change tells, a part at a time, and believes no shop that lost everything."""

from __future__ import annotations

import pytest

from bridge.services.shop import reconcile
from bridge.storage.shop import sync_state
from fakeshop.faults import Kind
from tests.support.reading import DAY, open_rig

one_engine = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
"""What is read from a shop does not depend on where it is written to."""


@pytest.fixture
def rig(app):
    """A shop and a bridge, not connected yet, who talk in pages of ten."""
    with open_rig(app, page=10) as rig:
        yield rig


def test_sweep_finds_what_no_date_tells(rig):
    rig.connect().listen()
    kept, refunded, deleted = rig.sell(2), rig.sell(3), rig.sell(4)
    refund = rig.shop.refund_amount(refunded, "5.00")
    rig.shop.run_queue()
    assert rig.balances() == {2: 100_000, 3: 50_000, 4: 100_000}
    rig.later(3600)
    rig.sell(5)
    rig.poll()
    rig.shop.delete_refund(refunded, refund.id)
    rig.shop.force_delete(deleted)
    assert (rig.poll().seen, rig.poll().changed) == (1, 0)

    report, is_through = rig.run_full_scan()

    assert is_through
    assert [(found.order, found.posted) for found in report.differences] == [(refunded, 50_000), (deleted, -100_000)]
    assert rig.balances() == {2: 100_000, 3: 100_000, 4: 0, 5: 100_000}
    assert kept not in [found.order for found in report.differences]


def test_sweep_goes_on_where_it_stopped_and_an_outage_loses_no_order(rig):
    rig.connect()
    placed = rig.sell_many(5)
    rig.poll()
    for number in placed:
        rig.shop.force_delete(number)

    first = rig.run_full_scan(limit=2)
    rig.served.faults.add(Kind.ERROR_PAGE, times=None)
    broken = rig.run_full_scan(limit=2)
    rig.served.faults.clear()
    rest = [rig.run_full_scan(limit=2), rig.run_full_scan(limit=2)]

    assert (first[0].reversed, first[1]) == (200_000, False)
    assert (broken[0].seen, broken[1]) == (0, False)
    assert "HTTP 500" in broken[0].interruption
    assert [(report.reversed, is_through) for report, is_through in rest] == [(200_000, False), (100_000, True)]
    assert (rig.known().swept_to, rig.known().swept_at) == (None, rig.now)
    assert rig.balances() == {2: 0}


@one_engine
def test_sweep_believes_no_shop_that_lost_most_of_its_orders(rig):
    """An old copy was put back, or the address leads to another shop."""
    rig.connect()
    placed = rig.sell_many(12)
    rig.poll()
    for number in placed[:11]:
        rig.shop.force_delete(number)

    report, _ = rig.run_full_scan()

    assert rig.balances() == {2: 1_200_000}
    assert "looks like another shop" in report.failures[0]


@one_engine
def test_sweep_lets_go_of_orders_that_are_older_than_its_span(rig):
    """Its own writing does not make an order young again."""
    rig.connect()
    rig.sell()
    rig.poll()
    for _ in range(3):
        rig.later(29 * DAY)
        rig.run_full_scan()

    with rig.database.reading() as connection:
        since = rig.now - reconcile.FULL_SCAN_SPAN
        assert sync_state.list_due_for_full_scan(connection, rig.store.id, since=since, after=0, limit=9) == []


@one_engine
def test_sweep_is_due_once_a_night_and_after_one_that_was_cut_off(rig):
    rig.connect()

    def is_due():
        with rig.database.reading() as connection:
            return reconcile.is_full_scan_due(connection, rig.store, now=rig.now)

    assert is_due()
    rig.now = rig.now.replace(hour=2, minute=59)
    rig.run_full_scan()
    assert not is_due()
    rig.later(120)
    assert is_due(), "it is past three"
    rig.run_full_scan()
    rig.later(3 * 3600)
    assert not is_due()
    rig.later(DAY)
    assert is_due()
    rig.run_full_scan()
    rig.sell_many(3)
    rig.poll()
    rig.run_full_scan(limit=2)
    assert is_due(), "it was cut off"
