"""The sync reads all changes of the shop, and the cursor passes only applied orders."""

from __future__ import annotations

import logging
import threading
from datetime import timedelta

import pytest

from bridge.domain.errors import NoShopKeys
from bridge.services.orders import apply as orders
from bridge.services.shop import ingest, reconcile
from bridge.storage.orders import orders as order_rows
from tests.support import ledger_sql
from tests.support.connected_shop import DAY, open_connected_shop

one_engine = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
"""The values read from a shop do not depend on the database engine."""


@pytest.fixture
def connected_shop(app):
    """Return a shop and a service, not connected yet, with pages of ten."""
    with open_connected_shop(app, page=10) as connected_shop:
        yield connected_shop


@pytest.fixture
def broken_order(monkeypatch):
    """Return a set of order numbers that fail with an unexpected error."""
    numbers, real = set(), orders.apply_orders

    def apply(connection, store, wanted, **more):
        settled = real(connection, store, wanted, **more)
        if numbers.intersection(order.number for order in wanted):
            raise ZeroDivisionError
        return settled

    monkeypatch.setattr(orders, "apply_orders", apply)
    return numbers


def test_undelivered_orders_are_applied_once(connected_shop):
    connected_shop.connect()
    connected_shop.sell(2)
    connected_shop.sell(2, product=16)

    first, second = connected_shop.poll(), connected_shop.poll()

    assert (first.seen, first.changed, first.expected, first.granted_before, first.granted) == (
        2,
        2,
        110_000,
        0,
        110_000,
    )
    assert [(found.expected, found.granted, found.posted) for found in first.differences] == [
        (100_000, 0, 100_000),
        (10_000, 0, 10_000),
    ]
    assert (second.changed, second.expected, second.granted_before, second.granted) == (0, 110_000, 110_000, 0)
    assert connected_shop.balances() == {2: 110_000}


def test_trashed_order_is_taken_back_though_its_list_is_another(connected_shop):
    connected_shop.connect()
    order = connected_shop.sell()
    connected_shop.poll()
    connected_shop.later()
    connected_shop.shop.trash(order)

    assert connected_shop.poll().reversed == 100_000
    assert connected_shop.balances() == {2: 0}


def test_dry_run_reports_and_writes_nothing(connected_shop):
    connected_shop.connect()
    connected_shop.sell()

    report = connected_shop.poll(is_dry=True)

    assert report.granted == 100_000
    assert connected_shop.cursor() is None
    assert (
        ledger_sql.count(connected_shop.database, "entries") == ledger_sql.count(connected_shop.database, "orders") == 0
    )
    assert ledger_sql.count(connected_shop.database, "packages") == 0


@one_engine
@pytest.mark.parametrize("seconds", [1, 0])
def test_more_than_a_page_is_read_whole_even_within_one_second(connected_shop, seconds):
    connected_shop.connect()
    connected_shop.sell_many(25, seconds=seconds)

    report = connected_shop.poll()

    assert report.is_clean
    assert connected_shop.balances() == {2: 25 * 100_000}


@one_engine
def test_orders_of_one_second_that_leave_it_while_it_is_read_hide_no_other(connected_shop):
    """An order of the first page is saved: every later one moves one place forward, across the page's end."""
    connected_shop.connect()
    placed = connected_shop.sell_many(15, seconds=0)
    connected_shop.poll(since=connected_shop.now + timedelta(days=1))  # the products are stored now
    real, saved = connected_shop.shop.orders[placed[0]], []

    def save(document):
        if len(saved) < 1:
            saved.append(document)
            connected_shop.later(5)
            connected_shop.shop.save(real.id)

    with connected_shop.reading() as reading:
        seen_before = reading.shop.list_orders

        def list_orders(**asked):
            page = seen_before(**asked)
            if asked["per_page"] == 10 and asked["page"] == 1:
                save(page)
            return page

        reading.shop.list_orders = list_orders
        reconcile.poll(reading, since=None, now=connected_shop.now)

    assert saved
    assert connected_shop.balances() == {2: 15 * 100_000}


@one_engine
def test_shop_that_sorts_by_something_else_hides_no_order(connected_shop, monkeypatch):
    """As by a local clock that went back, or by ids, whatever was requested."""
    connected_shop.connect()
    placed = connected_shop.sell_many(12)
    connected_shop.later()
    for number in placed[:3]:
        connected_shop.shop.save(number)
    monkeypatch.setattr("fakeshop.rest.api.sort_by", lambda query, found, key, number: sorted(found, key=number))

    connected_shop.poll()

    assert connected_shop.balances() == {2: 12 * 100_000}


def test_cursor_stops_at_an_order_that_fails_and_the_rest_is_applied(connected_shop, broken_order, caplog):
    connected_shop.connect()
    placed = connected_shop.sell_many(3)
    connected_shop.poll()
    before = connected_shop.cursor()
    placed += connected_shop.sell_many(3, seconds=30)
    broken_order.add(placed[4])

    report = connected_shop.poll()

    assert (report.failed, report.failures, report.is_clean) == (1, [f"order {placed[4]}: ZeroDivisionError"], False)
    assert connected_shop.balances() == {2: 500_000}
    assert connected_shop.cursor() == before
    assert "was not applied" in caplog.text
    broken_order.clear()
    assert connected_shop.poll().granted == 100_000
    assert connected_shop.cursor() > before
    assert connected_shop.balances() == {2: 600_000}


