"""The requested part of the user list, read from the address of the credits page and written to it."""

from __future__ import annotations

from typing import Any

from flask import request

from bridge.domain.admin.user_list import MAX_SEARCH, PAGE, PAGES, Filter, Listing, Sort, read_place
from bridge.domain.errors import FieldError, InvalidRequest
from bridge.web.admin.usage_chart import PERIODS

_MAX_ROLE = 100
_NAMES = ("q", "sort", "dir", "role", "size", "days", "after", "before", "page")


def read_listing() -> Listing:
    """Return the requested part of the list; raises `InvalidRequest`."""
    sort = _choice("sort", tuple(Sort), Sort.USER)
    direction = _choice("dir", ("asc", "desc"), "desc" if sort.starts_descending else "asc")
    after, before = request.args.get("after"), request.args.get("before")
    search = "".join(letter for letter in request.args.get("q", "") if letter.isprintable()).strip()
    role = request.args.get("role", "").strip()
    return Listing(
        search=search[:MAX_SEARCH],
        sort=sort,
        is_descending=direction == "desc",
        after=read_place(after, sort) if after and not before else None,
        before=read_place(before, sort) if before else None,
        is_last=_choice("page", ("last",), "") == "last" and not after and not before,
        page=_number("size", PAGES, PAGE),
        filters=_filters(),
        role=role[:_MAX_ROLE] if role.isprintable() and role else None,
    )


def read_days() -> int:
    """Return how many days the chart is to show; raises `InvalidRequest`."""
    return _number("days", PERIODS, PERIODS[0])


def list_state() -> dict[str, Any]:
    """Return the parameters that select the shown part of the page."""
    state: dict[str, Any] = {name: request.args[name] for name in _NAMES if request.args.get(name)}
    filters = sorted(set(request.args.getlist("filter")))
    return state | {"filter": filters} if filters else state


def _filters() -> frozenset[Filter]:
    found = request.args.getlist("filter")
    unknown = set(found) - set(Filter)
    if unknown:
        raise InvalidRequest(fields=[FieldError("filter", f"use {', '.join(Filter)}")])
    return frozenset(Filter(name) for name in found)


def _number(name: str, choices: tuple[int, ...], default: int) -> int:
    found = _choice(name, tuple(str(choice) for choice in choices), str(default))
    return int(found)


def _choice(name: str, choices: tuple[Any, ...], default: Any) -> Any:
    text = request.args.get(name)
    if text is None:
        return default
    for choice in choices:
        if text == choice:
            return choice
    raise InvalidRequest(fields=[FieldError(name, f"use one of {', '.join(choices)}")])
