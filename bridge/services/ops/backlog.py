"""The backlog in the database, for monitors: deliveries, events, and when each job last ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from bridge.storage.engine.database import Connection
from bridge.storage.events import outbox
from bridge.storage.jobs import runs
from bridge.storage.shop import inbox

MOST = 10_000
"""The most rows that are counted of each kind."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """How many rows wait, at most `MOST`, and since when the oldest of them does; None where none waits."""

    count: int
    since: datetime | None

    def age_seconds(self, now: datetime) -> float:
        """Return the age of the oldest row, 0 where none waits."""
        return 0.0 if self.since is None else max(0.0, (now - self.since).total_seconds())


@dataclass(frozen=True, slots=True)
class Backlog:
    """The deliveries that are not processed, the events that are not sent, and when each job last ended."""

    deliveries: Waiting
    events: Waiting
    job_ends: Mapping[str, datetime]


def read(connection: Connection) -> Backlog:
    """Return what waits; the cost is bounded however much that is."""
    return Backlog(
        Waiting(*inbox.count_waiting(connection, limit=MOST)),
        Waiting(*outbox.count_unsent(connection, limit=MOST)),
        runs.list_ends(connection),
    )
