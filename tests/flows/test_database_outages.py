"""A database that answers but cannot write: 503 for every caller, not ready, and recovery without a restart."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from sqlalchemy import event

from app import create_app
from bridge.storage.engine import database as database_module
from bridge.storage.engine import failures, patience
from bridge.storage.engine.failures import Cause
from bridge.web.context import utcnow
from schedulers import context, jobs, schedule
from schedulers.leader import Leader
from tests.conftest import make_config
from tests.factories import balance_of, deliver, order, spend
from tests.support import ledger_sql
from tests.support.clock import shift_at
from tests.support.outages import (
    assert_not_ready,
    assert_retry_later,
    assert_works_again,
    close,
    open_shop,
    writes,
)

STATES = {
    "08006": "broken",
    "25006": "read_only",
    "25P03": "broken",
    "42501": "refused",
    "53100": "full",
    "53200": "overloaded",
    "53300": "overloaded",
    "55P03": "locked",
    "57014": "slow",
    "57P01": "broken",
    "57P02": "broken",
    "57P03": "unreachable",
    "57P05": "broken",
    "58030": "damaged",
    "XX001": "damaged",
}
_TABLES = ("entries", "spends", "idempotency_keys", "deliveries", "packages", "accounts", "leases", "runs")


@pytest.fixture
def service(database_url):
    parts, shop = open_shop(database_url)
    yield parts, shop
    close(parts)


def execute(url, *statements):
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement)


def fail_writes(url, state, *, times=None):
    """Let every write fail with an SQLSTATE; or only this many of them."""
    unless = "" if times is None else f"if nextval('failures') > {times} then return null; end if;"
    execute(
        url,
        "create sequence failures",
        f"create function fail() returns trigger language plpgsql as $$ begin {unless}"
        f" raise exception 'no' using errcode = '{state}'; end $$",
        *(
            f"create trigger fails before insert or update on {table} for each statement execute function fail()"
            for table in _TABLES
        ),
    )


def work_again(url):
    execute(url, "drop function fail cascade")


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
@pytest.mark.parametrize("state", STATES)
def test_every_write_fails_with(service, database_url, state):
    parts, shop = service
    fail_writes(database_url, state)

    assert_retry_later(writes(shop))
    assert_not_ready(shop, STATES[state])
    assert ledger_sql.count(parts.database, "deliveries") == 0

    work_again(database_url)
    assert_works_again(parts, shop)
    assert shop.client.get("/readyz").status_code == 200


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
@pytest.mark.parametrize("state", ["40001", "40P01"])
def test_transactions_that_met_are_run_again(service, database_url, state):
    parts, shop = service
    fail_writes(database_url, state, times=2)

    assert spend(shop, 2, 30, key="met").status_code == 201
    assert balance_of(shop, 2) == 70
    assert ledger_sql.faults(parts.database) == []


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
def test_a_primary_that_became_read_only_is_left_and_found_again(service, database_url):
    """As after a fail-over: the connections of the pool lead to a server that rejects writes."""
    parts, shop = service
    name = database_url.rpartition("/")[2]
    opened = []
    event.listen(parts.database.engine, "connect", lambda *_: opened.append(1))
    execute(database_url, f"alter database {name} set default_transaction_read_only = on")
    parts.database.close()

    assert_retry_later(writes(shop))
    assert_not_ready(shop, "read_only")
    assert shop.client.get("/v1/users/2", headers=shop.headers).status_code == 200
    assert jobs.expire_holds(shift_at(parts.database, utcnow())) == "0 expired"
    execute(
        database_url,
        "set default_transaction_read_only = off",
        f"alter database {name} reset default_transaction_read_only",
    )

    opened.clear()
    assert_works_again(parts, shop)
    assert opened, "the connections that were opened while it was read-only are not used again"
    assert shop.client.get("/readyz").status_code == 200


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
def test_jobs_and_the_lead_go_on_after_an_outage(service, database_url):
    parts, shop = service
    leader = Leader(parts.database, clock=utcnow)
    fail_writes(database_url, "25006")
    expire = next(job for job in schedule.TIMETABLE if job.name == "expire_holds")
    context.run(expire, shift_at(parts.database, utcnow()))
    assert not leader.attempt()
    assert ledger_sql.count(parts.database, "runs") == 0

    work_again(database_url)
    context.run(expire, shift_at(parts.database, utcnow()))

    assert leader.attempt()
    assert [row["outcome"] for row in ledger_sql.rows(parts.database, "select outcome from runs")] == ["0 expired"]
    assert shop.client.get("/readyz").get_json()["scheduler"]["state"] == "ok"


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
def test_a_server_without_free_connections_keeps_those_that_are_open(service, database_url):
    _parts, shop = service
    name = database_url.rpartition("/")[2]
    with psycopg.connect(database_url.replace("+psycopg", ""), autocommit=True) as admin:
        admin.execute("create role limited login nosuperuser")
        admin.execute(f"grant all on all tables in schema public to limited; grant all on database {name} to limited")
        admin.execute("grant usage on all sequences in schema public to limited")
    limited_url = database_url.replace("postgres@", "limited@")
    limited = create_app(make_config(limited_url))
    client = limited.test_client()
    try:
        assert client.get("/v1/users/2", headers=shop.headers).status_code == 200
        execute(database_url, "alter role limited connection limit 1")
        opened = limited.extensions["bridge"].database
        with opened.reading():
            refused = client.get("/v1/users/2", headers=shop.headers)
        assert_retry_later([refused])
        assert client.get("/v1/users/2", headers=shop.headers).status_code == 200
        assert opened._generation == 0
    finally:
        close(limited.extensions["bridge"])
        execute(database_url, "drop owned by limited", "drop role limited")


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
def test_a_rolled_back_commit_is_not_taken_for_one(service):
    """A statement failed and the failure was swallowed: COMMIT would silently roll back."""
    parts, _ = service

    def swallow():
        with parts.database.transaction() as connection, contextlib.suppress(psycopg.errors.DivisionByZero):
            connection.connection.driver_connection.execute("select 1/0")

    with pytest.raises(failures.Outage):
        swallow()


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
class TestEmbedded:
    def test_read_only(self, service):
        parts, shop = service

        def forbid(connection, *_):
            connection.execute("PRAGMA query_only=ON")

        event.listen(parts.database.engine, "connect", forbid)
        parts.database.close()
        assert_retry_later(writes(shop))
        assert_not_ready(shop, "read_only")
        event.remove(parts.database.engine, "connect", forbid)

        assert_works_again(parts, shop)
        assert shop.client.get("/readyz").status_code == 200

    def test_file_gone_and_put_back(self, service, tmp_path):
        """An empty database in its place would be read as one without stores."""
        parts, shop = service
        path, away = tmp_path / "bridge.sqlite3", tmp_path / "away"
        away.mkdir()
        for file in sorted(tmp_path.glob("bridge.sqlite3*")):
            os.rename(file, away / file.name)

        assert_retry_later(writes(shop))
        assert_retry_later([shop.client.get("/v1/users/2", headers=shop.headers)])
        assert_not_ready(shop, "unreachable")
        assert not path.exists()
        for file in away.iterdir():
            os.rename(file, path.with_name(file.name))

        assert_works_again(parts, shop)
        assert shop.client.get("/readyz").status_code == 200

    def test_file_replaced(self, service, tmp_path):
        """An answered write must be in the file at the path, not in a file without a name."""
        _parts, shop = service
        path, copy = tmp_path / "bridge.sqlite3", tmp_path / "copy"
        with sqlite3.connect(path) as source:
            source.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        source.close()
        shutil.copyfile(path, copy)
        os.replace(copy, path)

        answer = spend(shop, 2, 30, key="replaced")

        assert answer.status_code in {201, 503}
        assert spend(shop, 2, 30, key="replaced").status_code == 201
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as reader:
            assert reader.execute("select count(*) from spends").fetchone() == (1,)
        reader.close()

    def test_tables_gone(self, service):
        parts, shop = service
        with parts.database.transaction() as connection:
            connection.exec_driver_sql("alter table idempotency_keys rename to elsewhere")

        assert_retry_later([spend(shop, 2, 30, key="gone")])


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_writers_wait_for_a_lock_together_and_not_one_after_another(database_url, tmp_path, monkeypatch):
    monkeypatch.setattr(database_module, "BUSY_SECONDS", 1)
    parts, shop = open_shop(database_url)
    holder = sqlite3.connect(tmp_path / "bridge.sqlite3", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    calls = [lambda number=number: deliver(shop, order(number)) for number in range(1, 9)]
    calls += [lambda number=number: spend(shop, 2, 1, key=f"k{number}") for number in range(8)]
    calls += [lambda: shop.client.put("/v1/packages/11", json={"tokens": 5}, headers=shop.headers)] * 4

    def timed(call):
        started = time.monotonic()
        return call(), time.monotonic() - started

    with ThreadPoolExecutor(len(calls)) as pool:
        answers = list(pool.map(timed, calls))
    ready = shop.client.get("/readyz")
    holder.execute("ROLLBACK")
    holder.close()

    assert_retry_later([response for response, _ in answers])
    assert max(seconds for _, seconds in answers) < 2.5
    assert ready.status_code == 503
    assert ready.get_json()["database"] == "locked"
    assert spend(shop, 2, 1, key="k1").status_code == 201
    assert ledger_sql.faults(parts.database) == []
    close(parts)


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_delivery_waits_once_for_a_lock_however_many_transactions_it_opens(database_url, tmp_path, monkeypatch):
    """The delivery is stored, then the lock is held: processing it, and recording the failure, wait no further."""
    monkeypatch.setattr(patience, "REQUEST_SECONDS", 1.0)
    parts, shop = open_shop(database_url)
    holder = sqlite3.connect(tmp_path / "bridge.sqlite3", isolation_level=None, check_same_thread=False)

    begun = []

    def note(connection):
        begun.append(connection.get_execution_options().get("bridge_writes", False))

    def lock(*_):
        # The delivery is stored, and its connection returns to the pool.
        if sum(begun) == 1 and not holder.in_transaction:
            holder.execute("BEGIN IMMEDIATE")

    event.listen(parts.database.engine, "begin", note)
    event.listen(parts.database.engine, "checkin", lock)
    started = time.monotonic()
    response = deliver(shop, order(1))
    seconds = time.monotonic() - started
    event.remove(parts.database.engine, "checkin", lock)
    assert holder.in_transaction
    holder.execute("ROLLBACK")
    holder.close()

    assert sum(begun) == 1, "no other write went through"
    assert response.status_code == 200
    assert 0.9 < seconds < 2.5
    close(parts)


def test_sqlite_codes_have_a_cause():
    for code, cause in {
        sqlite3.SQLITE_IOERR_FSYNC: Cause.DAMAGED,
        sqlite3.SQLITE_READONLY_DBMOVED: Cause.READ_ONLY,
        sqlite3.SQLITE_BUSY_SNAPSHOT: Cause.LOCKED,
        sqlite3.SQLITE_CANTOPEN_ISDIR: Cause.UNREACHABLE,
        sqlite3.SQLITE_FULL: Cause.FULL,
        sqlite3.SQLITE_CORRUPT_VTAB: Cause.DAMAGED,
    }.items():
        error = sqlite3.OperationalError("no")
        error.sqlite_errorcode = code
        assert failures._sqlite_cause(error) is cause


def test_readiness_is_probed_once_a_second_however_many_ask(service):
    parts, shop = service
    shop.client.get("/readyz")
    written = []
    note = lambda *arguments: written.append(arguments[2])  # noqa: E731
    event.listen(parts.database.engine, "before_cursor_execute", note)
    started = time.monotonic()
    answers = {shop.client.get("/readyz").status_code for _ in range(50)}
    seconds = time.monotonic() - started
    event.remove(parts.database.engine, "before_cursor_execute", note)

    assert answers == {200}
    assert sum("INSERT INTO leases" in statement for statement in written) <= 1 + seconds
    assert ledger_sql.count(parts.database, "leases") == 0


def test_a_delivery_that_could_not_be_stored_is_taken_when_the_shop_repeats_it(service, database_url, engine):
    parts, shop = service
    if engine == "postgresql":
        fail_writes(database_url, "25006")
    else:
        with parts.database.transaction() as connection:
            connection.exec_driver_sql("alter table deliveries rename to elsewhere")
    refused = deliver(shop, order(1))
    if engine == "postgresql":
        work_again(database_url)
    else:
        with parts.database.transaction() as connection:
            connection.exec_driver_sql("alter table elsewhere rename to deliveries")

    assert refused.status_code == 503
    assert deliver(shop, order(1)).status_code == 200
    assert balance_of(shop, 2) == 1_100
