"""Sources of deliveries: the site that a delivery names as its sender."""

from __future__ import annotations

from collections.abc import Collection
from urllib.parse import urlsplit

_LONGEST = 300
_USUAL_PORTS = {"http": 80, "https": 443}


def source_of(url: str) -> str:
    """Return a site's address for comparison: host, port and path, without scheme, case, `www.` and last slash.

    Empty for an address that cannot be read.
    """
    text = url.strip().casefold()
    try:
        parts = urlsplit(text if "://" in text else f"//{text}")
        host, port = (parts.hostname or "").removeprefix("www."), parts.port
    except ValueError:
        return ""
    if not host or not text.isprintable():
        return ""
    shown = f":{port}" if port is not None and port not in _USUAL_PORTS.values() else ""
    return f"{host}{shown}{parts.path.rstrip('/')}"


def foreign_source(source: str, shop_url: str, accepted: Collection[str]) -> str | None:
    """Return the compared address of a foreign site; None for the store's own, an accepted or no source."""
    if not source.strip():
        return None
    found = source_of(source)
    if found == source_of(shop_url) or found in accepted:
        return None
    return (found or source.strip().casefold())[:_LONGEST]
