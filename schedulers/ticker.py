"""The ticker: runs the timetable in threads of this process, for as long as it leads."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from datetime import datetime

from apscheduler.schedulers.background import BackgroundScheduler

from bridge.metrics.recorder import Metrics
from bridge.storage.engine.database import Database
from schedulers.context import Job, JobContext, run
from schedulers.intervals import Every, OneRunEach, SteadyZone
from schedulers.leader import Leader
from schedulers.schedule import TIMETABLE


class Scheduler:
    """The scheduler of one process. Start it after a fork, never at import: a fork does not copy threads.

    APScheduler runs the jobs, each in its own thread, so that a long job delays no
    other and never runs twice at once. Intervals do not follow the wall clock:
    setting it forward or back neither stops a job nor runs it twice.
    """

    def __init__(
        self,
        database: Database,
        *,
        clock: Callable[[], datetime],
        timetable: Sequence[Job] = TIMETABLE,
        metrics: Metrics | None = None,
    ) -> None:
        self._timetable = timetable
        self._stopping = threading.Event()
        self._changing = threading.Lock()
        self._leader = Leader(database, clock=clock, on_change=self._lead)
        self._shift = JobContext(
            database, clock, lambda: self._leader.leads and not self._stopping.is_set(), metrics or Metrics()
        )
        self._ticker: BackgroundScheduler | None = None

    def start(self) -> None:
        """Stand by, and work as soon as this process leads; each job then runs once immediately."""
        threads = OneRunEach(len(self._timetable), {"thread_name_prefix": "job"})
        ticker = BackgroundScheduler(
            timezone=SteadyZone(),
            executors={"default": threads},
            # A late run still happens.
            job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1},
        )
        # Paused until it leads; jobs that are due by then run once immediately.
        ticker.start(paused=True)
        for job in self._timetable:
            ticker.add_job(run, Every(job.every_seconds), args=(job, self._shift), id=job.name)
        self._ticker = ticker
        self._leader.start()

    def stop(self) -> None:
        """Let running jobs finish their current item, then release the lease."""
        with self._changing:
            self._stopping.set()
            ticker, self._ticker = self._ticker, None
        if ticker is not None:
            ticker.shutdown(wait=True)
        self._leader.stop()

    def _lead(self, leads: bool) -> None:
        with self._changing:
            if self._ticker is None:
                return
            if leads:
                self._ticker.resume()
            else:
                self._ticker.pause()
