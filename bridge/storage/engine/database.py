"""The database: one engine, transactions that write, and reads that take no write lock."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DisconnectionError, SQLAlchemyError

from bridge.domain.engine.database_urls import normalize
from bridge.domain.errors import BadSetting, Unavailable
from bridge.storage.engine import embedded, patience, postgresql
from bridge.storage.engine.failures import (
    LOST_PLANS,
    READ_ONLY_STATE,
    RENEWS,
    Breaker,
    Cause,
    Outage,
    TryAgain,
    sqlstate_of,
    translate,
)
from bridge.storage.engine.hints import follow_hints
from bridge.storage.engine.postgresql import FORGET_PLANS

__all__ = ["FORGET_PLANS", "Connection", "Database", "TryAgain"]

BUSY_SECONDS = 8
"""How long a writer waits for the embedded database, behind the writers of this and of other processes."""

_PLANS_SECONDS = 5.0
"""How long a connection keeps its query plans. A plan made while a table is small, when all indexes cost the same, may
read a whole store for each row; PostgreSQL would keep it until the table is analyzed again."""


class Database:
    """An open database, embedded (SQLite) or PostgreSQL.

    SQLite allows one writer at a time: writers of this process queue on our own lock,
    because its busy wait is not fair. Writers begin with BEGIN IMMEDIATE; with the
    default, a debit read before another commit would be lost silently.
    """

    def __init__(
        self,
        url: str,
        *,
        pool_size: int = 10,
        on_outage: Callable[[str], None] = lambda _cause: None,
        on_write_wait: Callable[[float], None] = lambda _seconds: None,
    ) -> None:
        self.url = _parse(url)
        self._on_outage = on_outage
        self._on_write_wait = on_write_wait
        self.is_sqlite = self.kind == "sqlite"
        self._generation = 0
        self.outages = 0
        """How often a caller found the database unusable, since this process started."""
        self._breaker = Breaker()
        self._write_lock = threading.Lock() if self.is_sqlite else None
        self._pooling = postgresql.Pooling()
        self._file: embedded.DatabaseFile | None = None
        self.engine = self._create_sqlite(pool_size) if self.is_sqlite else self._create_postgresql(pool_size)
        event.listen(self.engine, "connect", self._note_generation)
        event.listen(self.engine, "checkout", self._check_generation)
        event.listen(self.engine, "handle_error", _keep_pool)
        self._writer = self.engine.execution_options(bridge_writes=True)
        # A single statement is consistent by itself and needs no BEGIN and ROLLBACK.
        self._glance = self.engine.execution_options(bridge_glance=True)

    @contextlib.contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Open a transaction that may write; it commits on leaving and rolls back on any exception.

        Raises `TryAgain` if two transactions conflicted: nothing was written. Raises
        `Unavailable` if the database cannot be used: nothing was written either,
        unless the commit itself was interrupted. Then only a retry with the same
        idempotency key can show the result.
        """
        with self._answerable(), self._queued() as connection:
            yield connection

    @contextlib.contextmanager
    def reading(self) -> Iterator[Connection]:
        """Open a consistent read transaction without a write lock; it always ends with a rollback."""
        with self._answerable(is_reading=True), self.engine.connect() as connection:
            yield connection

    @contextlib.contextmanager
    def glance(self) -> Iterator[Connection]:
        """Open a connection for a single statement that only reads."""
        with self._answerable(), self._glance.connect() as connection:
            yield connection

    def checkpoint(self) -> None:
        """Write the log of the embedded database into its file and empty it; nothing on PostgreSQL.

        Where another connection is still reading, a later call does the rest.
        """
        if self.is_sqlite:
            with self._answerable(), self._glance.connect() as connection:
                connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")

    @property
    def kind(self) -> str:
        """The name of the engine: `sqlite` or `postgresql`."""
        return self.url.get_backend_name()

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()

    @contextlib.contextmanager
    def _answerable(self, *, is_reading: bool = False) -> Iterator[None]:
        """Convert errors of the drivers to `TryAgain` or `Unavailable`, and record them."""
        self._breaker.enter()
        started = time.monotonic()
        try:
            yield
        except (SQLAlchemyError, Outage) as error:
            known = error if isinstance(error, Outage) else translate(error)
            # A write in a read transaction is a fault of our code, not an outage.
            if known is None or (is_reading and sqlstate_of(error) == READ_ONLY_STATE):
                raise
            self._conclude(known, error, started)
            if known is error:
                raise
            raise known from error
        self._breaker.reset()

    def _conclude(self, known: Unavailable, error: Exception, started: float) -> None:
        if sqlstate_of(error) in LOST_PLANS:
            self._pooling.is_pooled = True
            self._generation += 1
        if not isinstance(known, Outage):
            return
        self.outages += 1
        self._on_outage(known.cause.name.lower())
        patience.charge(started)
        if known.cause in RENEWS:
            self._generation += 1
        if known.cause is Cause.SILENT:
            self._breaker.trip()

    @contextlib.contextmanager
    def _queued(self) -> Iterator[Connection]:
        """Begin a writing transaction; the wait behind other writers of this process counts as part of the limit."""
        started = time.monotonic()
        most = patience.seconds_left(BUSY_SECONDS)
        if self._write_lock is not None and not self._write_lock.acquire(timeout=most):
            raise Outage(Cause.LOCKED)
        try:
            with contextlib.ExitStack() as stack:
                with patience.at_most(max(0.0, most - (time.monotonic() - started))):
                    connection = stack.enter_context(self._writer.begin())
                patience.charge(started)
                self._on_write_wait(time.monotonic() - started)
                yield connection
        finally:
            if self._write_lock is not None:
                self._write_lock.release()

    def _note_generation(self, _connection: Any, record: Any) -> None:
        record.info["generation"], record.info["is_new"] = self._generation, True

    def _check_generation(self, _connection: Any, record: Any, _proxy: Any) -> None:
        """Close a connection that must not be used again; the pool then opens a new one."""
        info = record.info
        is_moved = self._file is not None and info["file"] != self._file.identity()
        # The server that refused writes, or its replacement, may accept them now.
        is_spent = info.get("is_read_only", False) and not info["is_new"]
        info["is_new"] = False
        if is_moved or is_spent or info["generation"] != self._generation:
            raise DisconnectionError("opened before the database failed, or moved")

    def _create_postgresql(self, pool_size: int) -> Engine:
        engine = create_engine(
            self.url,
            pool_size=pool_size,
            max_overflow=pool_size,
            pool_timeout=postgresql.POOL_SECONDS,
            connect_args=dict(postgresql.CONNECT_ARGS),
        )
        postgresql.prepare(engine, self._pooling, plans_seconds=lambda: _PLANS_SECONDS)
        return engine

    def _create_sqlite(self, pool_size: int) -> Engine:
        path = self.url.database
        if not path or path == ":memory:":
            raise BadSetting("BRIDGE_DATABASE_URL must name a file: sqlite:////folder/bridge.sqlite3")
        engine = create_engine(
            self.url,
            pool_size=pool_size,
            max_overflow=pool_size,
            pool_timeout=BUSY_SECONDS,
            connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False},
        )
        follow_hints(engine)
        self._file = embedded.DatabaseFile(path)
        embedded.prepare(engine, self._file, busy_seconds=BUSY_SECONDS)
        return engine


def _parse(url: str) -> URL:
    try:
        return make_url(normalize(url))
    except (ArgumentError, ValueError) as error:
        # The driver's message would contain the address, and with it the password.
        raise BadSetting("BRIDGE_DATABASE_URL is not an address: see its form in docs/reference/settings.md") from error


def _keep_pool(context: Any) -> None:
    # SQLAlchemy would compare times of the wall clock, which may be set back; `_check_generation` uses no clock.
    context.invalidate_pool_on_disconnect = False
