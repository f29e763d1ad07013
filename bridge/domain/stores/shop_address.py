"""Addresses of shops, compared independent of their spelling."""

from __future__ import annotations

import contextlib
import re
from urllib.parse import unquote, urlsplit

_PAGES = re.compile(r"/(?:wp-(?:admin|login\.php|json)|index\.php|wc-auth)(?:/.*)?$", re.IGNORECASE)


def without_page(url: str) -> str:
    """Return a shop's address without the page of it that was copied along, such as `/wp-admin/`."""
    return _PAGES.sub("", url)


def comparable_shop(url: str) -> str:
    """Return the part that two addresses of one shop have in common.

    Scheme, `www.`, letter case, default port, final slash and the two spellings
    of an international name do not count.
    """
    try:
        parts = urlsplit(url.strip())
        host, port = (parts.hostname or "").casefold().rstrip("."), parts.port
    except ValueError:
        return url.strip().casefold()
    with contextlib.suppress(UnicodeError):
        host = host.encode("idna").decode()
    host = host.removeprefix("www.")
    if host in {"localhost", "::1"}:
        host = "127.0.0.1"
    path = without_page(unquote(parts.path)).rstrip("/").casefold()
    return f"{host}{'' if port in {None, 80, 443} else f':{port}'}{path}"
