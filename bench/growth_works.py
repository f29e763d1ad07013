"""The works whose growth is measured, and the databases they are measured on."""

from __future__ import annotations

import random
import statistics
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from bench import books as bench_books
from bench import growth_data
from bridge.domain.accounts.accounts import Profile
from bridge.domain.metering.commands import SpendRequest
from bridge.domain.stores.principals import Caller
from bridge.services.metering import policies
from bridge.services.metering.batcher import GroupCommit
from bridge.services.ops import audit
from bridge.storage.engine.database import Database
from bridge.storage.stores import stores
from bridge.web.i18n.formatting import Language
from bridge.web.widget import view as widget
from bridge.web.widget.view import View
from schedulers import jobs
from schedulers.context import JobContext

PAGE = 3.0
"""How many times more a page may cost beside the large database."""
JOB = 1.5
"""How many times more a piece of a job may cost."""

ROUNDS = 10
"""Spends of each account."""
_TIMES = 15


@dataclass
class Books:
    """A database with so many accounts; user 1 has its first and its last order."""

    database: Database
    store_id: int
    accounts: int
    least_pieces: int = 3_000
    spends: int = 400
    rng: random.Random = field(default_factory=lambda: random.Random(7))

    @property
    def pieces(self) -> int:
        """How many pieces a job is given: several batches also where there are few accounts."""
        return max(self.accounts, self.least_pieces)


@dataclass(frozen=True)
class Work:
    """A piece of work: what one of it costs, in its unit; `repeats` says that it may be measured again."""

    name: str
    cost: Callable[[Books], float]
    most: float | None
    unit: str = "ms"
    engine: str | None = None
    repeats: bool = True


def prepare(url: str, *, accounts: int, least_pieces: int, spends: int) -> Books:
    """Make a database with so many accounts, as many orders and ten times as many spends.

    A job is given at least `least_pieces`, and `spends` are made to see what one costs.
    """
    prepared = bench_books.prepare(url, users=0)
    database, store_id, now = prepared.database, prepared.store_id, datetime.now(UTC)
    growth_data.add_accounts(database, store_id, accounts, now=now)
    growth_data.add_orders(database, store_id, first=accounts + 1, count=1, user=1, now=now)
    growth_data.add_spends(database, store_id, users=accounts, rounds=ROUNDS, now=now)
    growth_data.add_answers(database, store_id, users=accounts, now=now)
    growth_data.settle_statistics(database)
    return Books(database, store_id, accounts, least_pieces, spends)


def _milliseconds(act: Callable[[], object], times: int = _TIMES) -> float:
    """The time one of these takes, in the middle of several; the first is left out."""
    act()
    found = []
    for _ in range(times):
        began = time.perf_counter()
        act()
        found.append(time.perf_counter() - began)
    return statistics.median(found) * 1000


def widget_of_far_apart_buyer(books: Books) -> float:
    """The widget of the user who has the first and the last order."""

    def page() -> None:
        with books.database.reading() as connection:
            card = widget.usage_card(
                connection,
                books.store_id,
                Profile(1),
                modules=[],
                view=View.FULL,
                language=Language.ENGLISH,
                now=datetime.now(UTC),
            )
        if not card.purchases:
            raise RuntimeError("the buyer's purchases are missing")

    return _milliseconds(page)


def settle_open_orders(books: Books) -> float:
    """The job that looks for open orders, where there is none."""
    return _milliseconds(lambda: jobs.settle_open_orders(_shift(books)))


def rules_read_again(books: Books) -> float:
    """The first read of a store's rules after a change of them."""

    def read() -> None:
        with books.database.transaction() as connection:
            stores.touch(connection, books.store_id)
            policies.for_store(connection, books.store_id)

    return _milliseconds(read)


def spend_of_random_account(books: Books) -> float:
    """A spend at an account that was not used a moment ago."""
    began = time.perf_counter()
    _spend(books, books.spends)
    return (time.perf_counter() - began) / books.spends * 1000


