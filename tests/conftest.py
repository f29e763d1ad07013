"""The shared fixtures: both engines, an app on each, a store with its key."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from flask import Flask
from flask.testing import FlaskClient
from playwright.sync_api import Browser

from app import create_app
from bridge.config import Config
from bridge.runtime import Runtime
from bridge.services.stores.settings import Connected, NewStore, add_store
from bridge.storage.engine import ids
from bridge.storage.engine.database import Database
from bridge.storage.engine.migrate import migrate
from bridge.web.context import utcnow
from tests.support.browser import open_browser
from tests.support.compile_cache import cache_compiled
from tests.support.conforming import ConformingClient
from tests.support.db_pool import DatabasePool, keep_rows
from tests.support.missing import require
from tests.support.postgres import Cluster, find_bindir, start_cluster

cache_compiled()
# Every test client compares the responses of the API with the document.
Flask.test_client_class = ConformingClient

SECRET_KEY = "a-secret-key-of-the-tests-and-nothing-else"


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """Return a PostgreSQL cluster of this test run."""
    require("PostgreSQL", find_bindir() is not None, "no initdb found")
    cluster = start_cluster()
    yield cluster
    cluster.stop()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a migrated, empty SQLite database, to be copied."""
    path = tmp_path_factory.mktemp("template") / "bridge.sqlite3"
    database = Database(f"sqlite:///{path}")
    migrate(database)
    with database.engine.connect() as connection:
        connection.exec_driver_sql("COMMIT")
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()
    return path


@pytest.fixture(scope="session")
def pool(cluster: Cluster, postgresql_template: str) -> Iterator[DatabasePool]:
    """Return the pool of PostgreSQL databases that tests use one after the other."""
    pool = DatabasePool(cluster, postgresql_template)
    yield pool
    pool.close()


@pytest.fixture(scope="session")
def postgresql_template(cluster: Cluster) -> str:
    """Return the name of a migrated, empty PostgreSQL database, to be copied."""
    database = Database(cluster.create_database("template_bridge"))
    migrate(database)
    database.close()
    return "template_bridge"


@pytest.fixture(scope="session")
def sqlite_shop(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Connected]:
    """Return a SQLite database with the recorded shop in it, to be copied, and the shop."""
    path = tmp_path_factory.mktemp("shop") / "bridge.sqlite3"
    shutil.copyfile(sqlite_template, path)
    return path, _connect_shop(f"sqlite:///{path}")


@pytest.fixture(scope="session")
def postgresql_shop(cluster: Cluster, postgresql_template: str) -> Iterator[tuple[DatabasePool, Connected]]:
    """Return a pool of PostgreSQL databases with the recorded shop in them, and the shop."""
    url = cluster.create_database("template_shop", template=postgresql_template)
    connected = _connect_shop(url)
    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        keep_rows(connection)
    pool = DatabasePool(cluster, "template_shop")
    yield pool, connected
    pool.close()


def _connect_shop(database_url: str) -> Connected:
    app = create_app(make_config(database_url))
    connected = _add_shop(app)
    parts: Runtime = app.extensions["bridge"]
    parts.group_commit.close()
    parts.database.close()
    return connected


def _add_shop(app: Flask) -> Connected:
    parts: Runtime = app.extensions["bridge"]
    wanted = NewStore("shop", "http://127.0.0.1:8980", "Shop", "America/New_York", webhook_secret="test-secret")
    with parts.database.transaction() as connection:
        return add_store(connection, wanted, vault_=parts.vault, actor="test", now=utcnow())


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Return one browser for all tests; those that use it share the xdist group `browser`."""
    with open_browser() as chromium:
        yield chromium


@pytest.fixture(autouse=True)
def _ids_follow_the_clock() -> Iterator[None]:
    """Forget ids of a later moment: a test that sets the clock ahead would date the rows of all tests after it."""
    yield
    ids._last = -1


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest) -> str:
    """Return the engine of a test; every test that uses it runs on both."""
    return str(request.param)


@pytest.fixture
def database_url(engine: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Return the URL of a migrated database that only this test uses while it runs.

    It is empty, except that it has the shop of a test that asks for `app` and `shop`.
    """
    has_shop = {"app", "shop"} <= set(request.fixturenames)
    connected = None
    if engine == "sqlite":
        template = request.getfixturevalue("sqlite_template")
        if has_shop:
            template, connected = request.getfixturevalue("sqlite_shop")
        path = tmp_path / "bridge.sqlite3"
        shutil.copyfile(template, path)
        url = f"sqlite:///{path}"
    else:
        cluster: Cluster = request.getfixturevalue("cluster")
        if has_shop:
            pool, connected = request.getfixturevalue("postgresql_shop")
        else:
            pool = request.getfixturevalue("pool")
        name = pool.take()
        url = cluster.url(name)
    if connected is not None:
        _shops[url] = connected
    yield url
    _shops.pop(url, None)
    if engine == "postgresql":
        pool.give_back(name)


_shops: dict[str, Connected] = {}
"""The shop that a database was copied with, by its URL."""


@pytest.fixture
def database(app: Flask) -> Database:
    """Return the app's own database."""
    parts: Runtime = app.extensions["bridge"]
    return parts.database


def make_config(database_url: str, **changes: object) -> Config:
    """Return the settings of a test's app."""
    settings: dict[str, object] = {
        "database_url": database_url,
        "secret_key": SECRET_KEY,
        "public_url": "http://127.0.0.1:8000",
        "bind": "127.0.0.1:8000",
        "threads": 16,
        "workers": 1,
        "scheduler": False,
        "admin_email": "admin@example.test",
        "admin_password": "",
        "log_level": "WARNING",
        "log_format": "text",
    }
    return Config(**{**settings, **changes})  # type: ignore[arg-type]


@pytest.fixture
def app(database_url: str) -> Iterator[Flask]:
    """Return the whole service on a database of this test's own, called in process."""
    app = create_app(make_config(database_url))
    yield app
    parts: Runtime = app.extensions["bridge"]
    parts.group_commit.close()
    parts.database.close()


@dataclass(frozen=True)
class Shop:
    """A connected store, and a client that calls with its key."""

    connected: Connected
    client: FlaskClient

    @property
    def id(self) -> int:
        """Return the store's id."""
        return self.connected.store.id

    @property
    def headers(self) -> dict[str, str]:
        """Return the headers of a call with the store's key."""
        return {"Authorization": f"Bearer {self.connected.access_key}"}


@pytest.fixture
def shop(app: Flask) -> Shop:
    """Return the recorded shop, connected: slug `shop`, in New York, signing with `test-secret`."""
    parts: Runtime = app.extensions["bridge"]
    connected = _shops.get(parts.config.database_url) or _add_shop(app)
    return Shop(connected, app.test_client())