@one_engine
def test_unapplied_order_is_a_fault_until_it_is_applied(connected_shop, broken_order, caplog):
    caplog.set_level(logging.CRITICAL)
    connected_shop.connect().listen()
    broken_order.add(connected_shop.sell())
    connected_shop.poll()

    assert "orders_not_applied" in connected_shop.faults()
    broken_order.clear()
    connected_shop.poll()
    assert "orders_not_applied" not in connected_shop.faults()


def test_poll_that_is_killed_goes_on_from_the_last_page_that_was_applied(connected_shop, monkeypatch):
    """Applied five at a time: a page of nine, then five of the next."""
    connected_shop.connect()
    placed = connected_shop.sell_many(23)
    turns = []
    real = orders.apply_orders

    class Killed(BaseException):
        pass

    def apply(*args, **more):
        turns.append(args)
        if len(turns) == 4:
            raise Killed
        return real(*args, **more)

    monkeypatch.setattr(ingest, "TOGETHER", 5)
    monkeypatch.setattr(orders, "apply_orders", apply)
    with pytest.raises(Killed):
        connected_shop.poll()

    assert connected_shop.cursor() == connected_shop.shop.order(placed[8]).modified_at
    assert connected_shop.balances() == {2: 14 * 100_000}
    assert connected_shop.poll().granted == 9 * 100_000
    assert connected_shop.balances() == {2: 23 * 100_000}


@one_engine
def test_next_page_is_fetched_while_one_is_applied_and_no_further_one(connected_shop, monkeypatch):
    connected_shop.connect()
    connected_shop.sell_many(45)
    real, fetched, applied = orders.apply_orders, threading.Semaphore(0), []

    def apply(*args, **more):
        applied.append(args)
        if len(applied) < 5:
            assert fetched.acquire(timeout=20), "it waits for the page to be applied"
        assert not fetched.acquire(blocking=False)
        return real(*args, **more)

    monkeypatch.setattr(orders, "apply_orders", apply)
    with connected_shop.reading() as reading:
        list_changes = reading.shop.list_changes

        def record(**asked):
            page = list_changes(**asked)
            if asked["modified_after"] is not None and asked["statuses"] is None:
                fetched.release()
            return page

        reading.shop.list_changes = record
        report = reconcile.poll(reading, since=None, now=connected_shop.now)

    assert (report.granted, len(applied)) == (45 * 100_000, 5)


@one_engine
def test_unknown_product_is_requested_once_and_not_for_each_order(connected_shop):
    connected_shop.connect()
    connected_shop.sell_many(9)
    connected_shop.asked()

    connected_shop.poll()

    assert connected_shop.asked().count("GET products/10") == 1
    assert connected_shop.balances() == {2: 900_000}


def test_since_later_than_the_cursor_does_not_jump_over_what_lies_between(connected_shop):
    connected_shop.connect()
    connected_shop.sell()
    connected_shop.poll()
    before = connected_shop.cursor()
    connected_shop.sell_many(1, seconds=DAY)
    between = connected_shop.now
    connected_shop.sell_many(1, seconds=DAY)

    later = connected_shop.poll(since=between + timedelta(hours=1))

    assert (later.seen, connected_shop.cursor()) == (1, before)
    assert connected_shop.poll().granted == 100_000
    assert connected_shop.balances() == {2: 300_000}


@one_engine
def test_date_in_the_future_does_not_carry_the_cursor_along(connected_shop):
    connected_shop.connect()
    connected_shop.later(400 * DAY)
    connected_shop.sell()
    connected_shop.later(-400 * DAY)
    connected_shop.poll()
    assert connected_shop.cursor() <= connected_shop.now

    connected_shop.later(60)
    connected_shop.sell(3)

    connected_shop.poll()
    assert connected_shop.balances() == {2: 100_000, 3: 100_000}


@one_engine
def test_store_without_keys_gets_an_error(connected_shop):
    connected_shop.connect(has_keys=False)

    with pytest.raises(NoShopKeys, match="flask stores keys shop"):
        connected_shop.poll()


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
@pytest.mark.parametrize(("is_dry", "expected"), [(False, True), (True, False)])
def test_database_looks_at_its_tables_once_many_orders_were_read(connected_shop, monkeypatch, is_dry, expected):
    """Before, it takes the tables of a new store for empty ones, and reads all of a store to find one row."""
    monkeypatch.setattr(reconcile, "_LOOKED_AT", 3)
    connected_shop.connect()
    connected_shop.sell_many(4)
    with connected_shop.database.transaction() as connection:
        connection.exec_driver_sql("truncate accounts, orders, order_lines, entries cascade")
        connection.exec_driver_sql("analyze orders")

    connected_shop.poll(is_dry=is_dry)

    with connected_shop.database.reading() as connection:
        seen = connection.exec_driver_sql("select reltuples from pg_class where relname = 'orders'").scalar_one()
    assert (seen > 0) is expected


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
def test_orders_are_found_by_their_numbers_however_small_the_table_seems(connected_shop):
    connected_shop.connect()
    with connected_shop.database.transaction() as connection:
        connection.exec_driver_sql("set local plan_cache_mode = force_generic_plan")
        for statement in (order_rows._FIND, order_rows._LOCK, order_rows._FIND_LINES):
            sql = str(statement.compile(dialect=connection.dialect))
            lines = connection.exec_driver_sql(f"explain {sql}", order_rows._numbers(1, [7, 9])).scalars().all()
            (condition,) = [line for line in lines if "Index Cond" in line]
            assert ">=" in condition, lines
