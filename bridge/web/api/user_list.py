"""The API of the list of users: search, filters, sorting and pages."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Blueprint, Response, request

from bridge.domain.admin.user_list import (
    MAX_SEARCH,
    Filter,
    Listing,
    Place,
    Sort,
    read_place,
    write_place,
)
from bridge.domain.errors import FieldError, InvalidRequest
from bridge.rendering.documents import Document, format_timestamp
from bridge.services.admin import user_list
from bridge.services.admin.user_list import UserLine
from bridge.services.stores import settings
from bridge.web.api.answers.users import UserPageOut
from bridge.web.api.auth import caller, store_key
from bridge.web.api.operations import PAGE, Parameter, operation
from bridge.web.api.parsing import cursor, page_limit
from bridge.web.api.responses import json_response
from bridge.web.context import reading, utcnow

bp = Blueprint("api_user_list", __name__, url_prefix="/v1/users")

MAX_ROLE = 100
_SORTS = {
    "id": Sort.USER,
    "name": Sort.NAME,
    "email": Sort.EMAIL,
    "roles": Sort.ROLES,
    "balance": Sort.BALANCE,
    "held": Sort.HELD,
    "debt": Sort.DEBT,
    "used_30_days": Sort.USED,
    "purchased": Sort.PURCHASED,
    "active_at": Sort.ACTIVE,
}
"""The columns of the list by the names of their fields in a response."""
SORT_NAMES = {sort: name for name, sort in _SORTS.items()}
"""The names of the fields by the columns of the list."""
_ONE = rf"({'|'.join(Filter)}|role:[^,\x00-\x1f]{{1,{MAX_ROLE}}})"
_QUERY = (
    Parameter(
        "q",
        "Words of the name or email, a user ID, or an order number. Case and accents do not count.",
        {"type": "string", "maxLength": MAX_SEARCH},
        "ada",
    ),
    Parameter(
        "filter",
        "Conditions, separated by commas; all must hold. One `role:` at most. `over_limit` and `has_plan` find"
        " 10,000 users at most.",
        {"type": "string", "pattern": f"^{_ONE}(,{_ONE})*$"},
        "has_balance,role:subscriber",
    ),
    Parameter(
        "sort",
        "A field of the users; descending with `-` before it. `-id` by default.",
        {"type": "string", "enum": [sign + name for name in _SORTS for sign in ("", "-")]},
        "-balance",
    ),
    *PAGE,
)


@dataclass(frozen=True, slots=True)
class _Conditions:
    """The filters of a request."""

    filters: frozenset[Filter]
    role: str | None


@bp.get("")
@store_key
@operation("List users", tag="Users", answer=UserPageOut, query=_QUERY)
def list_users() -> Response:
    """Return the users of the store that match a search and filters, sorted.

    In a store with more than 5,000 users, the order is that of figures a job
    keeps, and a filter finds users who matched then and still do; `as_of` is the
    time of these figures. The amounts of each user are current.
    """
    wanted = request.args.get("sort", "-id")
    sort = _SORTS.get(wanted.removeprefix("-"))
    if sort is None:
        names = ", ".join(_SORTS)
        raise InvalidRequest(fields=[FieldError("sort", f"use one of {names}, with - before it to sort descending")])
    conditions = _conditions()
    listing = Listing(
        search=_search(),
        sort=sort,
        is_descending=wanted.startswith("-"),
        after=_place(sort),
        page=page_limit(),
        filters=conditions.filters,
        role=conditions.role,
    )
    with reading() as connection:
        store = settings.get_by_id(connection, caller().store_id)
        page = user_list.list_page(connection, store, listing, counts=False, now=utcnow())
    following = None if page.next is None else write_place(page.next, sort)
    document = {
        "items": [_line_document(line) for line in page.lines],
        "next": following,
        "as_of": format_timestamp(page.sorted_at),
    }
    return json_response(document)


def _line_document(line: UserLine) -> Document:
    return {
        "id": line.user_id,
        "email": line.email,
        "name": line.name,
        "roles": list(line.roles),
        "balance": line.balance,
        "held": line.held,
        "debt": line.debt,
        "used_30_days": line.used,
        "purchased": line.purchased,
        "active_at": format_timestamp(line.active_at),
    }


def _search() -> str:
    text = request.args.get("q", "")
    if len(text) > MAX_SEARCH:
        raise InvalidRequest(fields=[FieldError("q", f"must have {MAX_SEARCH} characters or fewer")])
    return "".join(letter for letter in text if letter.isprintable()).strip()


def _conditions() -> _Conditions:
    text = request.args.get("filter")
    if text is None:
        return _Conditions(frozenset(), None)
    filters, roles = set(), set()
    for part in text.split(","):
        if part in set(Filter):
            filters.add(Filter(part))
        elif part.startswith("role:") and 0 < len(part[5:]) <= MAX_ROLE and all(ord(letter) > 31 for letter in part):
            roles.add(part[5:])
        else:
            names = ", ".join(Filter)
            raise InvalidRequest(fields=[FieldError("filter", f"use {names} and role:<slug>, separated by commas")])
    if len(roles) > 1:
        raise InvalidRequest(fields=[FieldError("filter", "name one role at most")])
    return _Conditions(frozenset(filters), next(iter(roles), None))


def _place(sort: Sort) -> Place | None:
    text = cursor()
    if text is None:
        return None
    try:
        return read_place(text, sort)
    except InvalidRequest:
        message = "send the value of next from an earlier page of the same sort"
        raise InvalidRequest(fields=[FieldError("cursor", message)]) from None
