"""Answers and error messages that the routes of the REST API share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fakeshop.model.site import Document
from fakeshop.rest.auth import Denied, Request
from fakeshop.rest.lists import Page

API = "wp-json/wc/v3/"
ALL_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer before it is written: `headers` are additional ones, `allow` is empty for refusals."""

    status: int
    document: Any
    headers: tuple[tuple[str, str], ...] = ()
    allow: tuple[str, ...] = ALL_METHODS


def listed(rows: list[Document], page: Page, link: str | None) -> Answer:
    """Return one page of a list with its totals."""
    totals = (("X-WP-Total", str(page.total)), ("X-WP-TotalPages", str(page.pages)))
    return Answer(200, rows, (*totals, *((("Link", link),) if link else ())), ("GET", "POST"))


def invalid_id(code: str) -> Denied:
    """Return the error for an unknown id."""
    return Denied(code, "Invalid ID.", 404)


def cannot(request: Request, *, is_list: bool, status: int) -> Denied:
    """Return the error for a missing key, or for one without the rights."""
    if request.method == "GET":
        sentence = "you cannot list resources" if is_list else "you cannot view this resource"
        return Denied("woocommerce_rest_cannot_view", f"Sorry, {sentence}.", status)
    verb = {"POST": "create", "DELETE": "delete"}.get(request.method, "edit")
    verb = "edit" if verb == "create" and not is_list else verb
    subject = "resources" if verb == "create" else "this resource"
    return Denied(f"woocommerce_rest_cannot_{verb}", f"Sorry, you are not allowed to {verb} {subject}.", status)
