"""What the routes of the REST API share: their answers, and the words WooCommerce refuses with."""

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
    """An answer before it is written: `headers` are those beyond what every answer has, `allow` none for refusals."""

    status: int
    document: Any
    headers: tuple[tuple[str, str], ...] = ()
    allow: tuple[str, ...] = ALL_METHODS


def listed(rows: list[Document], page: Page, link: str | None) -> Answer:
    """One page of a list with its totals."""
    totals = (("X-WP-Total", str(page.total)), ("X-WP-TotalPages", str(page.pages)))
    return Answer(200, rows, (*totals, *((("Link", link),) if link else ())), ("GET", "POST"))


def invalid_id(code: str) -> Denied:
    """Return what is not there."""
    return Denied(code, "Invalid ID.", 404)


def cannot(request: Request, *, is_list: bool, status: int) -> Denied:
    """Nobody asks, or somebody without the rights."""
    if request.method == "GET":
        sentence = "you cannot list resources" if is_list else "you cannot view this resource"
        return Denied("woocommerce_rest_cannot_view", f"Sorry, {sentence}.", status)
    verb = {"POST": "create", "DELETE": "delete"}.get(request.method, "edit")
    verb = "edit" if verb == "create" and not is_list else verb
    subject = "resources" if verb == "create" else "this resource"
    return Denied(f"woocommerce_rest_cannot_{verb}", f"Sorry, you are not allowed to {verb} {subject}.", status)
