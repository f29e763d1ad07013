"""Errors of the drivers, classified by how a caller can react to them."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable
from enum import StrEnum

from sqlalchemy.exc import DBAPIError, IntegrityError, PendingRollbackError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from bridge.domain.errors import Unavailable


class TryAgain(Unavailable):
    """Two transactions conflicted; repeat this one."""

    code = "try_again"


class Cause(StrEnum):
    """Why the database could not be used."""

    BROKEN = "the connection to the server broke"
    DAMAGED = "its files are damaged"
    FULL = "its disk is full"
    LOCKED = "it is locked by another process or a long transaction"
    MISSING = "it does not have the tables of this service"
    OVERLOADED = "all its connections are in use"
    READ_ONLY = "it is read-only, as a replaced primary or a read-only disk is"
    REFUSED = "it refuses this user"
    SILENT = "the server does not answer"
    SLOW = "a statement took too long"
    UNREACHABLE = "it cannot be opened or connected to"


class Outage(Unavailable):
    """The database cannot take this now; try again in a moment."""

    def __init__(self, cause: Cause) -> None:
        super().__init__()
        self.cause = cause


READ_ONLY_STATE = "25006"

POSTGRESQL: dict[str, Cause] = {
    "08": Cause.BROKEN,
    READ_ONLY_STATE: Cause.READ_ONLY,
    "25P02": Cause.BROKEN,
    "25P03": Cause.BROKEN,
    "25P04": Cause.SLOW,
    "28": Cause.REFUSED,
    "3D000": Cause.MISSING,
    "3F000": Cause.MISSING,
    "40003": Cause.BROKEN,
    "42501": Cause.REFUSED,
    "42P01": Cause.MISSING,
    "53": Cause.OVERLOADED,
    "53100": Cause.FULL,
    "55006": Cause.LOCKED,
    "55P03": Cause.LOCKED,
    "57": Cause.BROKEN,
    "57014": Cause.SLOW,
    "57P03": Cause.UNREACHABLE,
    "58": Cause.DAMAGED,
    "F0": Cause.DAMAGED,
    "XX": Cause.DAMAGED,
}
"""Causes by SQLSTATE, or by its class of two characters; the longer match counts."""

SQLITE: dict[int, Cause] = {
    sqlite3.SQLITE_PERM: Cause.REFUSED,
    sqlite3.SQLITE_BUSY: Cause.LOCKED,
    sqlite3.SQLITE_LOCKED: Cause.LOCKED,
    sqlite3.SQLITE_NOMEM: Cause.OVERLOADED,
    sqlite3.SQLITE_READONLY: Cause.READ_ONLY,
    sqlite3.SQLITE_INTERRUPT: Cause.SLOW,
    sqlite3.SQLITE_IOERR: Cause.DAMAGED,
    sqlite3.SQLITE_CORRUPT: Cause.DAMAGED,
    sqlite3.SQLITE_FULL: Cause.FULL,
    sqlite3.SQLITE_CANTOPEN: Cause.UNREACHABLE,
    sqlite3.SQLITE_PROTOCOL: Cause.LOCKED,
    sqlite3.SQLITE_AUTH: Cause.REFUSED,
    sqlite3.SQLITE_NOTADB: Cause.DAMAGED,
}
"""Causes by SQLite's primary result code."""

_AGAIN = {"40001", "40P01"}
"""PostgreSQL aborted one of two conflicting transactions; nothing was written."""

LOST_PLANS = {"26000", "42P05"}
"""A prepared statement is missing, or exists already: a pooler moves our transactions to other connections."""

_STALE_PLAN = "0A000"
"""Also: the schema changed under a prepared statement."""

RENEWS = frozenset({Cause.BROKEN, Cause.DAMAGED, Cause.MISSING, Cause.READ_ONLY, Cause.REFUSED, Cause.SILENT})
"""Causes that may not affect a new connection: all open connections are closed before their next use.

An error while opening a connection does not affect the open ones.
"""


def sqlstate_of(error: BaseException) -> str:
    """Return the SQLSTATE of an error of PostgreSQL; empty for all others."""
    return str(getattr(getattr(error, "orig", None), "sqlstate", None) or "")


def translate(error: Exception) -> Unavailable | None:
    """Return `TryAgain` or an `Outage`; None for an error that is a fault of our code."""
    if isinstance(error, PoolTimeout):
        return Outage(Cause.OVERLOADED)
    if isinstance(error, PendingRollbackError):
        return Outage(Cause.BROKEN)
    if isinstance(error, IntegrityError):
        # Retry only if the row exists already: any other constraint would fail again.
        return TryAgain("another request wrote the same row first") if _is_taken(error) else None
    if not isinstance(error, DBAPIError):
        return None
    state = sqlstate_of(error)
    if state in _AGAIN or state in LOST_PLANS or (state == _STALE_PLAN and "cached plan" in str(error)):
        return TryAgain()
    cause = _cause_of(error, state)
    return None if cause is None else Outage(cause)


def _cause_of(error: DBAPIError, state: str) -> Cause | None:
    if isinstance(error.orig, sqlite3.Error):
        return _sqlite_cause(error.orig)
    cause = POSTGRESQL.get(state) or POSTGRESQL.get(state[:2])
    if cause is not None:
        return cause
    if type(error.orig).__name__ in {"_WaitTimeout", "ConnectionTimeout"}:
        return Cause.SILENT
    if state:
        return None
    if error.connection_invalidated:
        return Cause.BROKEN
    is_operational = type(error.orig).__name__ == "OperationalError"
    return Cause.UNREACHABLE if is_operational else None


def _sqlite_cause(error: sqlite3.Error) -> Cause | None:
    if isinstance(error, sqlite3.ProgrammingError | sqlite3.DataError | sqlite3.NotSupportedError):
        return None
    cause = SQLITE.get((getattr(error, "sqlite_errorcode", None) or 0) & 0xFF)
    if cause is None:
        return Cause.MISSING if "no such table" in str(error) else Cause.DAMAGED
    return cause


def _is_taken(error: IntegrityError) -> bool:
    """Return whether a unique constraint or a primary key refused the row."""
    state = getattr(error.orig, "sqlstate", None)
    name = getattr(error.orig, "sqlite_errorname", "")
    return state == "23505" or name in {"SQLITE_CONSTRAINT_UNIQUE", "SQLITE_CONSTRAINT_PRIMARYKEY"}


class Breaker:
    """Refuses callers immediately while the server does not respond, so that they do not all wait.

    One caller tries every `PAUSE_SECONDS`; the first response ends the refusals.
    """

    PAUSE_SECONDS = 2.0

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._is_open = False
        self._next_try = 0.0

    def enter(self) -> None:
        """Return if the database may be used; raise `Outage` if it recently did not respond."""
        if not self._is_open:
            return
        with self._lock:
            now = self._monotonic()
            if now < self._next_try:
                raise Outage(Cause.SILENT)
            self._next_try = now + self.PAUSE_SECONDS

    def trip(self) -> None:
        """Record that the server did not respond."""
        with self._lock:
            self._is_open, self._next_try = True, self._monotonic() + self.PAUSE_SECONDS

    def reset(self) -> None:
        """Record that the server responded."""
        if self._is_open:
            with self._lock:
                self._is_open, self._next_try = False, 0.0
