"""Intervals for APScheduler that do not follow the wall clock."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta, tzinfo

from apscheduler.triggers.base import BaseTrigger


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

    Missed runs are one, however many: no list of them is made.
    """

    def __init__(self, seconds: float) -> None:
        self._interval = timedelta(seconds=seconds)

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime:
        """Return `now` for a job that did not run yet, else the end of the interval that begins now."""
        return now if previous_fire_time is None else now + self._interval
