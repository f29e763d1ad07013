"""The results of an audit."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

_NIGHT_HOUR = 3


@dataclass(frozen=True, slots=True)
class Fault:
    """A contradiction in the data: the check that found it, and a message about it."""

    check: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Extent:
    """The number of rows an audit checked."""

    accounts: int
    entries: int
    spends: int
    orders: int


def last_night(now: datetime) -> datetime:
    """Return the last 3 a.m. UTC, at which a nightly audit begins."""
    night = now.astimezone(UTC).replace(hour=_NIGHT_HOUR, minute=0, second=0, microsecond=0)
    return night if night <= now else night - timedelta(days=1)
