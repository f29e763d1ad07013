"""The shop's `date_…_gmt` fields."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any


def read_utc(value: Any) -> datetime | None:
    """Return the time in a field, in UTC if it has no offset; None for anything else."""
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
