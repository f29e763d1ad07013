"""The database is locked, full or gone: callers are told to come again, and the shop is not told that all is well."""

from __future__ import annotations

import json
import shutil
import sqlite3

import pytest
from sqlalchemy import event

from app import create_app
from bridge.storage import database as database_module
from bridge.storage.migrate import migrate
from bridge.web.context import Parts
from tests.conftest import Shop, make_config
from tests.factories import add_shop, balance_of, deliver, give, order, put_package, spend
from tests.support import books
from tests.support.missing import require
from tests.support.postgres import find_bindir, start_cluster


@pytest.fixture
def impatient(monkeypatch):
    """Nobody waits for a lock that is held on purpose."""
    monkeypatch.setattr(database_module, "BUSY_SECONDS", 0)


def open_shop(url):
    app = create_app(make_config(url))
    connected, _ = add_shop(app, "shop")
    shop = Shop(connected, app.test_client())
    put_package(shop, 10, 1_000)
    give(shop, 2, 100)
    return app.extensions["bridge"], shop


def close(parts: Parts):
    parts.group_commit.close()
    parts.database.close()


@pytest.fixture
def embedded(sqlite_template, tmp_path, impatient):
    path = tmp_path / "bridge.sqlite3"
    shutil.copyfile(sqlite_template, path)
    parts, shop = open_shop(f"sqlite:///{path}")
    yield parts, shop, path
    close(parts)


def asks(shop):
    """One request at each kind of door that writes."""
    headers = shop.headers | {"Idempotency-Key": "outage"}
    yield spend(shop, 2, 30, key="outage-spend")
    yield deliver(shop, order(1))
    yield shop.client.put("/v1/packages/11", json={"tokens": 5}, headers=headers)
    yield shop.client.post("/v1/users/2/adjustments", json={"tokens": 5, "reason": "x"}, headers=headers)


def assert_told_to_come_again(responses):
    for response in responses:
        assert response.status_code == 503, response.text
        assert int(response.headers["Retry-After"]) > 0
        assert response.content_type == "application/problem+json"
        assert response.get_json()["code"] in {"unavailable", "try_again"}


def assert_works_again(parts, shop):
    """The same requests pass, and only they are in the books."""
    assert [response.status_code for response in asks(shop)] == [201, 200, 200, 201]
    assert balance_of(shop, 2) == 100 - 30 + 1_000 + 5
    assert books.count(parts.database, "deliveries") == 1
    assert books.faults(parts.database) == []


def test_locked(embedded):
    parts, shop, path = embedded
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")

    locked = list(asks(shop))
    read_on = shop.client.get("/v1/users/2", headers=shop.headers)
    holder.execute("ROLLBACK")
    holder.close()

    assert_told_to_come_again(locked)
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
    # What is free in the last pages is used up first.
    big = [deliver(shop, order(100 + number) | {"note": "x" * 9_000}) for number in range(10)]
    full = deliver(shop, order(1) | {"note": "x" * 9_000})
    event.remove(parts.database.engine, "connect", fill)
    parts.database.engine.dispose()
    filler.close()

    assert_told_to_come_again([full])
    assert {response.status_code for response in big} <= {200, 503}
    assert deliver(shop, order(1)).status_code == 200
    assert books.faults(parts.database) == []


def test_file_spoilt(embedded):
    """The database's first page is overwritten while the service runs."""
    parts, shop, path = embedded
    parts.database.engine.dispose()
    kept = path.read_bytes()
    path.write_bytes(b"no database at all" * 1_000)

    spoilt = list(asks(shop))
    read = shop.client.get("/v1/users/2", headers=shop.headers)
    parts.database.engine.dispose()
    path.write_bytes(kept)

    assert_told_to_come_again([*spoilt, read])
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

    gone = list(asks(shop))
    read = shop.client.get("/v1/users/2", headers=shop.headers)
    alive = shop.client.get("/healthz")
    ready = shop.client.get("/readyz")
    close(parts)

    assert_told_to_come_again([*gone, read])
    assert json.loads(alive.data) == {"status": "ok"}
    assert ready.status_code == 503
