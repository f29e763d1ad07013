"""Sync of orders missed during an outage, compared with fetching the same pages, and its memory.

The ratio is 1 where the sync waits only for the shop's answers.
"""

from __future__ import annotations

import multiprocessing
import resource
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection as Pipe
from pathlib import Path
from typing import Any

from bench.funded_store import SECRET
from bench.over_http import Row
from bridge.services.ops.audit import list_faults
from bridge.services.secrets import Vault
from bridge.services.shop import paging, reconcile
from bridge.services.shop.ingest import SyncContext
from bridge.services.shop.rest import Shops
from bridge.services.stores.settings import NewStore, add_store
from bridge.storage.engine.database import Database
from bridge.storage.engine.migrate import migrate
from fakeshop.model.shop import FakeShop
from fakeshop.rest.api import Rest
from fakeshop.rest.auth import Request
from fakeshop.rest.responses import Answer
from fakeshop.rest.server import serve
from tests.support.postgres import Cluster

FEW, MANY = 1_000, 10_000
SLOW_SECONDS = 0.3
"""The duration of a page of a hundred orders in a shop of some size on a good day."""
_USERS = 300
_FORK = multiprocessing.get_context("fork")


def measure_sqlite(folder: Path) -> list[Row]:
    """Return the rows of the embedded database."""
    return _measure("sqlite", lambda count: f"sqlite:///{folder / f'reconcile-{count}.sqlite3'}")


def measure_postgresql(cluster: Cluster) -> list[Row]:
    """Return the rows of PostgreSQL."""
    return _measure("postgresql", lambda count: cluster.create_database(f"bench_reconcile_{count}"))


def _measure(engine: str, url_of: Callable[[int], str]) -> list[Row]:
    """Measure a few orders of a shop with realistic delays, and many of one that answers at once."""
    few = _in_a_process(_reconcile, url_of(FEW), FEW, SLOW_SECONDS)
    many = _in_a_process(_reconcile, url_of(MANY), MANY, 0.0)
    for found in (few, many):
        print(
            f"{engine}: {found['count']} orders fetched at {found['fetched']:.0f}/s, reconciled at"
            f" {found['reconciled']:.0f}/s, peak memory {found['kilobytes'] // 1024} MiB",
            file=sys.stderr,
        )
    slow, quick = (found["reconciled"] / found["fetched"] for found in (few, many))
    memory = many["kilobytes"] / few["kilobytes"]
    return [
        Row(
            f"{engine}: {FEW} missed orders reconciled / fetched, {SLOW_SECONDS} s an answer",
            slow,
            0.0,
            few["audit"],
            ">= 0.95",
        ),
        Row(f"{engine}: {MANY} missed orders reconciled / fetched, answers at once", quick, 0.0, many["audit"]),
        Row(f"{engine}: peak memory at {MANY} missed orders / at {FEW}", memory, 0.0, many["audit"], "<= 1.1"),
    ]


def _reconcile(pipe: Pipe, url: str, count: int, delay: float) -> None:
    """Fetch a shop's pages, then reconcile them, in this process; the shop runs in another."""
    database = Database(url)
    migrate(database)
    with _shop(count, delay) as (address, keys), _connected(database, address, keys) as reading:
        began = time.perf_counter()
        fetched = sum(
            len(batch.documents)
            for statuses in (None, ("trash",))
            for batch in paging.list_changes(reading.shop, statuses, since=None)
        )
        between = time.perf_counter()
        report = reconcile.poll(reading, since=None, now=datetime.now(UTC))
        ended = time.perf_counter()
    with database.reading() as connection:
        fault = next(list_faults(connection, now=datetime.now(UTC)), None)
    is_whole = fetched == report.changed == count and report.is_clean
    pipe.send(
        {
            "count": count,
            "fetched": count / (between - began),
            "reconciled": count / (ended - between),
            "kilobytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
            "audit": fault.sentence if fault else "ok" if is_whole else "not every order was granted",
        }
    )
    database.close()


@contextmanager
def _connected(database: Database, address: str, keys: tuple[str, str]) -> Iterator[SyncContext]:
    vault = Vault(SECRET)
    wanted = NewStore("shop", address, history="grant", consumer_key=keys[0], consumer_secret=keys[1])
    with database.transaction() as connection:
        store = add_store(connection, wanted, vault_=vault, actor="test", now=datetime.now(UTC)).store
    reading = reconcile.open_reading(database.transaction, Shops(vault), store)
    with reading.shop:
        yield reading


@contextmanager
def _shop(count: int, delay: float) -> Iterator[tuple[str, tuple[str, str]]]:
    """Start a shop with this many completed orders that no webhook delivered: its address and keys."""
    ours, theirs = _FORK.Pipe()
    process = _FORK.Process(target=_sell_and_serve, args=(theirs, count, delay))
    process.start()
    try:
        yield ours.recv()
    finally:
        ours.send("enough")
        process.join()


class _Slow(Rest):
    """A shop that delays every answer."""

    delay = 0.0

    def answer(self, request: Request) -> Answer:
        time.sleep(self.delay)
        return super().answer(request)


def _sell_and_serve(pipe: Pipe, count: int, delay: float) -> None:
    moment = datetime.now(UTC) - timedelta(seconds=7 * count + 60)
    ticks = iter(range(10 * count))
    shop = FakeShop(1, clock=lambda: moment + timedelta(seconds=next(ticks)))
    users = [shop.create_user(f"user{number}@example.test").id for number in range(_USERS)]
    for number in range(count):
        shop.place_order(users[number % _USERS], [(10, 1)], status="completed")
    key = shop.add_key()
    shop.clock = lambda: datetime.now(UTC)
    _Slow.delay = delay
    with serve(shop) as served:
        served.rest = _Slow(shop, served.rest.gate)
        pipe.send((served.url, (key.consumer_key, key.consumer_secret)))
        pipe.recv()


def _in_a_process(work: Callable[..., None], *arguments: Any) -> dict[str, Any]:
    """Return the value that the function sends; it runs in its own process, so that peak memory is its own."""
    ours, theirs = _FORK.Pipe()
    process = _FORK.Process(target=work, args=(theirs, *arguments))
    process.start()
    found: dict[str, Any] = ours.recv()
    process.join()
    return found
