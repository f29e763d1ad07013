"""Link codes: short-lived codes that a person types on another site to link it once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from ipaddress import IPv6Address, IPv6Network, ip_address

from bridge.domain.metering.limits import Window

LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""The alphabet of codes: digits and capitals without I, L, O and U."""
LENGTH = 10
LIFE = timedelta(minutes=15)
MAX_OPEN = 20
"""The most codes of one account that can be used at a time."""

GUESS_SPAN = timedelta(minutes=15)
"""How long a wrong guess counts: until the end of its quarter of an hour."""
MAX_GUESSES_EACH = 10
"""The most wrong guesses of one client in a span."""
MAX_GUESSES_TOGETHER = 1000
"""The most wrong guesses of all clients together in a span; at most this many addresses are stored."""

_MISREAD = str.maketrans("ILO", "110", "- \t\r\n\u2010\u2011\u2012\u2013\u2014")
_CLIENT_BITS = 64
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def read_code(typed: str) -> str:
    """Return a code in its normalized spelling: capitals, no dashes or spaces, look-alikes as digits."""
    return typed.upper().translate(_MISREAD)


def show_code(code: str) -> str:
    """Return a code for reading aloud: two halves with a dash between."""
    half = len(code) // 2
    return f"{code[:half]}-{code[half:]}"


def guess_window(now: datetime) -> Window:
    """Return the span that guesses at this moment count in."""
    starts_at = now - (now - _EPOCH) % GUESS_SPAN
    return Window(starts_at, starts_at + GUESS_SPAN)


def client_of(address: str) -> str:
    """Return the client behind an address: the address or, for IPv6, its network of 64 bits."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if not isinstance(parsed, IPv6Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(IPv6Network((int(parsed), _CLIENT_BITS), strict=False))
