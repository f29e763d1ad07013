"""Connections to PostgreSQL: every wait for the server ends, and no setting outlives its transaction.

Behind a pooler in transaction mode, each transaction may run on a different
connection of the server. Therefore every setting is made with SET LOCAL, in the
same message as BEGIN, and statements are not prepared behind a pooler.

Elsewhere, the driver prepares the statements of writes and of single reads: to plan
those of a batch or of the widget again each time would cost more than to run them.
A consistent read is planned each time, for its own values.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, event

from bridge.storage.engine import patience

FORGET_PLANS = "DISCARD PLANS"
"""Drops the cached plans; a connection sends it when they are older than `plans_seconds`."""
_PREPARED_AFTER = 5
_NEVER_PREPARED = 2**31
"""How often a connection runs a statement before the driver prepares it."""

LOCK_SECONDS = 8
STATEMENT_SECONDS = 8.0
"""How long a request waits for one response of the server."""
LONG_STATEMENT_SECONDS = 35.0
"""How long a job or a command waits; the server ends a statement after 30 seconds."""
POOL_SECONDS = 3
CONNECT_SECONDS = 3

CONNECT_ARGS = {
    "connect_timeout": CONNECT_SECONDS,
    "application_name": "token-bridge",
    "keepalives": 1,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}

# A plan made for a small table is kept when the table grows, so a write must always use an index (`enable_seqscan`).
# Where there is no index, the estimated cost is then far too high and would trigger a compilation that does not pay.
_LIMITS = f"""
SET LOCAL statement_timeout = '30s'; SET LOCAL lock_timeout = '{LOCK_SECONDS}s';
SET LOCAL idle_in_transaction_session_timeout = '60s'; SET LOCAL jit = off"""
_WRITE = f"BEGIN; {_LIMITS}; SET LOCAL enable_seqscan = off"
_READ = f"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; {_LIMITS}"
"""All statements of the transaction see the same moment; a list may read a whole table."""

_IN_TRANSACTION = 2
_IN_ERROR = 3
_PROBES = 4
"""How often the process id of a new connection is read: a pooler may return the same one by chance."""


@dataclass
class Pooling:
    """The state of pooling: `is_pooled` once the server connection was found to change between transactions."""

    is_pooled: bool = False


def prepare(engine: Engine, pooling: Pooling, *, plans_seconds: Callable[[], float]) -> None:
    """Set up the engine as this module describes; `plans_seconds()` is how long plans are kept."""
    dialect: Any = engine.dialect
    connection_class = _connection_class(dialect.loaded_dbapi)

    def connect(_dialect: Any, _record: Any, arguments: Any, options: Any) -> Any:
        return connection_class.connect(*arguments, **options)

    def opened(connection: Any, record: Any) -> None:
        record.info["is_read_only"] = _prepare_connection(connection, pooling)

    def begin(connection: Connection) -> None:
        _note_opening(connection, pooling, plans_seconds())

    event.listen(engine, "do_connect", connect)
    event.listen(engine, "connect", opened)
    event.listen(engine, "begin", begin)
    dialect.do_begin = _do_begin


def take_time(connection: Connection) -> None:
    """Remove the time limits of this transaction's statements, on the server and here."""
    driver: Any = connection.connection.driver_connection
    driver.execute("SET LOCAL statement_timeout = 0")
    driver.bridge_wait_seconds = None


def _connection_class(dbapi: Any) -> Any:
    """Return the driver's connection class with a time limit for every wait."""
    base = dbapi.Connection
    silent = dbapi.errors._WaitTimeout

    def wait(self: Any, generator: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        try:
            return base.wait(self, generator, interval, timeout or _wait_seconds(self))
        except silent:
            # The response may still arrive, so the connection cannot be used for anything else.
            self.pgconn.finish()
            raise

    def commit(self: Any) -> None:
        if self.pgconn.transaction_status == _IN_ERROR:
            # The server would respond to COMMIT with a rollback, and the driver would not report it.
            raise dbapi.errors.InFailedSqlTransaction("a statement of this transaction failed")
        self.bridge_was_warned = False
        base.commit(self)
        if self.bridge_was_warned:
            raise dbapi.OperationalError("the commit may not have reached the standby")

    def rollback(self: Any) -> None:
        if self.bridge_only_reads and self.pgconn.transaction_status == _IN_TRANSACTION:
            # Ends it as well. At a rollback, the driver would drop all the statements that it has prepared.
            base.commit(self)
        else:
            base.rollback(self)

    extra = {"bridge_wait_seconds": 0.0, "bridge_was_warned": False, "bridge_only_reads": False}
    return type("PatientConnection", (base,), {"wait": wait, "commit": commit, "rollback": rollback, **extra})


def _wait_seconds(driver: Any) -> float | None:
    longest: float | None = driver.bridge_wait_seconds
    if longest is None:
        return None
    return patience.seconds_left(STATEMENT_SECONDS) if patience.has_budget() else LONG_STATEMENT_SECONDS


def _prepare_connection(connection: Any, pooling: Pooling) -> bool:
    """Set up a new connection; return True if its server does not accept writes."""
    # We begin transactions ourselves, together with their settings.
    connection.autocommit = True
    connection.add_notice_handler(lambda notice: _note_warning(connection, notice))
    question = "select pg_backend_pid(), current_setting('transaction_read_only')"
    answers = [connection.execute(question).fetchone() for _ in range(_PROBES)]
    # There is a pooler: a statement prepared on one connection does not exist on the next.
    is_pooled = {pid for pid, _ in answers} != {connection.info.backend_pid}
    pooling.is_pooled = pooling.is_pooled or is_pooled
    if pooling.is_pooled:
        connection.prepare_threshold = None
    else:
        # For single reads, which are no transactions; the session is ours alone.
        connection.execute("SET jit = off")
    return any(setting == "on" for _, setting in answers)


def _note_warning(connection: Any, notice: Any) -> None:
    # A COMMIT that is cancelled while it waits for the standby succeeds; only this warning shows it.
    if notice.sqlstate == "01000":
        connection.bridge_was_warned = True


def _note_opening(connection: Connection, pooling: Pooling, plans_seconds: float) -> None:
    options = connection.get_execution_options()
    is_write, is_glance = options.get("bridge_writes", False), options.get("bridge_glance", False)
    connection.info["opening"] = _WRITE if is_write else None if is_glance else _READ
    driver: Any = connection.connection.driver_connection
    driver.bridge_only_reads = not is_write and not is_glance
    if pooling.is_pooled:
        driver.prepare_threshold = None
        return
    if driver.bridge_only_reads:
        driver.prepare_threshold = _NEVER_PREPARED
        return
    driver.prepare_threshold = _PREPARED_AFTER
    now = time.monotonic()
    if now - connection.info.setdefault("planned_at", now) > plans_seconds:
        connection.exec_driver_sql(FORGET_PLANS)
        connection.info["planned_at"] = now


def _do_begin(connection: Any) -> None:
    """Send the opening that `_note_opening` recorded, in one message; a single statement needs no transaction."""
    driver = connection.driver_connection
    driver.bridge_wait_seconds = 0.0
    opening = connection.info.pop("opening", None)
    if opening is not None:
        driver.execute(opening, prepare=False)
