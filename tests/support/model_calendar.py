"""Days and months for the metering model, found by search instead of arithmetic."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

ALWAYS = datetime(1970, 1, 1, tzinfo=UTC)


def period_around(zone: ZoneInfo, period: str, now: datetime) -> tuple[datetime, datetime | None]:
    """Return the day, week or month around a moment, from midnight to midnight; all of time for `never`."""
    if period == "never":
        return ALWAYS, None
    today = now.astimezone(zone).date()
    first = {
        "daily": today,
        "weekly": today - timedelta(days=today.weekday()),
        "monthly": today.replace(day=1),
    }[period]
    following = first + timedelta(days={"daily": 1, "weekly": 7, "monthly": 31}[period])
    if period == "monthly":
        following = following.replace(day=1)
    return day_begins(zone, first), day_begins(zone, following)


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
