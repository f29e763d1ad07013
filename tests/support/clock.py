"""Time for the scheduler's tests: passed in, set by hand, never slept through."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from bridge.storage.engine.database import Database
from schedulers.context import JobContext


@dataclass
class Clock:
    """A clock that stands until it is moved."""

    now: datetime

    def __call__(self) -> datetime:
        """The moment it shows."""
        return self.now

    def forward(self, **span: float) -> datetime:
        """Move it on; the moment it shows then."""
        self.now += timedelta(**span)
        return self.now


def shift_at(database: Database, moment: datetime) -> JobContext:
    """Return what a job is handed that runs at this moment."""
    return JobContext(database, lambda: moment)
