"""Lists of the REST API: parameter checks, pages, totals and links."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar
from urllib.parse import quote_plus
from zoneinfo import ZoneInfo

from fakeshop.model.site import error_document
from fakeshop.rest.auth import Denied, Request

T = TypeVar("T")
ORDER_STATUSES = (
    "any",
    "trash",
    "auto-draft",
    "pending",
    "processing",
    "on-hold",
    "completed",
    "cancelled",
    "refunded",
    "failed",
    "checkout-draft",
)
_DATES = ("after", "before", "modified_after", "modified_before")
_YES = frozenset({"true", "1"})


class InvalidParameters(Denied):
    """An error for invalid list parameters; WordPress names all of them."""

    def __init__(self, faults: dict[str, tuple[str, str]]) -> None:
        """Create an error with (code, sentence) for each parameter."""
        names = ", ".join(faults)
        super().__init__("rest_invalid_param", f"Invalid parameter(s): {names}", 400)
        details = {name: {"code": code, "message": message, "data": None} for name, (code, message) in faults.items()}
        params = {name: message for name, (_, message) in faults.items()}
        self.document = error_document("rest_invalid_param", str(self), 400, params=params, details=details)


@dataclass(frozen=True, slots=True)
class Query:
    """The parameters of a list, parsed and in range."""

    page: int
    per_page: int
    is_descending: bool
    orderby: str
    statuses: tuple[str, ...]
    include: tuple[int, ...]
    dates: dict[str, datetime]

    def within(self, moment: datetime, *, after: str, before: str) -> bool:
        """Return whether a moment lies between the dates of these names, both exclusive."""
        return not (
            (after in self.dates and moment <= self.dates[after])
            or (before in self.dates and moment >= self.dates[before])
        )


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list, and its numbers."""

    total: int
    pages: int


def list_values(request: Request, name: str) -> list[str]:
    """Return the values of a list parameter: separated by commas, or repeated as `name[]` or `name[0]`."""
    found = [value for key, value in request.query if key == name or re.fullmatch(rf"{name}\[\d*\]", key)]
    return [part for value in found for part in value.split(",") if part]


def read_query(request: Request, zone: ZoneInfo, *, orderings: Sequence[str], statuses: Sequence[str]) -> Query:
    """Return the parameters; raises `InvalidParameters`. The first of `orderings` is the default order."""
    faults: dict[str, tuple[str, str]] = {}
    page = _number(request, "page", 1, most=None, faults=faults)
    per_page = _number(request, "per_page", 10, most=100, faults=faults)
    dates = {name: _date(request, name, zone, faults) for name in _DATES if request.value(name)}
    include = [int(value) for value in list_values(request, "include") if value.isdecimal()]
    orderby = _one_of(request, "orderby", orderings, faults)
    direction = _one_of(request, "order", ("desc", "asc"), faults)
    wanted = list_values(request, "status")
    for place, status in enumerate(wanted):
        if status not in statuses:
            known = f"{', '.join(statuses[:-1])}, and {statuses[-1]}"
            faults["status"] = ("rest_not_in_enum", f"status[{place}] is not one of {known}.")
            break
    if faults:
        raise InvalidParameters(faults)
    return Query(page, per_page, direction == "desc", orderby, tuple(wanted), tuple(include), dates)


def sort_by(query: Query, found: Iterable[T], key: Callable[[T], object], number: Callable[[T], int]) -> list[T]:
    """Return the rows in the list's order; equal ones by id, so that pages do not overlap."""
    return sorted(found, key=lambda thing: (key(thing), number(thing)), reverse=query.is_descending)


def cut(query: Query, found: Sequence[T]) -> tuple[list[T], Page]:
    """Return one page of a list. Past the last page it is empty, and the totals are 0."""
    start = (query.page - 1) * query.per_page
    rows = list(found[start : start + query.per_page])
    if not rows:
        return [], Page(0, 0)
    return rows, Page(len(found), -(-len(found) // query.per_page))


def link_header(request: Request, query: Query, page: Page, *, address: str, is_orders: bool) -> str | None:
    """Return the `Link` to the pages before and after, with parameters rewritten as in WordPress; None without any."""
    links = []
    if query.page > 1:
        before = min(query.page - 1, page.pages)
        links.append(f'<{_page_address(request, page, before, address, is_orders)}>; rel="prev"')
    if query.page < page.pages:
        links.append(f'<{_page_address(request, page, query.page + 1, address, is_orders)}>; rel="next"')
    return ", ".join(links) or None


def _page_address(request: Request, page: Page, number: int, address: str, is_orders: bool) -> str:
    pairs: list[tuple[str, str]] = []
    for name, value in request.query:
        if name == "page":
            pairs.append(("page", str(number)))
        elif name.partition("[")[0] != "status" or not is_orders:
            pairs.append((name, "1" if name == "dates_are_gmt" and value in _YES else value))
    if is_orders:
        statuses = list_values(request, "status") or ["any"]
        pairs += [(f"status[{place}]", status) for place, status in enumerate(statuses)]
        # These two are set while a row is written, so a list without rows lacks them.
        pairs += [("dp", "2"), ("context", "view")] if page.total else []
    if not any(name == "page" for name, _ in pairs):
        pairs.append(("page", str(number)))
    return f"{address}?" + "&".join(f"{quote_plus(name)}={quote_plus(value)}" for name, value in pairs)


def _number(request: Request, name: str, default: int, *, most: int | None, faults: dict[str, tuple[str, str]]) -> int:
    given = request.value(name)
    if given is None or given == "":
        return default
    if not re.fullmatch(r"-?\d+", given):
        faults[name] = ("rest_invalid_type", f"{name} is not of type integer.")
        return default
    number = int(given)
    if most is None and number < 1:
        faults[name] = ("rest_out_of_bounds", f"{name} must be greater than or equal to 1")
    elif most is not None and not 1 <= number <= most:
        faults[name] = ("rest_out_of_bounds", f"{name} must be between 1 (inclusive) and {most} (inclusive)")
    return number


def _date(request: Request, name: str, zone: ZoneInfo, faults: dict[str, tuple[str, str]]) -> datetime:
    """Parse a date: with an offset as given; without one in the site's time, or in UTC where `dates_are_gmt` is set."""
    try:
        moment = datetime.fromisoformat((request.value(name) or "").strip())
    except ValueError:
        faults[name] = ("rest_invalid_date", "Invalid date.")
        return datetime.min.replace(tzinfo=UTC)
    if moment.tzinfo is None:
        is_gmt = (request.value("dates_are_gmt") or "").casefold() in _YES
        moment = moment.replace(tzinfo=UTC if is_gmt else zone)
    return moment.astimezone(UTC)


def _one_of(request: Request, name: str, known: Sequence[str], faults: dict[str, tuple[str, str]]) -> str:
    given = request.value(name) or known[0]
    if given not in known:
        faults[name] = ("rest_not_in_enum", f"{name} is not one of {', '.join(known[:-1])}, and {known[-1]}.")
    return given
