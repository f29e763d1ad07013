"""Passes: short-lived links that let one person see one page, and the addresses they may lead back to."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from urllib.parse import quote, urlsplit

from bridge.domain.admin.admins import Role
from bridge.domain.ops.clock import TOLERANCE
from bridge.domain.stores.shop_address import ascii_host, comparable_shop, lower

LIFE = timedelta(minutes=1)
"""How long a pass can be used. `TOLERANCE` is added for clocks that differ."""
MAX_RETURN_URL = 2000
MAX_EACH = 30
"""The most passes of one person in `LIFE`."""
PORTAL_SESSION = timedelta(hours=2)
"""How long a buyer stays signed in to the portal."""
FRESH = timedelta(minutes=10)
"""How long after the sign-in a buyer may delete their account."""

_UNSEEN = {"Cc", "Cf", "Cs", "Zl", "Zp", "Zs"}


class Purpose(StrEnum):
    """The page a pass opens."""

    WIDGET = "widget"
    PORTAL = "portal"
    CREDITS = "credits"

    @property
    def is_for_admins(self) -> bool:
        """Return whether an admin has the pass, not a buyer."""
        return self is Purpose.CREDITS


class Access(StrEnum):
    """How much of the portal a buyer sees."""

    FULL = "full"
    PARTIAL = "partial"
    NONE = "none"


class Refused(StrEnum):
    """Why a pass opens nothing."""

    UNKNOWN = "unknown"
    FOREIGN = "foreign"
    EXPIRED = "expired"
    USED = "used"


@dataclass(frozen=True, slots=True)
class BuyerOf:
    """The user of the shop that a pass is for; `access` counts in the portal."""

    user_id: int
    access: Access = Access.FULL


@dataclass(frozen=True, slots=True)
class AdminOf:
    """The admin that a pass is for, with the most they may do in the store."""

    email: str
    name: str
    role: Role


@dataclass(frozen=True, slots=True)
class Pass:
    """A link for one person, one store and one purpose.

    `language` is empty where the browser decides, `return_url` where the pass
    names no way back. `used_at` is None until the pass is used up.
    """

    store_id: int
    purpose: Purpose
    holder: BuyerOf | AdminOf
    language: str
    return_url: str
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None = None


def refusal_of(found: Pass, purpose: Purpose, *, now: datetime) -> Refused | None:
    """Return why a pass does not open a page now; None if it does."""
    if found.purpose is not purpose:
        return Refused.FOREIGN
    if found.used_at is not None:
        return Refused.USED
    # A pass from the future was made while a clock was wrong: it would last too long.
    is_early = found.created_at - now > TOLERANCE
    return Refused.EXPIRED if is_early or now - found.expires_at >= TOLERANCE else None


def host_key(url: str) -> str:
    """Return the host and port of an address in the form in which two spellings are equal; empty without a host."""
    try:
        parts = urlsplit(url)
        return comparable_shop(f"{parts.scheme}://{parts.netloc}") if parts.hostname else ""
    except ValueError:
        return ""


def read_return_url(given: str, own: Iterable[str]) -> str:
    """Return the address that leads back to the site; raises `ValueError` with the problem.

    `own` are the addresses of the store's sites: only their hosts are accepted.
    """
    if len(given) > MAX_RETURN_URL:
        raise ValueError(f"enter an address of at most {MAX_RETURN_URL} characters")
    if "\\" in given or any(unicodedata.category(letter) in _UNSEEN for letter in given):
        raise ValueError("the address has characters that do not belong in one")
    try:
        parts = urlsplit(given)
        is_address = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError as error:
        raise ValueError("enter a whole address, such as https://shop.example.com/my-account/") from error
    if not is_address or parts.path.startswith("//"):
        raise ValueError("enter a whole address, such as https://shop.example.com/my-account/")
    if "@" in parts.netloc:
        raise ValueError("enter the address without a user name and password")
    if host_key(given) not in {key for url in own if (key := host_key(url))}:
        raise ValueError("the address must be on the shop's own site or on a linked site")
    return given


def frame_source(url: str) -> str:
    """Return a site as a source of the header Content-Security-Policy; empty for an address without a usable host."""
    try:
        parts = urlsplit(lower(url))
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return ""
    host = host if ":" in host else ascii_host(host)
    if parts.scheme not in {"http", "https"} or not host or quote(host, safe=".-:") != host:
        return ""
    named = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{named}{'' if port is None else f':{port}'}"
