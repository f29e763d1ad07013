"""The way that works to a shop's REST API, as it is remembered between runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class ShopAccess:
    """How to reach a shop's REST API on the host of its address.

    `root` is the path of the API, with `?rest_route=/` where only that works;
    empty for the usual one. `has_keys_in_query` says that the host removes the
    Authorization header. `query_refused_at` is when keys in the query were last
    tried in vain, in seconds since 1970; 0 for never.
    """

    root: str = ""
    has_keys_in_query: bool = False
    query_refused_at: int = 0

    @property
    def document(self) -> dict[str, Any]:
        """The access as JSON."""
        return asdict(self)


def read_access(document: Mapping[str, Any] | None) -> ShopAccess:
    """Return the access that was remembered; the usual one for anything unreadable."""
    found = document or {}
    root, refused_at = found.get("root"), found.get("query_refused_at")
    return ShopAccess(
        root=root if isinstance(root, str) and root.startswith("/") and not root.startswith("//") else "",
        has_keys_in_query=found.get("has_keys_in_query") is True,
        query_refused_at=refused_at if type(refused_at) is int else 0,
    )
