"""A wrong clock stops no job, deletes nothing, and is reported."""

from __future__ import annotations

import threading
import time
from datetime import timedelta

import pytest

from bridge.domain.ops.clock import TOLERANCE
from bridge.domain.shop.inbox import may_wait
from bridge.services.metering import opened_windows
from bridge.services.ops import clock as clocks
from bridge.services.ops import prune_guard
from bridge.services.shop import full_scan, inbox
from bridge.storage.engine import ids
from bridge.storage.shop import sync_state
from bridge.storage.sites import link_codes
from bridge.storage.stores import stores
from bridge.web.context import utcnow
from schedulers import context, jobs, schedule
from schedulers.context import Job
from schedulers.leader import Leader
from schedulers.ticker import Scheduler
from tests import factories
from tests.support import ledger_sql
from tests.support.clock import Clock, shift_at
from tests.support.events import NOW, EventDriver, Sender

YEAR = timedelta(days=365)
PRUNE = next(job for job in schedule.TIMETABLE if job.name == "prune")


def ready(shop):
    response = shop.client.get("/readyz")
    assert response.status_code == 200, response.text
    return response.get_json()


def count_of(database, table):
    return ledger_sql.count(database, table)


def run_prune(database, moment):
    context.run(PRUNE, shift_at(database, moment))
    return ledger_sql.rows(database, "select outcome from runs where job = 'prune'")[0]["outcome"]


@pytest.mark.parametrize("ahead", [timedelta(hours=1), YEAR, 50 * YEAR])
def test_a_lease_from_the_future_is_void(database, ahead):
    wrong = Leader(database, clock=lambda: utcnow() + ahead)
    assert wrong.attempt()

    assert Leader(database, clock=utcnow).attempt()


def test_a_lease_of_a_host_that_is_a_little_ahead_holds(database):
    other = Leader(database, clock=lambda: utcnow() + TOLERANCE / 2)
    assert other.attempt()

    assert not Leader(database, clock=utcnow).attempt()


def test_jobs_go_on_while_the_clock_jumps_forward_and_back(database):
    clock, ran, enough = Clock(utcnow()), [], threading.Event()

    def work(_):
        ran.append(clock.now)
        clock.now += {1: YEAR, 2: -YEAR, 3: -YEAR, 4: YEAR}.get(len(ran), timedelta())
        if len(ran) >= 7:
            enough.set()
        return "done"

    scheduler = Scheduler(database, clock=clock, timetable=[Job("probe", 0.05, work)])
    scheduler.start()
    try:
        assert enough.wait(10), f"{len(ran)} runs"
    finally:
        scheduler.stop()


def test_a_tick_in_the_future_is_not_ok(shop, database):
    context.run(Job("probe", 5, lambda _: "done"), shift_at(database, utcnow() + timedelta(hours=1)))

    document = ready(shop)

    assert document["scheduler"]["seconds_since_tick"] < 0
    assert document["scheduler"]["state"] == "clock_wrong"
    assert document["clock"]["state"] == "behind"
    assert 3500 < document["clock"]["seconds"] < 3700
    assert "docs/how-to/fix-the-clock.md" in document["clock"]["detail"]


def test_a_right_clock_is_ok(shop, database):
    factories.give(shop, 2, 10)
    factories.deliver(shop, factories.order(1))
    context.run(Job("probe", 5, lambda _: "done"), shift_at(database, utcnow()))

    document = ready(shop)

    assert document["scheduler"]["state"] == "ok"
    assert document["clock"] == {"state": "ok", "seconds": 0.0}


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
@pytest.mark.parametrize(("offset", "side"), [(timedelta(minutes=5), "ahead of"), (timedelta(minutes=-5), "behind")])
def test_a_clock_that_differs_from_the_servers_is_named(database, offset, side):
    with database.reading() as connection:
        checked = clocks.check(connection, now=utcnow() + offset)

    assert checked.state == "differs"
    assert side in checked.sentence


