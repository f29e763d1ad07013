"""The credits list: how an admin looks through the users of a store."""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from enum import StrEnum

from bridge.domain.errors import FieldError, InvalidRequest

PAGE = 50
"""How many users a page shows."""
MAX_SEARCH = 200
_MAX_BIG = 2**63 - 1


class Sort(StrEnum):
    """A column of the list; the list can be sorted by each."""

    USER = "user"
    NAME = "name"
    EMAIL = "email"
    ROLES = "roles"
    BALANCE = "balance"
    HELD = "held"
    DEBT = "debt"
    USED = "used"
    PURCHASED = "purchased"
    ACTIVE = "active"

    @property
    def is_text(self) -> bool:
        """Return whether the column holds words."""
        return self in {Sort.NAME, Sort.EMAIL, Sort.ROLES}

    @property
    def starts_descending(self) -> bool:
        """Return whether one wants to see the largest first, or the newest: of amounts, dates and ids, not of words."""
        return not self.is_text


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page ends or begins: the row's value in the sorted column, its account, and its number in the list.

    A page is found by place and not by counting, so the last one is as quick as
    the first and a row that moves shifts nothing.
    """

    value: int | str
    account_id: int
    number: int


@dataclass(frozen=True, slots=True)
class Listing:
    """What part of the list is wanted: rows that match `search`, sorted, just after or just before a place."""

    search: str = ""
    sort: Sort = Sort.USER
    is_descending: bool = True
    after: Place | None = None
    before: Place | None = None
    page: int = PAGE


def write_place(place: Place, sort: Sort) -> str:
    """The place as a link carries it."""
    text = json.dumps([sort.value, place.value, place.account_id, place.number], ensure_ascii=False)
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def read_place(text: str, sort: Sort) -> Place:
    """The place a link carries; raises `InvalidRequest` for what `write_place` did not write for this column."""
    try:
        parts = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (binascii.Error, ValueError, RecursionError):
        parts = None
    match parts:
        case [str(name), value, int(account_id), int(number)] if (
            name == sort.value
            and _is_value(value, sort)
            and 0 <= account_id <= _MAX_BIG
            and 1 <= number <= _MAX_BIG // 2
        ):
            return Place(value, account_id, number)
    raise InvalidRequest(
        "This page of the list does not exist.", fields=[FieldError("page", "start at the first page")]
    )


def _is_value(value: object, sort: Sort) -> bool:
    if sort.is_text:
        # No NUL, which PostgreSQL has not in text, and no half of a surrogate pair, which is no text at all.
        return isinstance(value, str) and len(value) <= 10_000 and "\0" not in value and _is_text(value)
    return isinstance(value, int) and not isinstance(value, bool) and -_MAX_BIG <= value <= _MAX_BIG


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
