"""The operations whose growth is measured, and the databases they run on."""

from __future__ import annotations

import contextlib
import random
import statistics
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from bench import funded_store, growth_data
from bridge.domain.accounts.accounts import Profile
from bridge.domain.metering.commands import SpendRequest
from bridge.domain.metering.idempotency import Answer
from bridge.domain.stores.principals import Caller
from bridge.services.metering.batcher import GroupCommit
from bridge.services.ops import audit
from bridge.storage.engine.database import Database
from bridge.storage.metering import policies
from bridge.storage.stores import stores
from bridge.web.i18n.formatting import Language
from bridge.web.widget import view as widget
from bridge.web.widget.card import usage_card
from bridge.web.widget.look import Look
from bridge.web.widget.options import Options, View
from schedulers import jobs
from schedulers.context import JobContext

PAGE = 3.0
"""The largest factor for a page with the large database."""
JOB = 1.5
"""The largest factor for a part of a job."""

ROUNDS = 10
"""The spends of each account."""
_TIMES = 15


@dataclass
class GrowthDatabase:
    """A database with this many accounts; user 1 has the first and the last order."""

    database: Database
    store_id: int
    accounts: int
    least_pieces: int = 3_000
    spends: int = 400
    rng: random.Random = field(default_factory=lambda: random.Random(7))
    opened: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)
    """Closes everything that was opened to measure."""

    def close(self) -> None:
        """Close the database and everything that was opened to measure it."""
        self.opened.close()
        self.database.close()

    @property
    def pieces(self) -> int:
        """Return the number of items for a job: several batches, also where there are few accounts."""
        return max(self.accounts, self.least_pieces)


@dataclass(frozen=True)
class Operation:
    """A measured operation: its cost for one item, in its unit; `repeats` means that it can be measured again."""

    name: str
    cost: Callable[[GrowthDatabase], float]
    most: float | None
    unit: str = "ms"
    engine: str | None = None
    repeats: bool = True


def prepare(url: str, *, accounts: int, least_pieces: int, spends: int) -> GrowthDatabase:
    """Create a database with this many accounts, as many orders and ten times as many spends.

    A job gets at least `least_pieces` items; `spends` are made to measure the cost of one.
    """
    prepared = funded_store.prepare(url, users=0)
    database, store_id, now = prepared.database, prepared.store_id, datetime.now(UTC)
    growth_data.add_accounts(database, store_id, accounts, now=now)
    growth_data.add_orders(database, store_id, first=accounts + 1, count=1, user=1, now=now)
    growth_data.add_spends(database, store_id, users=accounts, rounds=ROUNDS, now=now)
    growth_data.add_answers(database, store_id, users=accounts, now=now)
    growth_data.settle_statistics(database)
    return GrowthDatabase(database, store_id, accounts, least_pieces, spends)


def milliseconds(act: Callable[[], object], times: int = _TIMES) -> float:
    """Return the median duration of several runs; the first is left out."""
    act()
    found = []
    for _ in range(times):
        began = time.perf_counter()
        act()
        found.append(time.perf_counter() - began)
    return statistics.median(found) * 1000


def widget_of_far_apart_buyer(grown: GrowthDatabase) -> float:
    """Measure the widget of the user who has the first and the last order."""

    def page() -> None:
        now = datetime.now(UTC)
        with grown.database.reading() as connection:
            wanted = Options(view=View.FULL)
            state, options, _ = widget.read_state(connection, grown.store_id, Profile(1), wanted, Look(), now=now)
            card = usage_card(state, options, Language.ENGLISH, titled=False, now=now)
        if not card.purchases:
            raise RuntimeError("the buyer's purchases are missing")

    return milliseconds(page)


def settle_open_orders(grown: GrowthDatabase) -> float:
    """Measure the job that settles open orders, where there is none."""
    return milliseconds(lambda: jobs.settle_open_orders(_shift(grown)))


def rules_read_again(grown: GrowthDatabase) -> float:
    """Measure the first read of a store's rules after a change of them."""

    def read() -> None:
        with grown.database.transaction() as connection:
            stores.touch(connection, grown.store_id)
            policies.for_store(connection, grown.store_id)

    return milliseconds(read)


def spend_of_random_account(grown: GrowthDatabase) -> float:
    """Measure a spend of an account that was not used recently."""
    began = time.perf_counter()
    _spend(grown, grown.spends)
    return (time.perf_counter() - began) / grown.spends * 1000


