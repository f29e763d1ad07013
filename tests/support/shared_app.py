"""One service for a whole module of tests, which must not change anything in it."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from flask import Flask

from app import create_app
from bridge.runtime import Runtime
from bridge.storage.engine.database import Database
from tests.conftest import Shop, make_config
from tests.factories import add_shop

ENGINES = ("sqlite", "postgresql")


@dataclass(frozen=True)
class SharedApp:
    """A service with the store `shop` in it, signing with `secret-of-shop`."""

    app: Flask
    shop: Shop

    @property
    def database(self) -> Database:
        """Return the service's own database."""
        parts: Runtime = self.app.extensions["bridge"]
        return parts.database


@contextlib.contextmanager
def open_shared_app(engine: str, request: pytest.FixtureRequest, name: str) -> Iterator[SharedApp]:
    """Open a service on a new database of this engine; `name` distinguishes databases of one server."""
    if engine == "sqlite":
        folder = request.getfixturevalue("tmp_path_factory").mktemp(name)
        shutil.copyfile(request.getfixturevalue("sqlite_template"), folder / "bridge.sqlite3")
        url = f"sqlite:///{folder}/bridge.sqlite3"
    else:
        template = request.getfixturevalue("postgresql_template")
        url = request.getfixturevalue("cluster").create_database(f"standing_{name}", template=template)
    app = create_app(make_config(url))
    connected, _ = add_shop(app, "shop")
    parts: Runtime = app.extensions["bridge"]
    yield SharedApp(app, Shop(connected, app.test_client()))
    parts.group_commit.close()
    parts.database.close()
    if engine == "postgresql":
        request.getfixturevalue("cluster").drop_database(f"standing_{name}")
