"""The database: one engine, transactions that write, and reads that take no write lock."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import time
from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from bridge.domain.errors import BadSetting, Unavailable
from bridge.storage.hints import follow_hints

__all__ = ["FORGET_PLANS", "Connection", "Database", "TryAgain"]

BUSY_SECONDS = 10
"""How long a writer waits for another process to let go of the embedded database."""


FORGET_PLANS = "DISCARD PLANS"
"""What a connection says every few seconds that has nothing to do with what is asked of it."""


class TryAgain(Unavailable):
    """Two transactions met; the same one, run again, will pass."""

    code = "try_again"


class Database:
    """An open database, embedded (SQLite) or PostgreSQL.

    SQLite takes one writer at a time: writers of this process queue on a lock
    of ours, since its own busy wait is a lottery. Writers begin with BEGIN
    IMMEDIATE; with the default a debit read before another's commit is lost
    silently.
    """

    def __init__(self, url: str, *, pool_size: int = 10) -> None:
        try:
            self.url = make_url(url)
        except (SQLAlchemyError, ValueError) as error:
            # The driver's own sentence would repeat the address, which has the password in it.
            raise BadSetting("BRIDGE_DATABASE_URL is not an address: see its form in docs/settings.md") from error
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        if not self.is_sqlite and self.url.get_backend_name() != "postgresql":
            raise BadSetting("BRIDGE_DATABASE_URL must begin with sqlite:/// or postgresql+psycopg://")
        self.engine = self._create_engine(pool_size)
        self._writer = self.engine.execution_options(bridge_writes=True)
        # One statement is consistent by itself: it needs neither a BEGIN nor a ROLLBACK around it.
        self._glance = self.engine.execution_options(bridge_glance=True, **self._autocommit())
        self._write_lock = threading.Lock() if self.is_sqlite else None

    @contextlib.contextmanager
    def transaction(self) -> Iterator[Connection]:
        """A transaction that may write; commits on leaving, rolls back on any exception.

        Raises `TryAgain` where two transactions met and `Unavailable` where the
        database is locked, full or gone; nothing was then written.
        """
        with self._write_lock or contextlib.nullcontext(), _translated(), self._writer.begin() as connection:
            yield connection

    @contextlib.contextmanager
    def reading(self) -> Iterator[Connection]:
        """A consistent look at the database that takes no write lock and always ends in a rollback."""
        with _translated(), self.engine.connect() as connection:
            yield connection

    @contextlib.contextmanager
    def glance(self) -> Iterator[Connection]:
        """A connection for a single statement that only reads, at the cost of that statement alone."""
        with _translated(), self._glance.connect() as connection:
            yield connection

    def ping(self) -> None:
        """Return when the database answers; raise `Unavailable` when it does not."""
        with self.glance() as connection:
            connection.execute(text("select 1"))

    def close(self) -> None:
        """Let go of every connection."""
        self.engine.dispose()

    def _autocommit(self) -> dict[str, str]:
        return {} if self.is_sqlite else {"isolation_level": "AUTOCOMMIT"}

    def _create_engine(self, pool_size: int) -> Engine:
        if self.is_sqlite:
            return self._create_sqlite(pool_size)
        engine = create_engine(
            self.url,
            pool_size=pool_size,
            max_overflow=pool_size,
            pool_timeout=10,
            connect_args={"connect_timeout": 5, "application_name": "token-bridge"},
        )
        event.listen(engine, "connect", _prepare_postgresql)
        event.listen(engine, "begin", _begin_postgresql)
        return engine

    def _create_sqlite(self, pool_size: int) -> Engine:
        path = self.url.database
        if not path or path == ":memory:":
            raise BadSetting("BRIDGE_DATABASE_URL must name a file: sqlite:////folder/bridge.sqlite3")
        engine = create_engine(
            self.url,
            pool_size=pool_size,
            max_overflow=pool_size,
            pool_timeout=10,
            connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False},
        )
        follow_hints(engine)
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine


def _prepare_sqlite(connection: sqlite3.Connection, _record: Any) -> None:
    # Transactions are begun by hand: the driver's own would begin them too late.
    connection.isolation_level = None
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", f"busy_timeout={BUSY_SECONDS * 1000}"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    options = connection.get_execution_options()
    if not options.get("bridge_glance", False):
        connection.exec_driver_sql("BEGIN IMMEDIATE" if options.get("bridge_writes", False) else "BEGIN")


def _prepare_postgresql(connection: Any, _record: Any) -> None:
    connection.autocommit = True
    connection.execute("set lock_timeout = '10s'")
    connection.execute("set statement_timeout = '30s'")
    connection.execute("set idle_in_transaction_session_timeout = '60s'")
    # A plan made while a table was small is kept when it has grown: what writes finds its rows by index, always.
    connection.execute("set enable_seqscan = off")
    # Where there is no index the price above is a fiction, and compiling would cost more than the statement.
    connection.execute("set jit = off")
    connection.autocommit = False


_LOOK = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL enable_seqscan = on"
"""How a look at the database begins: one moment for all its statements, and whole tables where a list needs them."""


_PLANS_SECONDS = 5.0
"""How long a connection keeps its plans. Made while a table is small, when all indexes cost the same, a plan may read
a whole store for each row it seeks; PostgreSQL would keep it until the table is next analysed."""


def _begin_postgresql(connection: Connection) -> None:
    options = connection.get_execution_options()
    if options.get("bridge_writes", False):
        now = time.monotonic()
        if now - connection.info.setdefault("planned_at", now) > _PLANS_SECONDS:
            connection.exec_driver_sql(FORGET_PLANS)
            connection.info["planned_at"] = now
    elif not options.get("bridge_glance", False):
        connection.exec_driver_sql(_LOOK)


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    """Turn what the drivers raise into the few errors that callers can answer."""
    try:
        yield
    except IntegrityError as error:
        # Only a row that is there already: what another constraint refuses, it would refuse again.
        if not _is_taken(error):
            raise
        raise TryAgain("another request wrote the same row first") from error
    except (OperationalError, PoolTimeout) as error:
        state = str(getattr(getattr(error, "orig", None), "sqlstate", "") or "")
        # 40001 and 40P01: PostgreSQL ended one of two transactions that met.
        if state in {"40001", "40P01"}:
            raise TryAgain() from error
        raise Unavailable() from error
    except DBAPIError as error:
        if error.connection_invalidated or isinstance(error.orig, sqlite3.DatabaseError):
            raise Unavailable() from error
        raise
    except SQLAlchemyError:
        raise


def _is_taken(error: IntegrityError) -> bool:
    """Whether a unique constraint or a primary key refused the row."""
    state = getattr(error.orig, "sqlstate", None)
    name = getattr(error.orig, "sqlite_errorname", "")
    return state == "23505" or name in {"SQLITE_CONSTRAINT_UNIQUE", "SQLITE_CONSTRAINT_PRIMARYKEY"}
