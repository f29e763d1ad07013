"""Health: the conditions for accepting work."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from bridge.domain.errors import Unavailable
from bridge.domain.ops.clock import TOLERANCE
from bridge.services.ops import clock
from bridge.services.ops.prune_guard import REFUSED
from bridge.services.transactions import in_transaction, waiting_at_most
from bridge.storage.engine.database import Connection, Database
from bridge.storage.engine.failures import Outage
from bridge.storage.engine.migrate import newest_revision, revision_in
from bridge.storage.jobs import runs

SCHEDULER_LATE_SECONDS = 180
"""A scheduler ticks every few seconds; after this time without a tick it is not running."""

PROBE_SECONDS = 3.0
"""How long the probe waits for other writers before the database counts as not writable."""
_READ_SECONDS = 8.0


@dataclass(frozen=True, slots=True)
class Report:
    """The findings of one check; `document` is what a monitor reads."""

    is_ready: bool
    document: dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Probed:
    at: float
    outages: int
    error: Unavailable | None


class Readiness:
    """Checks the database, its schema and the scheduler; one for each process.

    The database is written to at most once a second, however many callers there
    are: one writes, and the others share its result.
    """

    def __init__(self, database: Database, *, now: datetime, kept_seconds: float = 1.0) -> None:
        self._database = database
        self._progress = clock.SteadyProgress(now)
        self._kept_seconds = kept_seconds
        self._lock = threading.Lock()
        self._probed: _Probed | None = None

    def check(self, *, clock_: Callable[[], datetime]) -> Report:
        """Check everything; a late scheduler and a wrong clock are reported, but do not make it unready."""
        with waiting_at_most(_READ_SECONDS):
            try:
                with self._database.reading() as connection:
                    now = clock_()
                    document = _read(connection, now=now, jump=self._progress.jump(now))
            except Unavailable as error:
                return _refused({}, error)
        if document["status"] != "ready":
            return Report(False, document)
        failure = self._probe(clock_())
        return Report(True, document) if failure is None else _refused(document, failure)

    def _probe(self, now: datetime) -> Unavailable | None:
        """Return the error of a small write; None where it was committed."""
        if not self._lock.acquire(timeout=PROBE_SECONDS):
            return Unavailable()
        try:
            # A caller that waited for another caller's write shares its result.
            if self._probed is None or not self._is_fresh(self._probed):
                failure = self._write(now)
                self._probed = _Probed(time.monotonic(), self._database.outages, failure)
            return self._probed.error
        finally:
            self._lock.release()

    def _is_fresh(self, probed: _Probed) -> bool:
        """Return True for a write that was committed a moment ago, while no caller had another result since."""
        is_recent = time.monotonic() - probed.at < self._kept_seconds
        return is_recent and probed.error is None and probed.outages == self._database.outages

    def _write(self, now: datetime) -> Unavailable | None:
        def act(connection: Connection) -> None:
            runs.write_and_remove(connection, f"probe-{secrets.token_hex(8)}", now=now)

        try:
            with waiting_at_most(PROBE_SECONDS):
                in_transaction(self._database.transaction, act)
        except Unavailable as error:
            return error
        return None


def _read(connection: Connection, *, now: datetime, jump: timedelta) -> dict[str, Any]:
    revision, newest = revision_in(connection), newest_revision()
    if revision != newest:
        return {
            "status": "unready",
            "database": "ok",
            "migrations": {"at": revision, "newest": newest},
            "scheduler": {"seconds_since_tick": None, "state": "late"},
        }
    checked = clock.check(connection, now=now, jump=jump)
    document: dict[str, Any] = {
        "status": "ready",
        "database": "ok",
        "migrations": {"at": revision, "newest": newest},
        "scheduler": _scheduler(runs.last_tick(connection), now=now),
        "clock": {"state": checked.state.value, "seconds": checked.seconds},
    }
    if checked.sentence:
        document["clock"]["detail"] = checked.sentence
    last_prune = runs.find(connection, "prune")
    if last_prune is not None and last_prune.outcome.startswith(REFUSED):
        document["pruning"] = {"state": REFUSED, "detail": last_prune.outcome}
    return document


def _scheduler(last: datetime | None, *, now: datetime) -> dict[str, Any]:
    if last is None:
        return {"seconds_since_tick": None, "state": "late"}
    age = round((now - last).total_seconds(), 1)
    if age < -TOLERANCE.total_seconds():
        return {"seconds_since_tick": age, "state": "clock_wrong"}
    return {"seconds_since_tick": age, "state": "late" if age > SCHEDULER_LATE_SECONDS else "ok"}


def _refused(document: dict[str, Any], error: Unavailable) -> Report:
    cause = error.cause if isinstance(error, Outage) else None
    name = "unavailable" if cause is None else cause.name.lower()
    detail = error.detail if cause is None else f"the database cannot be used: {cause.value}"
    return Report(False, {**document, "status": "unready", "database": name, "detail": detail})
