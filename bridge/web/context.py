"""Transactions and the clock of the request that is being answered."""

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
    """A transaction that may write; see `Database.transaction`."""
    return runtime().database.transaction()


def reading() -> AbstractContextManager[Connection]:
    """A transaction that only reads, and takes no write lock."""
    return runtime().database.reading()


def glance() -> AbstractContextManager[Connection]:
    """A connection for a single statement that only reads."""
    return runtime().database.glance()


def in_transaction(act: Callable[[Connection], T]) -> T:
    """Return what `act` returns, in a transaction that is run again when it met another one."""
    return transactions.in_transaction(transaction, act)


def utcnow() -> datetime:
    """Return the current time, in UTC."""
    return datetime.now(UTC)
