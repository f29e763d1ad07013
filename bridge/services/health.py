"""Health: what has to be in order before work is taken."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bridge.storage import runs
from bridge.storage.database import Connection, Database
from bridge.storage.migrate import newest_revision, revision_of

SCHEDULER_LATE_SECONDS = 180
"""A scheduler that ticks every few seconds and was silent this long is not running."""


@dataclass(frozen=True, slots=True)
class Report:
    """What was found; `document` is what a monitor reads."""

    is_ready: bool
    document: dict[str, Any]


def check(connection: Connection, database: Database, *, now: datetime) -> Report:
    """Look at the database's schema and the scheduler's last tick; a late scheduler is told, not refused."""
    revision = revision_of(database)
    is_current = revision == newest_revision()
    last = runs.last_tick(connection) if is_current else None
    age = None if last is None else round((now - last).total_seconds(), 1)
    late = age is None or age > SCHEDULER_LATE_SECONDS
    document = {
        "status": "ready" if is_current else "unready",
        "database": "ok",
        "migrations": {"at": revision, "newest": newest_revision()},
        "scheduler": {"seconds_since_tick": age, "state": "late" if late else "ok"},
    }
    return Report(is_current, document)
