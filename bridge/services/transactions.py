"""Transactions that a service opens itself, because it needs several in sequence."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TypeVar

from bridge.storage.engine.database import Connection, TryAgain
from bridge.storage.engine.patience import at_most as waiting_at_most
from bridge.storage.engine.patience import begin as begin_waiting
from bridge.storage.engine.patience import end as end_waiting

__all__ = ["Transaction", "begin_waiting", "end_waiting", "in_transaction", "waiting_at_most"]

T = TypeVar("T")

Transaction = Callable[[], AbstractContextManager[Connection]]
"""Opens a transaction; passed to a service that needs several in sequence."""

_ATTEMPTS = 5


def in_transaction(transaction: Transaction, act: Callable[[Connection], T]) -> T:
    """Call `act` in a transaction and return its result; repeat it if it conflicts with another transaction."""
    for _ in range(_ATTEMPTS - 1):
        try:
            with transaction() as connection:
                return act(connection)
        except TryAgain:
            continue
    with transaction() as connection:
        return act(connection)
