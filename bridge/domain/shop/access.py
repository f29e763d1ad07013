"""The stored way to reach a shop's REST API."""

from __future__ import annotations

from dataclasses import dataclass


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
