"""The address and time zone of a shop, which its documents need."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

Document = dict[str, Any]

_ALL_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


@dataclass(slots=True)
class Site:
    """`url` is the shop's address without a slash at its end."""

    url: str
    zone: ZoneInfo

    def times(self, name: str, moment: datetime | None) -> Document:
        """Return a `date_…` field and its `_gmt` twin: local time and UTC, to the second, without an offset."""
        return {name: self.local(moment), f"{name}_gmt": gmt(moment)}

    def local(self, moment: datetime | None) -> str | None:
        """Return a moment in the shop's local time."""
        return None if moment is None else _written(moment.astimezone(self.zone))

    def api(self, path: str) -> str:
        """Return the address of a resource in the REST API."""
        return f"{self.url}/wp-json/wc/v3/{path}"

    def links(self, path: str, *, allow: tuple[str, ...] = _ALL_METHODS) -> Document:
        """Return the `_links` of one resource."""
        collection = path.rpartition("/")[0]
        return {
            "self": [{"href": self.api(path), "targetHints": {"allow": list(allow)}}],
            "collection": [{"href": self.api(collection)}],
        }


def gmt(moment: datetime | None) -> str | None:
    """Return a moment in UTC, as in the `_gmt` fields."""
    return None if moment is None else _written(moment.astimezone(UTC))


def error_document(code: str, message: str, status: int, **more: Any) -> Document:
    """Return WordPress's error object."""
    return {"code": code, "message": message, "data": {"status": status, **more}}


def _written(moment: datetime) -> str:
    return moment.replace(tzinfo=None).isoformat(timespec="seconds")
