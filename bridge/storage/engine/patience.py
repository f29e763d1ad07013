"""How long a thread waits for the database before it gives up."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from contextvars import ContextVar, Token

REQUEST_SECONDS = 9.0
"""The longest one request waits for the database in all, however many transactions it opens."""

LEAST_SECONDS = 0.05


class Budget:
    """The seconds that one piece of work may still wait for the database."""

    __slots__ = ("left",)

    def __init__(self, seconds: float) -> None:
        self.left = seconds

    def charge(self, seconds: float) -> None:
        """Take away what was waited."""
        self.left = max(0.0, self.left - seconds)


_budget: ContextVar[Budget | None] = ContextVar("database_budget", default=None)


def begin(seconds: float | None = None) -> Token[Budget | None]:
    """Give this thread a budget, until `end`; a request's, unless another is named."""
    return _budget.set(Budget(REQUEST_SECONDS if seconds is None else seconds))


def end(token: Token[Budget | None]) -> None:
    """Return to the budget from before `begin`."""
    _budget.reset(token)


@contextlib.contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Let the block wait for the database for so many seconds in all."""
    token = begin(seconds)
    try:
        yield
    finally:
        end(token)


def seconds_left(most: float) -> float:
    """Return the seconds this thread may wait now: `most`, or what is left of its budget."""
    budget = _budget.get()
    return most if budget is None else max(LEAST_SECONDS, min(most, budget.left))


def has_budget() -> bool:
    """Return True inside a request or another block with a budget."""
    return _budget.get() is not None


def charge(started: float) -> None:
    """Take the time since `started`, by the monotonic clock, off the budget of this thread."""
    budget = _budget.get()
    if budget is not None:
        budget.charge(time.monotonic() - started)