def log_of_random_spend(grown: GrowthDatabase) -> float:
    """Measure the bytes PostgreSQL writes to its log for such a spend, soon after a checkpoint."""
    with growth_data.server(grown.database) as server:
        server.execute("CHECKPOINT")
        before = server.execute("select pg_current_wal_lsn()::text").fetchone()
        _spend(grown, grown.spends)
        moved = server.execute("select pg_wal_lsn_diff(pg_current_wal_lsn(), %s::pg_lsn)", before).fetchone()
    if moved is None:
        raise RuntimeError("the server does not say how much it wrote")
    return float(moved[0]) / grown.spends / 1024


def _spend(grown: GrowthDatabase, count: int) -> None:
    commit = GroupCommit(grown.database, clock=lambda: datetime.now(UTC))
    caller = Caller(grown.store_id, "bench")
    try:
        for _ in range(count):
            key, user = uuid.uuid4().hex, grown.rng.randint(1, grown.accounts)
            ask = SpendRequest(caller=caller, key=key, fingerprint=key, who=Profile(user), module="chat", tokens=1)
            if not isinstance(commit.spend(ask), Answer):
                raise RuntimeError("a funded spend was refused")  # noqa: TRY004 -- not an argument of the wrong type
    finally:
        commit.close()


def prune_keys(grown: GrowthDatabase) -> float:
    """Measure the deletion of one old idempotency key out of as many as accounts, or out of some thousands."""
    growth_data.add_keys(grown.database, grown.store_id, first=1, count=grown.pieces, at=growth_data.long_ago())
    began = time.perf_counter()
    jobs.prune(_shift(grown))
    return (time.perf_counter() - began) / grown.pieces * 1000


def spend_during_prune(grown: GrowthDatabase) -> float:
    """Measure the longest wait of many spends while old keys are deleted."""
    growth_data.add_keys(grown.database, grown.store_id, first=1, count=grown.pieces, at=growth_data.long_ago())
    return _longest_wait(grown, lambda: jobs.prune(_shift(grown)))


def expire_holds(grown: GrowthDatabase) -> float:
    """Measure the expiry of one hold out of as many as accounts, or out of some thousands."""
    _add_holds(grown, first=1)
    began = time.perf_counter()
    jobs.expire_holds(_shift(grown))
    return (time.perf_counter() - began) / grown.pieces * 1000


def spend_during_expiry(grown: GrowthDatabase) -> float:
    """Measure the longest wait of many spends while holds expire."""
    _add_holds(grown, first=grown.pieces + 1)
    return _longest_wait(grown, lambda: jobs.expire_holds(_shift(grown)))


def _add_holds(grown: GrowthDatabase, *, first: int) -> None:
    growth_data.add_holds(
        grown.database,
        grown.store_id,
        first=first,
        count=grown.pieces,
        users=grown.accounts,
        expired_at=growth_data.long_ago(),
    )


def _longest_wait(grown: GrowthDatabase, job: Callable[[], object]) -> float:
    worker = threading.Thread(target=job)
    longest = 0.0
    worker.start()
    while worker.is_alive():
        began = time.perf_counter()
        _spend(grown, 1)
        longest = max(longest, time.perf_counter() - began)
    worker.join()
    return longest * 1000


def audit_row(grown: GrowthDatabase) -> float:
    """Measure one entry of the audit, all its checks together."""
    began = time.perf_counter()
    with grown.database.reading() as connection:
        fault = next(audit.list_faults(connection, now=datetime.now(UTC)), None)
        entries = audit.extent(connection).entries
    if fault is not None:
        raise RuntimeError(f"{fault.check}: {fault.sentence}")
    return (time.perf_counter() - began) / entries * 1000


def _shift(grown: GrowthDatabase) -> JobContext:
    return JobContext(grown.database, lambda: datetime.now(UTC))


OPERATIONS = (
    Operation("widget of a buyer with the first and last order", widget_of_far_apart_buyer, PAGE),
    Operation("settle_open_orders with nothing to settle", settle_open_orders, PAGE),
    Operation("a store's rules, read after a change", rules_read_again, PAGE),
    Operation("spend at a random account", spend_of_random_account, PAGE),
    Operation("log for a spend at a random account", log_of_random_spend, None, unit="kB", engine="postgresql"),
    # More than a job may: each key is on a random page of an index that does not fit in memory once it is large.
    Operation("pruning, for each old key", prune_keys, PAGE),
    Operation("longest wait of a spend meanwhile", spend_during_prune, None, repeats=False),
    Operation("expiry, for each hold", expire_holds, JOB, repeats=False),
    Operation("longest wait of a spend meanwhile (expiry)", spend_during_expiry, None, repeats=False),
    Operation("audit, for each entry", audit_row, JOB, repeats=False),
)
