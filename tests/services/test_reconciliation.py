"""What the shop changed is read back whole, in any number, and the cursor never passes what was not applied."""

from __future__ import annotations

import logging
import threading
from datetime import timedelta

import pytest

from bridge.domain.errors import NoShopKeys
from bridge.services.orders import apply as orders
from bridge.services.shop import ingest, reconcile
from bridge.storage.orders import orders as order_rows
from tests.support import books
from tests.support.reading import DAY, open_rig

one_engine = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
"""What is read from a shop does not depend on where it is written to."""


@pytest.fixture
def rig(app):
    """A shop and a bridge, not connected yet, who talk in pages of ten."""
    with open_rig(app, page=10) as rig:
        yield rig


@pytest.fixture
def broken_order(monkeypatch):
    """Lets orders of the numbers put into it fail, by a fault nobody foresaw."""
    numbers, real = set(), orders.apply_orders

    def apply(connection, store, wanted, **more):
        settled = real(connection, store, wanted, **more)
        if numbers.intersection(order.number for order in wanted):
            raise ZeroDivisionError
        return settled

    monkeypatch.setattr(orders, "apply_orders", apply)
    return numbers


def test_orders_nobody_told_of_are_applied_once(rig):
    rig.connect()
    rig.sell(2)
    rig.sell(2, product=16)

    first, second = rig.poll(), rig.poll()

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
    assert rig.balances() == {2: 110_000}


def test_trashed_order_is_taken_back_though_its_list_is_another(rig):
    rig.connect()
    order = rig.sell()
    rig.poll()
    rig.later()
    rig.shop.trash(order)

    assert rig.poll().reversed == 100_000
    assert rig.balances() == {2: 0}


def test_dry_run_tells_and_writes_nothing(rig):
    rig.connect()
    rig.sell()

    report = rig.poll(is_dry=True)

    assert report.granted == 100_000
    assert rig.cursor() is None
    assert books.count(rig.database, "entries") == books.count(rig.database, "orders") == 0
    assert books.count(rig.database, "packages") == 0


@one_engine
@pytest.mark.parametrize("seconds", [1, 0])
def test_more_than_a_page_is_read_whole_even_within_one_second(rig, seconds):
    rig.connect()
    rig.sell_many(25, seconds=seconds)

    report = rig.poll()

    assert report.is_clean
    assert rig.balances() == {2: 25 * 100_000}


@one_engine
def test_orders_of_one_second_that_leave_it_while_it_is_read_hide_no_other(rig):
    """An order of the first page is saved: every later one moves a place forward, across the page's end."""
    rig.connect()
    placed = rig.sell_many(15, seconds=0)
    rig.poll(since=rig.now + timedelta(days=1))  # the products are known now
    real, saved = rig.shop.orders[placed[0]], []

    def save(document):
        if len(saved) < 1:
            saved.append(document)
            rig.later(5)
            rig.shop.save(real.id)

    with rig.reading() as reading:
        seen_before = reading.shop.list_orders

        def list_orders(**asked):
            page = seen_before(**asked)
            if asked["per_page"] == 10 and asked["page"] == 1:
                save(page)
            return page

        reading.shop.list_orders = list_orders
        reconcile.poll(reading, since=None, now=rig.now)

    assert saved
    assert rig.balances() == {2: 15 * 100_000}


@one_engine
def test_shop_that_sorts_by_something_else_hides_no_order(rig, monkeypatch):
    """As by a local clock that went back, or by ids, whatever was asked for."""
    rig.connect()
    placed = rig.sell_many(12)
    rig.later()
    for number in placed[:3]:
        rig.shop.save(number)
    monkeypatch.setattr("fakeshop.rest.sort_by", lambda query, found, key, number: sorted(found, key=number))

    rig.poll()

    assert rig.balances() == {2: 12 * 100_000}


def test_cursor_stops_at_an_order_that_fails_and_the_rest_is_applied(rig, broken_order, caplog):
    rig.connect()
    placed = rig.sell_many(3)
    rig.poll()
    before = rig.cursor()
    placed += rig.sell_many(3, seconds=30)
    broken_order.add(placed[4])

    report = rig.poll()

    assert (report.failed, report.failures, report.is_clean) == (1, [f"order {placed[4]}: ZeroDivisionError"], False)
    assert rig.balances() == {2: 500_000}
    assert rig.cursor() == before
    assert "was not applied" in caplog.text
    broken_order.clear()
    assert rig.poll().granted == 100_000
    assert rig.cursor() > before
    assert rig.balances() == {2: 600_000}


