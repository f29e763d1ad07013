"""Days and months for the metering model, found by search instead of arithmetic."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo


@cache
def day_begins(zone: ZoneInfo, day: date) -> datetime:
    """Return the first quarter of an hour whose local date is this day, found by search."""
    moment = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(hours=16)
    while moment.astimezone(zone).date() < day:
        moment += timedelta(minutes=15)
    return moment


def months_later(zone: ZoneInfo, anchor: datetime, months: int) -> datetime:
    """Return the same local day and time this many months later, or the last day of a shorter month."""
    local = anchor.astimezone(zone)
    for day in range(local.day, 0, -1):
        number = local.year * 12 + local.month - 1 + months
        try:
            return local.replace(year=number // 12, month=number % 12 + 1, day=day, fold=0).astimezone(UTC)
        except ValueError:
            continue
    raise AssertionError("a month has days")
