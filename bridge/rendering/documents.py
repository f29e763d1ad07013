"""JSON documents: their type, their text, and timestamps in them."""

from __future__ import annotations

import functools
from datetime import UTC, datetime
from typing import Any, overload

from pydantic_core import to_json

Document = dict[str, Any]


def serialize(document: Document) -> str:
    """Return a document as JSON text, as it is stored under an idempotency key and sent."""
    return to_json(document).decode()


@overload
def format_timestamp(moment: datetime) -> str: ...
@overload
def format_timestamp(moment: datetime | None) -> str | None: ...
def format_timestamp(moment: datetime | None) -> str | None:
    """Return a moment in UTC as RFC 3339; None stays None."""
    return None if moment is None else _format(moment)


@functools.lru_cache(maxsize=1024)
def _format(moment: datetime) -> str:
    """Cached: a batch formats the same moment for each of its spends."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
