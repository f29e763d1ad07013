"""Linked sites: other WordPress sites that spend the tokens of one account, each with its own key and cap."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from urllib.parse import urlsplit

MAX_URL_CHARACTERS = 500
MAX_NAME_CHARACTERS = 200
DEFAULT_GRACE = timedelta(days=1)
"""How long a site's old key still works after a rotation, unless the caller sets another time."""
MAX_GRACE = timedelta(days=30)

_UNSEEN = {"Cc", "Cs", "Zl", "Zp"}


class AccountState(StrEnum):
    """The balance level of an account, as sent to a linked site."""

    OK = "ok"
    LOW = "low"
    EXHAUSTED = "exhausted"


@dataclass(frozen=True, slots=True)
class Site:
    """A WordPress site that draws on one account.

    `monthly_cap` is in tokens for a calendar month of the store; 0 allows nothing,
    None is no cap. An unlinked site is kept for its history.
    """

    id: int
    store_id: int
    account_id: int
    url: str
    name: str
    monthly_cap: int | None
    created_at: datetime
    unlinked_at: datetime | None = None


def left_of_cap(cap: int | None, *, used: int, held: int) -> int | None:
    """Return the rest of a site's monthly cap minus its open holds; None for no cap."""
    return None if cap is None else max(0, cap - used - held)


def state_of(*, available: int, low_balance: int, has_more: bool) -> AccountState:
    """Return the state of an account; amounts are whole tokens.

    `available` is the balance minus open holds; `has_more` means that a plan or the
    free allowance of some module still pays. An account is exhausted if no source
    pays, and low if its available tokens are below `low_balance`. The cap of a site
    does not matter.
    """
    if available == 0 and not has_more:
        return AccountState.EXHAUSTED
    return AccountState.LOW if available < low_balance else AccountState.OK


def read_url(given: str) -> str:
    """Return a site's address without query and final slash; raises `ValueError` with the problem."""
    complaint = "enter the site's address, such as https://blog.example.com"
    url = given.strip()
    if any(letter.isspace() or unicodedata.category(letter) in _UNSEEN for letter in url):
        raise ValueError(complaint)
    try:
        parts = urlsplit(url)
        # An invalid port raises only when it is read.
        is_address = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError as error:
        raise ValueError(complaint) from error
    if not is_address:
        raise ValueError(complaint)
    if parts.username is not None or parts.password is not None:
        raise ValueError("enter the address without a user name and password")
    clean = parts._replace(query="", fragment="").geturl().rstrip("/")
    if len(clean) > MAX_URL_CHARACTERS:
        raise ValueError(f"enter an address of at most {MAX_URL_CHARACTERS} characters")
    return clean


def read_name(given: str) -> str:
    """Return a site's name, trimmed; raises `ValueError` with the problem."""
    name = given.strip()
    if not name or len(name) > MAX_NAME_CHARACTERS:
        raise ValueError(f"enter a name of 1 to {MAX_NAME_CHARACTERS} characters")
    if any(unicodedata.category(letter) in _UNSEEN for letter in name):
        raise ValueError("control characters and line breaks are not allowed")
    return name
