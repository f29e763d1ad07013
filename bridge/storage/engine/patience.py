"""How long a thread waits for the database before it gives up."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from contextvars import ContextVar, Token

REQUEST_SECONDS = 9.0
"""The longest total wait of one request for the database, in all its transactions."""

LEAST_SECONDS = 0.05


class Budget:
    """How many seconds a piece of work may still wait for the database."""

    __slots__ = ("left",)

    def __init__(self, seconds: float) -> None:
        self.left = seconds

    def charge(self, seconds: float) -> None:
        """Subtract the seconds waited."""
        self.left = max(0.0, self.left - seconds)


_budget: ContextVar[Budget | None] = ContextVar("database_budget", default=None)


def begin(seconds: float | None = None) -> Token[Budget | None]:
    """Give this thread a budget until `end`; by default that of a request."""
    return _budget.set(Budget(REQUEST_SECONDS if seconds is None else seconds))


def end(token: Token[Budget | None]) -> None:
    """Restore the budget from before `begin`."""
    _budget.reset(token)


@contextlib.contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Limit the total wait of a block for the database to this many seconds."""
    token = begin(seconds)
    try:
        yield
    finally:
        end(token)


def seconds_left(most: float) -> float:
    """Return the seconds that this thread may wait now: `most`, or the rest of its budget if that is less."""
    budget = _budget.get()
    return most if budget is None else max(LEAST_SECONDS, min(most, budget.left))


def has_budget() -> bool:
    """Return True inside a request or another block with a budget."""
    return _budget.get() is not None


def charge(started: float) -> None:
    """Subtract the time since `started`, by the monotonic clock, from the budget of this thread."""
    budget = _budget.get()
    if budget is not None:
        budget.charge(time.monotonic() - started)
