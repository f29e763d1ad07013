"""Intervals for APScheduler that do not follow the wall clock."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta, tzinfo

from apscheduler.executors.base import MaxInstancesReachedError
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.job import Job
from apscheduler.triggers.base import BaseTrigger

_SOON = timedelta(seconds=0.2)


class SteadyZone(tzinfo):
    """A time zone whose present moment advances with the monotonic clock.

    APScheduler reads the time only as `datetime.now(zone)`, with the zone it was
    given, and Python takes that value from the zone's `fromutc`. Setting the
    wall clock does not change it. Use the zone for nothing else: it converts no
    other moment.
    """

    def __init__(self) -> None:
        self._started_at = datetime.now(UTC).replace(tzinfo=self)
        self._started = time.monotonic()

    def fromutc(self, moment: datetime, /) -> datetime:
        """Return the present moment, whatever the wall clock shows."""
        return self._started_at + timedelta(seconds=time.monotonic() - self._started)

    def utcoffset(self, moment: datetime | None, /) -> timedelta:
        """Return no offset."""
        return timedelta()

    def dst(self, moment: datetime | None, /) -> timedelta:
        """Return no offset."""
        return timedelta()

    def tzname(self, moment: datetime | None, /) -> str:
        """Return the name that appears in APScheduler's log."""
        return "steady"


class Every(BaseTrigger):  # type: ignore[misc]  # APScheduler ships no types
    """Runs a job at once, and then at this interval from the start of its last run.

    Several missed runs count as one; no list of them is created.
    """

    def __init__(self, seconds: float) -> None:
        self._interval = timedelta(seconds=seconds)
        self._is_postponed = False

    def postpone(self) -> None:
        """Try again soon instead of after an interval, because the last run has not ended."""
        self._is_postponed = True

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime:
        """Return `now` for a job that has not run yet, otherwise the end of the interval that begins now."""
        if previous_fire_time is None:
            return now
        wait = min(self._interval, _SOON) if self._is_postponed else self._interval
        self._is_postponed = False
        return now + wait


class OneRunEach(ThreadPoolExecutor):  # type: ignore[misc]  # APScheduler ships no types
    """Runs each job of an `Every` trigger in one thread at a time; a run that is due meanwhile follows soon after."""

    def submit_job(self, job: Job, run_times: list[datetime]) -> None:
        """Run the job, or postpone it while its last run continues."""
        try:
            super().submit_job(job, run_times)
        except MaxInstancesReachedError:
            # The scheduler asks the trigger for the next moment right after this call, in the same thread.
            job.trigger.postpone()