def fill(shop):
    """Add keys, deliveries and the use of windows, made now."""
    shop.client.put("/v1/limits/chat", json={"period": "daily", "rules": {"user": 100}}, headers=shop.headers)
    for number in range(1, 4):
        factories.deliver(shop, factories.order(number, customer=10 + number))
        assert factories.spend(shop, number, 5).status_code == 201


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
def test_a_prune_asks_the_clock_of_the_server(shop, database):
    fill(shop)

    refused = run_prune(database, utcnow() + 2 * YEAR)

    assert refused.startswith("refused: the clock of this host")
    assert count_of(database, "idempotency_keys") > 0


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_prune_whose_clock_jumped_deletes_nothing_until_forced(shop, database, app):
    fill(shop)
    counts = {table: count_of(database, table) for table in ("idempotency_keys", "deliveries", "window_uses", "outbox")}
    assert run_prune(database, utcnow()) == "0 events, 0 keys, 0 deliveries, 0 windows, 0 passes, 0 bulk, 0 roles"

    refused = run_prune(database, utcnow() + 2 * YEAR)

    assert refused.startswith("refused: the last run was 73")
    assert "flask prune --force" in refused
    assert {table: count_of(database, table) for table in counts} == counts
    assert ready(shop)["pruning"] == {"state": "refused", "detail": refused}

    with database.transaction() as connection:
        # As after two years: the same command, whose clock is right by then.
        connection.exec_driver_sql(f"update idempotency_keys set created_at = created_at - {2 * 365 * 86_400_000_000}")
    with database.transaction() as connection:
        connection.exec_driver_sql("update runs set finished_at = finished_at - 864000000000 where job = 'prune.done'")
    runner = app.test_cli_runner()
    asked = runner.invoke(args=["prune"])
    assert asked.exit_code == 1
    assert "refused" in asked.output
    forced = runner.invoke(args=["prune", "--force"])
    assert forced.exit_code == 0, forced.output
    assert count_of(database, "idempotency_keys") == 0
    assert runner.invoke(args=["prune"]).exit_code == 0


def test_a_store_connected_by_a_clock_that_was_ahead_grants_once_the_clock_is_trusted(shop, database, app):
    factories.put_package(shop, 10, 1000)
    with database.transaction() as connection:
        stores.change(connection, shop.id, {"grants_from": utcnow() + YEAR})
        sync_state.change(connection, shop.id, cursor_at=utcnow() + YEAR - timedelta(days=1))

    def deliver(number):
        placed = (utcnow() + timedelta(seconds=1)).replace(tzinfo=None).isoformat()
        factories.deliver(shop, factories.order(number) | {"date_created_gmt": placed, "date_modified_gmt": placed})
        return ledger_sql.rows(database, "select coalesce(sum(tokens), 0) as tokens from entries")[0]["tokens"]

    assert deliver(1) == 0

    forced = app.test_cli_runner().invoke(args=["prune", "--force"])

    assert forced.exit_code == 0, forced.output
    assert f"{shop.connected.store.slug}: it was connected while the clock was ahead" in forced.output
    assert deliver(2) == 1000
    with database.reading() as connection:
        assert sync_state.find(connection, shop.id).cursor_at < utcnow()
    assert "orders placed" not in app.test_cli_runner().invoke(args=["prune", "--force"]).output


def test_a_prune_behind_the_newest_row_deletes_nothing(shop, database):
    """Its clock is behind now, or was ahead when the rows were written: either way it cannot find old rows."""
    fill(shop)

    outcome = jobs.prune(shift_at(database, utcnow() - timedelta(hours=2)))

    assert outcome.startswith("refused: the clock of this host")
    assert count_of(database, "idempotency_keys") > 0


def test_a_prune_that_would_delete_far_more_than_the_last_one_refuses(shop, database, monkeypatch):
    monkeypatch.setattr(prune_guard, "MANY_ROWS", 2)
    now = utcnow()
    fill(shop)
    run_prune(database, now)
    with database.transaction() as connection:
        old = now - timedelta(days=100)
        ours = int(old.timestamp() * 1_000_000) if database.is_sqlite else f"'{old.isoformat()}'"
        connection.exec_driver_sql(f"update idempotency_keys set created_at = {ours}")

    outcome = run_prune(database, utcnow())

    assert outcome.startswith("refused: this run would delete more than 2 keys")
    assert count_of(database, "idempotency_keys") == 3


