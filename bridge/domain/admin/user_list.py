"""The credits list: sorting, searching and paging of a store's users."""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from enum import StrEnum

from bridge.domain.errors import FieldError, InvalidRequest

PAGE = 50
"""The number of users on a page."""
PAGES = (25, 50, 100)
"""The page sizes to choose from."""
MAX_SEARCH = 200
INACTIVE_DAYS = 30
_MAX_BIG = 2**63 - 1


class Sort(StrEnum):
    """A column of the list; the list can be sorted by each column."""

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
        """Return whether the column holds text."""
        return self in {Sort.NAME, Sort.EMAIL, Sort.ROLES}

    @property
    def starts_descending(self) -> bool:
        """Return whether the column sorts descending by default: true for amounts, dates and ids, false for text."""
        return not self.is_text


class Filter(StrEnum):
    """A condition on the users of the list; several are combined, and all must hold."""

    HAS_BALANCE = "has_balance"
    EXHAUSTED = "exhausted"
    """Bought tokens before, and has none left."""
    OVER_LIMIT = "over_limit"
    """Has used up the free amount of a module in the current window."""
    IN_DEBT = "in_debt"
    WAITING = "waiting"
    """Has an order that needs attention, or is not paid."""
    HAS_PLAN = "has_plan"
    INACTIVE = "inactive"
    """No activity for `INACTIVE_DAYS` days."""


@dataclass(frozen=True, slots=True)
class Place:
    """A page boundary: the row's value in the sorted column, its account, and its position in the list.

    Pages are found by this value, not by an offset: the last page is as fast as
    the first, and a row that moves does not shift the others.
    """

    value: int | str
    account_id: int
    number: int


@dataclass(frozen=True, slots=True)
class Listing:
    """The requested part of the list: rows that match `search`, sorted, just after or before a place.

    `is_last` asks for the rows at the end of the list.
    """

    search: str = ""
    sort: Sort = Sort.USER
    is_descending: bool = True
    after: Place | None = None
    before: Place | None = None
    is_last: bool = False
    page: int = PAGE
    filters: frozenset[Filter] = frozenset()
    role: str | None = None

    @property
    def is_upwards(self) -> bool:
        """Return whether the rows are read from the end of the page to its beginning."""
        return self.is_last or self.before is not None

    @property
    def is_narrowed(self) -> bool:
        """Return whether the list leaves out users: those without a match."""
        return bool(self.search or self.filters or self.role)


def write_place(place: Place, sort: Sort) -> str:
    """Return the place as a link parameter."""
    text = json.dumps([sort.value, place.value, place.account_id, place.number], ensure_ascii=False)
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def read_place(text: str, sort: Sort) -> Place:
    """Return the place of a link parameter; raises `InvalidRequest` unless `write_place` wrote it for this column."""
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
        # PostgreSQL text cannot hold NUL, and a lone surrogate is not valid text.
        return isinstance(value, str) and len(value) <= 10_000 and "\0" not in value and _is_text(value)
    return isinstance(value, int) and not isinstance(value, bool) and -_MAX_BIG <= value <= _MAX_BIG


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