def log_of_random_spend(books: Books) -> float:
    """The bytes PostgreSQL writes to its log for such a spend, soon after a checkpoint."""
    with growth_data.server(books.database) as server:
        server.execute("CHECKPOINT")
        before = server.execute("select pg_current_wal_lsn()::text").fetchone()
        _spend(books, books.spends)
        moved = server.execute("select pg_wal_lsn_diff(pg_current_wal_lsn(), %s::pg_lsn)", before).fetchone()
    if moved is None:
        raise RuntimeError("the server does not say how much it wrote")
    return float(moved[0]) / books.spends / 1024


def _spend(books: Books, count: int) -> None:
    commit = GroupCommit(books.database, clock=lambda: datetime.now(UTC))
    caller = Caller(books.store_id, "bench")
    try:
        for _ in range(count):
            key, user = uuid.uuid4().hex, books.rng.randint(1, books.accounts)
            ask = SpendRequest(caller=caller, key=key, fingerprint=key, who=Profile(user), module="chat", tokens=1)
            if commit.spend(ask).status != 201:
                raise RuntimeError("a funded spend was refused")
    finally:
        commit.close()


def prune_keys(books: Books) -> float:
    """One old idempotency key, of as many as there are accounts, or of some thousands."""
    growth_data.add_keys(books.database, books.store_id, first=1, count=books.pieces, at=growth_data.long_ago())
    began = time.perf_counter()
    jobs.prune(_shift(books))
    return (time.perf_counter() - began) / books.pieces * 1000


def spend_during_prune(books: Books) -> float:
    """The longest that one of many spends waits while old keys are deleted."""
    growth_data.add_keys(books.database, books.store_id, first=1, count=books.pieces, at=growth_data.long_ago())
    return _longest_wait(books, lambda: jobs.prune(_shift(books)))


def expire_holds(books: Books) -> float:
    """One hold past its expiry, of as many as there are accounts, or of some thousands."""
    _add_holds(books, first=1)
    began = time.perf_counter()
    jobs.expire_holds(_shift(books))
    return (time.perf_counter() - began) / books.pieces * 1000


def spend_during_expiry(books: Books) -> float:
    """The longest that one of many spends waits while holds expire."""
    _add_holds(books, first=books.pieces + 1)
    return _longest_wait(books, lambda: jobs.expire_holds(_shift(books)))


def _add_holds(books: Books, *, first: int) -> None:
    growth_data.add_holds(
        books.database,
        books.store_id,
        first=first,
        count=books.pieces,
        users=books.accounts,
        expired_at=growth_data.long_ago(),
    )


def _longest_wait(books: Books, job: Callable[[], object]) -> float:
    worker = threading.Thread(target=job)
    longest = 0.0
    worker.start()
    while worker.is_alive():
        began = time.perf_counter()
        _spend(books, 1)
        longest = max(longest, time.perf_counter() - began)
    worker.join()
    return longest * 1000


def audit_row(books: Books) -> float:
    """One entry of the audit, all its checks together."""
    began = time.perf_counter()
    with books.database.reading() as connection:
        fault = next(audit.list_faults(connection, now=datetime.now(UTC)), None)
        entries = audit.extent(connection).entries
    if fault is not None:
        raise RuntimeError(f"{fault.check}: {fault.sentence}")
    return (time.perf_counter() - began) / entries * 1000


def _shift(books: Books) -> JobContext:
    return JobContext(books.database, lambda: datetime.now(UTC))


WORKS = (
    Work("widget of a buyer with the first and last order", widget_of_far_apart_buyer, PAGE),
    Work("settle_open_orders with nothing to settle", settle_open_orders, PAGE),
    Work("a store's rules, read after a change", rules_read_again, PAGE),
    Work("spend at a random account", spend_of_random_account, PAGE),
    Work("log for a spend at a random account", log_of_random_spend, None, unit="kB", engine="postgresql"),
    # More than a job may: each key lies on a random page of an index that does not fit in memory once it is large.
    Work("pruning, for each old key", prune_keys, PAGE),
    Work("longest wait of a spend meanwhile", spend_during_prune, None, repeats=False),
    Work("expiry, for each hold", expire_holds, JOB, repeats=False),
    Work("longest wait of a spend meanwhile (expiry)", spend_during_expiry, None, repeats=False),
    Work("audit, for each entry", audit_row, JOB, repeats=False),
)
