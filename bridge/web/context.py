"""Transactions and the clock of the current request."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import TypeVar

from bridge.runtime import runtime
from bridge.services import transactions
from bridge.storage.engine.database import Connection

T = TypeVar("T")


def transaction() -> AbstractContextManager[Connection]:
    """Return a transaction that may write; see `Database.transaction`."""
    return runtime().database.transaction()


def reading() -> AbstractContextManager[Connection]:
    """Return a transaction that only reads and takes no write lock."""
    return runtime().database.reading()


def glance() -> AbstractContextManager[Connection]:
    """Return a connection for a single statement that only reads."""
    return runtime().database.glance()


def in_transaction(act: Callable[[Connection], T]) -> T:
    """Call `act` in a transaction and return its result; repeat it if it conflicts with another transaction."""
    return transactions.in_transaction(transaction, act)


def utcnow() -> datetime:
    """Return the current time, in UTC."""
    return datetime.now(UTC)
