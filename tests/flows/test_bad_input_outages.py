"""A database that is locked, full or gone: callers are told to retry, and no delivery is acknowledged."""

from __future__ import annotations

import json
import shutil
import sqlite3

import pytest
from sqlalchemy import event

from bridge.storage.engine import database as database_module
from bridge.storage.engine.migrate import migrate
from tests.factories import deliver, order
from tests.support import ledger_sql
from tests.support.missing import require
from tests.support.outages import assert_retry_later, assert_works_again, close, open_shop, writes
from tests.support.postgres import find_bindir, start_cluster


@pytest.fixture
def impatient(monkeypatch):
    """Shorten the wait for a lock that the test holds."""
    monkeypatch.setattr(database_module, "BUSY_SECONDS", 0)


@pytest.fixture
def embedded(sqlite_template, tmp_path, impatient):
    path = tmp_path / "bridge.sqlite3"
    shutil.copyfile(sqlite_template, path)
    parts, shop = open_shop(f"sqlite:///{path}")
    yield parts, shop, path
    close(parts)


def test_locked(embedded):
    parts, shop, path = embedded
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")

    locked = list(writes(shop))
    read_on = shop.client.get("/v1/users/2", headers=shop.headers)
    holder.execute("ROLLBACK")
    holder.close()

    assert_retry_later(locked)
    assert read_on.status_code == 200
    assert_works_again(parts, shop)


def test_disk_full(embedded):
    parts, shop, path = embedded

    def fill(connection, _record):
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count={pages}")

    filler = sqlite3.connect(path, isolation_level=None)
    filler.execute("create table filler (bytes blob)")
    event.listen(parts.database.engine, "connect", fill)
    parts.database.engine.dispose()
    # The free space in the last pages is used up first.
    big = [deliver(shop, order(100 + number) | {"note": "x" * 9_000}) for number in range(10)]
    full = deliver(shop, order(1) | {"note": "x" * 9_000})
    event.remove(parts.database.engine, "connect", fill)
    parts.database.engine.dispose()
    filler.close()

    assert_retry_later([full])
    assert {response.status_code for response in big} <= {200, 503}
    assert deliver(shop, order(1)).status_code == 200
    assert ledger_sql.faults(parts.database) == []


def test_file_spoilt(embedded):
    """The database's first page is overwritten while the service runs."""
    parts, shop, path = embedded
    parts.database.engine.dispose()
    content = path.read_bytes()
    path.write_bytes(b"no database at all" * 1_000)

    spoilt = list(writes(shop))
    read = shop.client.get("/v1/users/2", headers=shop.headers)
    parts.database.engine.dispose()
    path.write_bytes(content)

    assert_retry_later([*spoilt, read])
    assert_works_again(parts, shop)


def test_server_gone():
    require("PostgreSQL", find_bindir() is not None, "no initdb found")
    cluster = start_cluster()
    url = cluster.create_database("gone")
    empty = database_module.Database(url)
    migrate(empty)
    empty.close()
    parts, shop = open_shop(url)
    cluster.stop()

    gone = list(writes(shop))
    read = shop.client.get("/v1/users/2", headers=shop.headers)
    alive = shop.client.get("/healthz")
    ready = shop.client.get("/readyz")
    close(parts)

    assert_retry_later([*gone, read])
    assert json.loads(alive.data) == {"status": "ok"}
    assert ready.status_code == 503