@one_engine
def test_unapplied_order_is_a_fault_until_it_is_applied(rig, broken_order, caplog):
    caplog.set_level(logging.CRITICAL)
    rig.connect().listen()
    broken_order.add(rig.sell())
    rig.poll()

    assert "orders_not_applied" in rig.faults()
    broken_order.clear()
    rig.poll()
    assert "orders_not_applied" not in rig.faults()


def test_poll_that_is_killed_goes_on_from_the_last_page_that_was_applied(rig, monkeypatch):
    """Applied five at a time: a page of nine, then five of the next."""
    rig.connect()
    placed = rig.sell_many(23)
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
        rig.poll()

    assert rig.cursor() == rig.shop.order(placed[8]).modified_at
    assert rig.balances() == {2: 14 * 100_000}
    assert rig.poll().granted == 9 * 100_000
    assert rig.balances() == {2: 23 * 100_000}


@one_engine
def test_next_page_is_fetched_while_one_is_applied_and_no_further_one(rig, monkeypatch):
    rig.connect()
    rig.sell_many(45)
    real, fetched, applied = orders.apply_orders, threading.Semaphore(0), []

    def apply(*args, **more):
        applied.append(args)
        if len(applied) < 5:
            assert fetched.acquire(timeout=20), "it waits for the page to be applied"
        assert not fetched.acquire(blocking=False)
        return real(*args, **more)

    monkeypatch.setattr(orders, "apply_orders", apply)
    with rig.reading() as reading:
        list_changes = reading.shop.list_changes

        def tell(**asked):
            page = list_changes(**asked)
            if asked["modified_after"] is not None and asked["statuses"] is None:
                fetched.release()
            return page

        reading.shop.list_changes = tell
        report = reconcile.poll(reading, since=None, now=rig.now)

    assert (report.granted, len(applied)) == (45 * 100_000, 5)


@one_engine
def test_product_nobody_spoke_of_is_asked_for_once_and_not_for_each_order(rig):
    rig.connect()
    rig.sell_many(9)
    rig.asked()

    rig.poll()

    assert rig.asked().count("GET products/10") == 1
    assert rig.balances() == {2: 900_000}


def test_since_later_than_the_cursor_does_not_jump_over_what_lies_between(rig):
    rig.connect()
    rig.sell()
    rig.poll()
    before = rig.cursor()
    rig.sell_many(1, seconds=DAY)
    between = rig.now
    rig.sell_many(1, seconds=DAY)

    later = rig.poll(since=between + timedelta(hours=1))

    assert (later.seen, rig.cursor()) == (1, before)
    assert rig.poll().granted == 100_000
    assert rig.balances() == {2: 300_000}


@one_engine
def test_date_in_the_future_does_not_carry_the_cursor_along(rig):
    rig.connect()
    rig.later(400 * DAY)
    rig.sell()
    rig.later(-400 * DAY)
    rig.poll()
    assert rig.cursor() <= rig.now

    rig.later(60)
    rig.sell(3)

    rig.poll()
    assert rig.balances() == {2: 100_000, 3: 100_000}


@one_engine
def test_store_without_keys_is_told_so(rig):
    rig.connect(has_keys=False)

    with pytest.raises(NoShopKeys, match="flask stores keys shop"):
        rig.poll()


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
@pytest.mark.parametrize(("is_dry", "expected"), [(False, True), (True, False)])
def test_database_looks_at_its_tables_once_many_orders_were_read(rig, monkeypatch, is_dry, expected):
    """Before, it takes the tables of a new store for empty ones, and reads all of a store to find one row."""
    monkeypatch.setattr(reconcile, "_LOOKED_AT", 3)
    rig.connect()
    rig.sell_many(4)
    with rig.database.transaction() as connection:
        connection.exec_driver_sql("truncate accounts, orders, order_lines, entries cascade")
        connection.exec_driver_sql("analyze orders")

    rig.poll(is_dry=is_dry)

    with rig.database.reading() as connection:
        seen = connection.exec_driver_sql("select reltuples from pg_class where relname = 'orders'").scalar_one()
    assert (seen > 0) is expected


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
def test_orders_are_found_by_their_numbers_however_small_the_table_seems(rig):
    rig.connect()
    with rig.database.transaction() as connection:
        connection.exec_driver_sql("set local plan_cache_mode = force_generic_plan")
        for statement in (order_rows._FIND, order_rows._LOCK, order_rows._FIND_LINES):
            sql = str(statement.compile(dialect=connection.dialect))
            lines = connection.exec_driver_sql(f"explain {sql}", order_rows._numbers(1, [7, 9])).scalars().all()
            (condition,) = [line for line in lines if "Index Cond" in line]
            assert ">=" in condition, lines
