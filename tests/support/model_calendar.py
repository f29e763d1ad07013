"""Days and months for the metering model, found by search instead of arithmetic."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any
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


def plan_months(zone: ZoneInfo, bought: Sequence[Mapping[str, Any]]) -> list[tuple[datetime, datetime, int]]:
    """Return each month of one plan, in order, with its tokens: each term follows the one before."""
    months: list[tuple[datetime, datetime, int]] = []
    anchor, count = ALWAYS, 0
    for term in bought:
        if not months or term["at"] >= months[-1][1]:
            anchor, count = term["at"], 0
        for _ in range(term["months"]):
            start, end = (months_later(zone, anchor, step) for step in (count, count + 1))
            months.append((start, end, term["tokens"]))
            count += 1
    return months
