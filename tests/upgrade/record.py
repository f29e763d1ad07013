"""Record the demo's shop as this checkout stores it, for the upgrade test of later versions.

Run in a checkout of the version to upgrade from: `python -m tests.upgrade.record <folder>`.
Writes `<revision>-sqlite.sql` and `<revision>-postgresql.sql`.
"""

import itertools
import sqlite3
import subprocess
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bridge.cli.demo_shop import DemoShop
from bridge.rendering import ids
from bridge.services.ops import schema_version
from bridge.services.secrets import Vault
from bridge.storage.engine.database import Database
from bridge.storage.engine.migrate import newest_revision
from tests.conftest import SECRET_KEY
from tests.support.postgres import Cluster, start_cluster

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
SPREAD_DAYS = 10
"""The demo spreads the recorded deliveries over this many days."""
DAYS = 2
"""This many of them are used: about 300 kB."""


def record(folder: Path) -> None:
    """Write one file per engine; its first line is the store's access key."""
    revision = newest_revision()
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "bridge.sqlite3"
        access_key = _fill(f"sqlite:///{path}")
        with sqlite3.connect(path) as connection:
            _write(folder / f"{revision}-sqlite.sql", access_key, "\n".join(connection.iterdump()))
    cluster = start_cluster()
    try:
        access_key = _fill(cluster.create_database("demo"))
        _write(folder / f"{revision}-postgresql.sql", access_key, _dump(cluster, "demo"))
    finally:
        cluster.stop()


def _fill(url: str) -> str:
    database = Database(url)
    ids.use_key(SECRET_KEY)
    schema_version.prepare(database)
    shop = DemoShop.connect(database, Vault(SECRET_KEY), now=NOON - timedelta(days=SPREAD_DAYS))
    for _ in itertools.islice(shop.live(until=NOON), DAYS):
        pass
    database.close()
    return shop.access_key


def _dump(cluster: Cluster, name: str) -> str:
    address = ["--host=127.0.0.1", f"--port={cluster.port}", "--username=postgres", name]
    options = ["--no-owner", "--no-privileges", "--rows-per-insert=50"]
    command = [str(cluster.bindir / "pg_dump"), *options, *address]
    dump = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    # Newer versions of pg_dump write commands for psql, which begin with a backslash.
    return "\n".join(line for line in dump.splitlines() if line and not line.startswith(("\\", "--")))


def _write(path: Path, access_key: str, dump: str) -> None:
    path.write_text(f"-- {access_key}\n{dump}\n", encoding="utf-8")


if __name__ == "__main__":
    record(Path(sys.argv[1]))
