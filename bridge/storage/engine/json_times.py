"""Timestamps in stored JSON: ISO 8601 text, written and read only here."""

from __future__ import annotations

from datetime import date, datetime
from typing import overload

from sqlalchemy.engine.processors import str_to_date, str_to_datetime


@overload
def pack_time(at: datetime) -> str: ...
@overload
def pack_time(at: datetime | None) -> str | None: ...
def pack_time(at: datetime | None) -> str | None:
    """Return a timestamp as stored JSON holds it; None stays None."""
    return None if at is None else at.isoformat()


@overload
def unpack_time(text: str) -> datetime: ...
@overload
def unpack_time(text: str | None) -> datetime | None: ...
def unpack_time(text: str | None) -> datetime | None:
    """Return the timestamp that `pack_time` wrote; None stays None."""
    at: datetime | None = str_to_datetime(text)
    return at


def unpack_date(text: str) -> date:
    """Return the date that JSON holds as ISO 8601 text."""
    on: date = str_to_date(text)
    return on