def test_pruning_goes_on_after_a_week_without_the_service_where_there_is_nothing_old(shop, database):
    fill(shop)
    run_prune(database, utcnow())

    if database.is_sqlite:
        assert run_prune(database, utcnow() + timedelta(days=20)).startswith("0 events")


def test_a_retry_far_in_the_future_is_due(shop, database):
    factories.put_package(shop, 10, 1000)
    factories.deliver(shop, factories.order(1, customer=2))
    with database.transaction() as connection:
        add = "+ 31536000000000" if database.is_sqlite else "+ interval '365 days'"
        connection.exec_driver_sql(f"update deliveries set state = 'received', next_attempt_at = received_at {add}")
    with database.reading() as connection:
        assert len(inbox.list_due(connection, now=utcnow(), limit=9)) == 1

    with database.transaction() as connection:
        add = "+ 1800000000" if database.is_sqlite else "+ interval '30 minutes'"
        connection.exec_driver_sql(f"update deliveries set next_attempt_at = received_at {add}")
    with database.reading() as connection:
        assert inbox.list_due(connection, now=utcnow(), limit=9) == []


@pytest.mark.parametrize("column", ["claimed_until", "resting_until", "next_attempt_at"])
def test_an_endpoint_that_waits_far_into_the_future_is_served(shop, database, column):
    driver = EventDriver(shop, database)
    driver.endpoint()
    driver.emit(1)
    driver.fan_out()
    table = "event_deliveries" if column == "next_attempt_at" else "event_endpoints"
    far = int((NOW + YEAR).timestamp() * 1_000_000) if database.is_sqlite else f"'{(NOW + YEAR).isoformat()}'"
    with database.transaction() as connection:
        assert connection.exec_driver_sql(f"update {table} set {column} = {far}").rowcount == 1
    sender = Sender()

    assert driver.send(sender) == 1


def test_a_window_noted_by_a_clock_that_was_ahead_hides_no_later_one(shop, database):
    shop.client.put("/v1/limits/chat", json={"period": "daily", "rules": {"user": 100}}, headers=shop.headers)
    jobs.due_windows(shift_at(database, utcnow() + YEAR))

    with database.reading() as connection:
        assert [module for _, module, _ in opened_windows.list_due(connection, now=utcnow())] == ["chat"]
    assert jobs.due_windows(shift_at(database, utcnow())) == "1 announced"
    with database.reading() as connection:
        assert opened_windows.list_due(connection, now=utcnow()) == []


def test_a_link_code_made_by_a_clock_that_was_ahead_is_worth_nothing(shop, database):
    factories.put_user(shop, 2)
    account = ledger_sql.rows(database, "select id from accounts where user_id = 2")[0]["id"]
    with database.transaction() as connection:
        link_codes.add(connection, code_hash="x", store_id=shop.id, account_id=account, expires_at=utcnow() + YEAR)
        assert link_codes.use(connection, "x", now=utcnow()) is None


def test_a_full_scan_noted_by_a_clock_that_was_ahead_hides_no_later_one(shop, database):
    store = shop.connected.store
    with database.transaction() as connection:
        sync_state.change(connection, store.id, swept_at=utcnow())
        assert not full_scan.is_full_scan_due(connection, store, now=utcnow())
        sync_state.change(connection, store.id, swept_at=utcnow() + YEAR)
        assert full_scan.is_full_scan_due(connection, store, now=utcnow())


def test_a_delivery_from_the_future_waits_no_longer_for_its_shop():
    now = utcnow()

    assert may_wait(now - timedelta(minutes=9), now=now)
    assert not may_wait(now - timedelta(minutes=11), now=now)
    assert not may_wait(now + YEAR, now=now)


def test_a_clock_from_before_the_epoch_makes_ids_that_differ(monkeypatch):
    """A machine without a battery starts in 1970, each time."""
    monkeypatch.setattr(time, "time_ns", lambda: 0)
    first = []
    for _ in range(5):
        monkeypatch.setattr(ids, "_last", -1)
        first.append(ids.new_id())

    assert len(set(first)) == 5
    assert min(first) >= 0
