"""Addresses of shops, compared independent of their spelling."""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import unquote, urlsplit

_KEPT = re.compile("[ßς]")
"""Letters that browsers keep in a host name. Python's codec replaces them, which makes it the name of another host."""
_PAGES = re.compile(r"/(?:wp-(?:admin|login\.php|json)|index\.php|wc-auth)(?:/.*)?$", re.IGNORECASE)


def without_page(url: str) -> str:
    """Return a shop's address without the page of it that was copied along, such as `/wp-admin/`."""
    return _PAGES.sub("", url)


def lower(text: str) -> str:
    """Return a text in lower case as browsers write a host: letter by letter, so that every capital sigma is alike."""
    return "".join(letter.lower() for letter in text)


def ascii_host(host: str) -> str:
    """Return a host as it is sent on the network, in lower case; an international name begins with `xn--`.

    A name that cannot be written so is returned in lower case.
    """
    return ".".join(_ascii_label(label) for label in lower(host).split("."))


def _ascii_label(label: str) -> str:
    try:
        if _KEPT.search(label):
            return f"xn--{unicodedata.normalize('NFKC', label).encode('punycode').decode()}"
        return label.encode("idna").decode()
    except UnicodeError:
        return label


def comparable_shop(url: str) -> str:
    """Return the part that two addresses of one shop have in common.

    Scheme, `www.`, letter case, default port, final slash and the two spellings
    of an international name do not count.
    """
    try:
        parts = urlsplit(lower(url.strip()))
        host, port = ascii_host((parts.hostname or "").rstrip(".")), parts.port
    except ValueError:
        return lower(url.strip())
    host = host.removeprefix("www.")
    if host in {"localhost", "::1"}:
        host = "127.0.0.1"
    path = lower(without_page(unquote(parts.path)).rstrip("/"))
    return f"{host}{'' if port in {None, 80, 443} else f':{port}'}{path}"
