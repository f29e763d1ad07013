"""Time zones of stores: IANA names, and fixed offsets from UTC as WordPress allows."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from datetime import UTC, timedelta, timezone, tzinfo
from enum import StrEnum
from zoneinfo import ZoneInfo, available_timezones

_OFFSET = re.compile(r"(?:UTC|GMT)?\s*([+\u2212-])(\d{1,2})(?::?([0-5]\d))?", re.IGNORECASE)
_MOST_MINUTES = 14 * 60


@functools.cache
def zone_of(name: str) -> tzinfo:
    """Return the zone of a name that `canonical_zone` returned."""
    offset = _OFFSET.fullmatch(name)
    if offset is None:
        return ZoneInfo(name)
    return timezone(timedelta(minutes=_minutes(offset)))


def canonical_zone(name: str) -> str | None:
    """Return a zone's name as it is stored: `Europe/Paris` or `+05:30`; None for no zone."""
    name = name.strip()
    if name in _names():
        return ZoneInfo(name).key
    offset = _OFFSET.fullmatch(name)
    if offset is None or abs(minutes := _minutes(offset)) > _MOST_MINUTES:
        return None
    return _written(minutes)


def list_zones() -> list[str]:
    """Return the names of the time zones, by name, without those that are not of a place."""
    return sorted(name for name in _names() if "/" in name and not name.startswith(("Etc/", "posix/", "right/")))


def wordpress_zone(timezone_string: object, gmt_offset: object) -> str | None:
    """Return the zone of a WordPress site by its two settings; None where they name none.

    `gmt_offset` is in hours and may have a fraction, such as 5.75; it counts
    where `timezone_string` is empty.
    """
    if isinstance(timezone_string, str) and timezone_string.strip():
        return canonical_zone(timezone_string)
    try:
        minutes = round(float(gmt_offset) * 60)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return None
    return _written(minutes) if abs(minutes) <= _MOST_MINUTES and not isinstance(gmt_offset, bool) else None


def zone_label(zone: tzinfo) -> str:
    """Return a zone's name as people read it: `America/New York` or `UTC+05:30`."""
    key = getattr(zone, "key", None)
    return key.replace("_", " ") if isinstance(key, str) else str(zone)


def _minutes(offset: re.Match[str]) -> int:
    minutes = int(offset[2]) * 60 + int(offset[3] or 0)
    return minutes if offset[1] == "+" else -minutes


def _written(minutes: int) -> str:
    if minutes == 0:
        return str(UTC)
    sign = "+" if minutes > 0 else "-"
    return f"{sign}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"


@functools.cache
def _names() -> frozenset[str]:
    # Read from hundreds of files; they change with an update of the machine, not of a running process.
    return frozenset(available_timezones())


class Origin(StrEnum):
    """The origin of a time zone that the owner did not choose."""

    SHOP = "shop"
    UNREACHABLE = "unreachable"
    NOT_STATED = "not_stated"


@dataclass(frozen=True, slots=True)
class ZoneSource:
    """A new store's time zone with its origin: the shop's own zone, or UTC."""

    origin: Origin
    zone: str = "UTC"
