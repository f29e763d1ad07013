"""Clocks for the scheduler's tests, set by the test, so that no test sleeps."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from bridge.storage.engine.database import Database
from schedulers.context import JobContext


@dataclass
class Clock:
    """A clock that stands still until it is moved."""

    now: datetime

    def __call__(self) -> datetime:
        """Return the current moment."""
        return self.now

    def forward(self, **span: float) -> datetime:
        """Move the clock on and return its new moment."""
        self.now += timedelta(**span)
        return self.now


def shift_at(database: Database, moment: datetime) -> JobContext:
    """Return the context of a job that runs at this moment."""
    return JobContext(database, lambda: moment)
