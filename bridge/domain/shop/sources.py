"""Sources of deliveries: which site of the shop's says that it sent one."""

from __future__ import annotations

from collections.abc import Collection
from urllib.parse import urlsplit

_LONGEST = 300
_USUAL_PORTS = {"http": 80, "https": 443}


def source_of(url: str) -> str:
    """A site's address as it is compared: host, port and path; scheme, case, `www.` and a trailing slash do not count.

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
    """The compared address of another site than the store's; None for the store's own, an accepted or no source."""
    if not source.strip():
        return None
    found = source_of(source)
    if found == source_of(shop_url) or found in accepted:
        return None
    return (found or source.strip().casefold())[:_LONGEST]
