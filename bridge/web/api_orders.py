"""The API of orders that want an owner's look: what is open, whose it is, and looking again."""

from __future__ import annotations

from flask import Blueprint, Response

from bridge.domain.errors import FieldError, InvalidRequest
from bridge.services import questions, stores
from bridge.web.auth import caller, store_key
from bridge.web.context import in_transaction, parts, reading, transaction, utcnow
from bridge.web.parsing import Body, UserIn, cursor, page_limit, path_number, profile_of, read_body
from bridge.web.replies import json_response, list_response

bp = Blueprint("api_orders", __name__, url_prefix="/v1")


class AssignIn(Body):
    """Who a guest's order belongs to."""

    user: UserIn


@bp.get("/exceptions")
@store_key
def list_exceptions() -> Response:
    """The orders that want an owner's look, by number, each with its question."""
    place, limit = cursor(), page_limit()
    after = 0 if place is None else _place(place)
    with reading() as connection:
        items, last = questions.list_questions(connection, caller().store_id, after=after, limit=limit)
    return list_response(items, next_cursor=None if last is None else str(last))


@bp.post("/orders/<number>/assign")
@store_key
def assign(number: str) -> Response:
    """Give a guest's order to a user, who gets its tokens; to another one later, they move."""
    body = read_body(AssignIn)
    order, who, now = path_number(number, "number"), caller(), utcnow()
    document = in_transaction(
        lambda connection: questions.assign(
            connection,
            stores.get_by_id(connection, who.store_id),
            order,
            profile_of(body.user),
            actor=who.name,
            now=now,
        )
    )
    return json_response(document)


@bp.post("/orders/<number>/check")
@store_key
def check(number: str) -> Response:
    """Look at an order again: read back from the shop if it can be asked, then settled."""
    order = path_number(number, "number")
    with reading() as connection:
        store = stores.get_by_id(connection, caller().store_id)
    return json_response(questions.check(transaction, parts().shops, store, order, now=utcnow()))


def _place(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 16:
        raise InvalidRequest(fields=[FieldError("cursor", "send what an earlier page named under next")])
    return int(text)
