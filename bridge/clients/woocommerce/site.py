"""Public data of a WordPress site: its name and time zone, at `/wp-json/`."""

from __future__ import annotations

import json
import queue
import threading
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin

import requests

from bridge.domain.stores.pasted_text import plain_text
from bridge.domain.stores.public_address import is_loopback
from bridge.domain.stores.shop_address import comparable_shop
from bridge.domain.stores.zones import wordpress_zone

LOOK_SECONDS = 6.0
"""The longest time to read a site's data, including the lookup of its host name."""

_CONNECT_SECONDS, _READ_SECONDS = 3.0, 4.0
_MAX_BYTES = 4 * 2**20
_CHUNK = 2**16
_MAX_REDIRECTS = 3


@dataclass(frozen=True, slots=True)
class Site:
    """A WordPress site's name and time zone; each is empty if the site does not state it."""

    name: str = ""
    time_zone: str = ""


def look_up_site(url: str, *, timeout_seconds: float = LOOK_SECONDS) -> Site | None:
    """Return the public data of the site at an address; None if it cannot be reached or is not WordPress."""
    found: queue.SimpleQueue[Site | None] = queue.SimpleQueue()

    def look() -> None:
        found.put(_look(url, time.monotonic() + timeout_seconds))

    # A socket's timeout limits neither the lookup of a name nor a server that sends byte by byte.
    threading.Thread(target=look, daemon=True).start()
    try:
        return found.get(timeout=timeout_seconds)
    except queue.Empty:
        return None


def _look(url: str, until: float) -> Site | None:
    for address in (f"{url}/wp-json/", f"{url}/?rest_route=/"):
        document = _get(url, address, until)
        if isinstance(document, dict) and isinstance(document.get("name"), str) and "namespaces" in document:
            name = " ".join(plain_text(document["name"]).split())
            zone = wordpress_zone(document.get("timezone_string"), document.get("gmt_offset"))
            return Site("".join(letter for letter in name if letter.isprintable())[:200], zone or "")
    return None


def _get(shop_url: str, address: str, until: float) -> Any:
    """Return the JSON at an address; a redirect is followed only within the same shop."""
    fields = {"_fields": "name,timezone_string,gmt_offset,namespaces"}
    with requests.Session() as session:
        session.trust_env = not is_loopback(shop_url)
        for _ in range(_MAX_REDIRECTS + 1):
            try:
                with session.get(
                    address,
                    params=fields,
                    timeout=(_CONNECT_SECONDS, _READ_SECONDS),
                    stream=True,
                    allow_redirects=False,
                    headers={"User-Agent": "TokenBridge", "Accept": "application/json"},
                ) as response:
                    location = response.headers.get("Location", "")
                    if not (300 <= response.status_code < 400 and location):
                        return _parse(response, until) if response.status_code == 200 else None
            except (requests.RequestException, OSError, ValueError):
                return None
            address, fields = urljoin(address, location), {}
            if not comparable_shop(address).startswith(comparable_shop(shop_url)):
                return None
    return None


def _parse(response: requests.Response, until: float) -> Any:
    body = bytearray()
    for chunk in response.iter_content(_CHUNK):
        body += chunk
        if len(body) > _MAX_BYTES or time.monotonic() > until:
            return None
    try:
        return json.loads(body.lstrip(b"\xef\xbb\xbf \r\n\t"))
    except (ValueError, RecursionError):
        return None
