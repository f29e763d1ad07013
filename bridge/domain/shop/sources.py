"""Sources of deliveries: the site that a delivery names as its sender."""

from __future__ import annotations

from collections.abc import Collection
from urllib.parse import urlsplit

from bridge.domain.stores.shop_address import comparable_shop

_LONGEST = 300


def source_of(url: str) -> str:
    """Return a site's address in the form that two spellings of one shop share; empty if it cannot be read."""
    text = url.strip()
    text = text if "://" in text else f"//{text}"
    try:
        parts = urlsplit(text)
        is_address = bool(parts.hostname) and (parts.port or 0) >= 0
    except ValueError:
        return ""
    return comparable_shop(text) if is_address and text.isprintable() else ""


def foreign_source(source: str, shop_url: str, accepted: Collection[str]) -> str | None:
    """Return the compared address of a foreign site; None for the store's own, an accepted or no source."""
    if not source.strip():
        return None
    found = source_of(source)
    if found == source_of(shop_url) or found in map(source_of, accepted):
        return None
    return (found or source.strip().casefold())[:_LONGEST]
