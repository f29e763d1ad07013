"""The ticker: runs the timetable in threads of this process, for as long as it leads."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime

from bridge.storage.database import Database
from schedulers.leader import Leader
from schedulers.schedule import TIMETABLE
from schedulers.shift import Job, Shift, run

log = logging.getLogger(__name__)


class Scheduler:
    """The scheduler of one process. Start it after a fork, never at import: a fork leaves its threads behind.

    Each job has a thread, so that one that takes long delays no other and never
    overtakes itself. Intervals are measured by the monotonic clock: a wall clock
    that is set forward and back again neither stops a job nor runs it twice.
    """

    def __init__(
        self, database: Database, *, clock: Callable[[], datetime], timetable: Sequence[Job] = TIMETABLE
    ) -> None:
        self._timetable = timetable
        self._changed = threading.Condition()
        self._is_leading = False
        self._is_stopping = False
        self._leader = Leader(database, clock=clock, on_change=self._lead)
        self._shift = Shift(database, clock, lambda: self._leader.leads and not self._is_stopping)
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Stand by, and work as soon as this one leads; each job then runs once at once."""
        for job in self._timetable:
            thread = threading.Thread(target=self._repeat, args=(job,), name=f"job-{job.name}", daemon=True)
            thread.start()
            self._threads.append(thread)
        self._leader.start()

    def stop(self) -> None:
        """Let running jobs finish the item they are at, then give the lead back."""
        with self._changed:
            self._is_stopping = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()
        self._leader.stop()

    def _repeat(self, job: Job) -> None:
        due_at = time.monotonic()
        while self._wait_until(due_at):
            # From its start, and several missed runs are one.
            due_at = time.monotonic() + job.every_seconds
            try:
                run(job, self._shift)
            except Exception:
                log.exception("job %s could not be run; it runs again in %d s", job.name, job.every_seconds)

    def _wait_until(self, due_at: float) -> bool:
        """Return True when the moment has come and this one leads; False when the scheduler stops."""
        with self._changed:
            while not self._is_stopping:
                left = due_at - time.monotonic()
                if self._is_leading and left <= 0:
                    return True
                self._changed.wait(left if self._is_leading else None)
            return False

    def _lead(self, leads: bool) -> None:
        with self._changed:
            self._is_leading = leads
            self._changed.notify_all()
