"""Connections to PostgreSQL: they give up on a silent server, and rely on nothing but the running transaction.

Behind a pooler in transaction mode each transaction may run on another
connection of the server. So every setting is made with SET LOCAL, in the same
message as BEGIN, and no statement is prepared there.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, event

from bridge.storage.engine import patience

FORGET_PLANS = "DISCARD PLANS"
"""The statement that a connection sends every few seconds, regardless of its use."""

LOCK_SECONDS = 8
STATEMENT_SECONDS = 8.0
"""How long a request waits for one answer of the server."""
LONG_STATEMENT_SECONDS = 35.0
"""How long a job or a command does; the server ends a statement after 30."""
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

# A plan made while a table was small is kept when it has grown: a write finds its rows by index, always. Where there
# is no index that price is a fiction, and compiling would cost more than the statement.
_LIMITS = f"""
SET LOCAL statement_timeout = '30s'; SET LOCAL lock_timeout = '{LOCK_SECONDS}s';
SET LOCAL idle_in_transaction_session_timeout = '60s'; SET LOCAL jit = off"""
_WRITE = f"BEGIN; {_LIMITS}; SET LOCAL enable_seqscan = off"
_READ = f"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; {_LIMITS}"
"""A view of one moment for all its statements; a list may read a whole table where it needs one."""

_IN_ERROR = 3
_PROBES = 4
"""How often a new connection is asked for its process id: a pooler may answer from the same one by chance."""


@dataclass
class Pooling:
    """The state of pooling: whether a change of server connections between transactions was noticed."""

    is_pooled: bool = False


def prepare(engine: Engine, pooling: Pooling, *, plans_seconds: Callable[[], float]) -> None:
    """Let the engine's connections work as this module says; `plans_seconds()` is how long plans are kept."""
    dialect: Any = engine.dialect
    connection_class = _connection_class(dialect.loaded_dbapi)

    def connect(_dialect: Any, _record: Any, arguments: Any, options: Any) -> Any:
        return connection_class.connect(*arguments, **options)

    def opened(connection: Any, record: Any) -> None:
        record.info["is_read_only"] = _prepare_connection(connection, pooling)

    def begin(connection: Connection) -> None:
        _note_opening(connection, plans_seconds())

    event.listen(engine, "do_connect", connect)
    event.listen(engine, "connect", opened)
    event.listen(engine, "begin", begin)
    dialect.do_begin = _do_begin


def take_time(connection: Connection) -> None:
    """Let this transaction's statements run as long as they need, on the server and here."""
    driver: Any = connection.connection.driver_connection
    driver.execute("SET LOCAL statement_timeout = 0")
    driver.bridge_wait_seconds = None


def _connection_class(dbapi: Any) -> Any:
    """Return the driver's connection class, with an end to every wait for the server."""
    base = dbapi.Connection
    silent = dbapi.errors._WaitTimeout

    def wait(self: Any, generator: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        try:
            return base.wait(self, generator, interval, timeout or _wait_seconds(self))
        except silent:
            # The answer may still come: nothing else can be asked on this connection.
            self.pgconn.finish()
            raise

    def commit(self: Any) -> None:
        if self.pgconn.transaction_status == _IN_ERROR:
            # The server would answer COMMIT with a rollback, and the driver would return as if all were well.
            raise dbapi.errors.InFailedSqlTransaction("a statement of this transaction failed")
        self.bridge_was_warned = False
        base.commit(self)
        if self.bridge_was_warned:
            raise dbapi.OperationalError("the commit may not have reached the standby")

    return type(
        "PatientConnection",
        (base,),
        {"wait": wait, "commit": commit, "bridge_wait_seconds": 0.0, "bridge_was_warned": False},
    )


def _wait_seconds(driver: Any) -> float | None:
    longest: float | None = driver.bridge_wait_seconds
    if longest is None:
        return None
    return patience.seconds_left(STATEMENT_SECONDS) if patience.has_budget() else LONG_STATEMENT_SECONDS


def _prepare_connection(connection: Any, pooling: Pooling) -> bool:
    """Set up a new connection; True where its server takes no writes now."""
    # Transactions are begun by hand, together with their settings.
    connection.autocommit = True
    connection.add_notice_handler(lambda notice: _note_warning(connection, notice))
    question = "select pg_backend_pid(), current_setting('transaction_read_only')"
    answers = [connection.execute(question).fetchone() for _ in range(_PROBES)]
    # A pooler stands between: a statement prepared on one connection is missing on the next.
    is_pooled = {pid for pid, _ in answers} != {connection.info.backend_pid}
    pooling.is_pooled = pooling.is_pooled or is_pooled
    if pooling.is_pooled:
        connection.prepare_threshold = None
    return any(setting == "on" for _, setting in answers)


def _note_warning(connection: Any, notice: Any) -> None:
    # Cancelled while it waits for the standby, a COMMIT ends with this warning and looks like any other.
    if notice.sqlstate == "01000":
        connection.bridge_was_warned = True


def _note_opening(connection: Connection, plans_seconds: float) -> None:
    options = connection.get_execution_options()
    is_write = options.get("bridge_writes", False)
    connection.info["opening"] = _WRITE if is_write else None if options.get("bridge_glance", False) else _READ
    if not is_write or connection.connection.driver_connection.prepare_threshold is None:  # type: ignore[union-attr]
        return
    now = time.monotonic()
    if now - connection.info.setdefault("planned_at", now) > plans_seconds:
        connection.exec_driver_sql(FORGET_PLANS)
        connection.info["planned_at"] = now


def _do_begin(connection: Any) -> None:
    """Begin what `_note_opening` noted, in one message; a single statement needs no transaction around it."""
    driver = connection.driver_connection
    driver.bridge_wait_seconds = 0.0
    opening = connection.info.pop("opening", None)
    if opening is not None:
        driver.execute(opening, prepare=False)
