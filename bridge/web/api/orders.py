"""The API of orders that want an owner's look: what is open, what he answers, and looking again."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any

from flask import Blueprint, Response
from pydantic import Field

from bridge.domain.errors import FieldError, InvalidRequest
from bridge.domain.orders.merge import Refunds
from bridge.domain.orders.review_items import Question
from bridge.runtime import runtime
from bridge.services.admin import package_pages
from bridge.services.shop import inbox, review
from bridge.services.stores import settings
from bridge.storage.engine.database import Connection
from bridge.web.api.auth import caller, store_key
from bridge.web.api.parsing import (
    MONEY,
    Amount,
    Body,
    Text100,
    Text500,
    UserId,
    UserIn,
    cursor,
    page_limit,
    path_number,
    profile_of,
    read_body,
)
from bridge.web.api.responses import json_response, list_response
from bridge.web.context import in_transaction, reading, transaction, utcnow

bp = Blueprint("api_orders", __name__, url_prefix="/v1")


class AssignIn(Body):
    """Who a guest's order belongs to."""

    user: UserIn


class LineIn(Body):
    """How many tokens one piece of an order's line brings; 0 for a line of no package."""

    tokens: Amount


class RefundsIn(Body):
    """Refunds of an order as `/v1/exceptions` lists them: their ids, and all their money as text."""

    ids: Annotated[list[UserId], Field(max_length=10_000)]
    total: Annotated[str, Field(strict=True, pattern=f"^{MONEY}$")]


class SeenIn(Body):
    """The refunds that were looked at; where they are no longer these, nothing is marked."""

    refunds: RefundsIn


class DecisionIn(Body):
    """A choice about one review item, named as `/v1/exceptions` lists it."""

    kind: Annotated[Text100, Field(max_length=40)]
    subject: Text500 = ""
    choice: Annotated[Text100, Field(max_length=40)]


@bp.get("/exceptions")
@store_key
def list_exceptions() -> Response:
    """The orders that want an owner's look, by number, each with its question."""
    place, limit = cursor(), page_limit()
    after = 0 if place is None else _place(place)
    with reading() as connection:
        items, last = review.list_questions(connection, caller().store_id, after=after, limit=limit)
    return list_response(items, next_cursor=None if last is None else str(last))


@bp.get("/exceptions/products")
@store_key
def list_late_products() -> Response:
    """The packages that orders bought before they were packages, each with the number of those orders.

    Decide about them with `POST /v1/packages/{product}/past-orders`.
    """
    with reading() as connection:
        return list_response(package_pages.list_late(connection, caller().store_id), next_cursor=None)


@bp.get("/orders/<number>")
@store_key
def show_order(number: str) -> Response:
    """Return an order: status, lines with their amounts, grants and review items."""
    order = path_number(number, "number")
    with reading() as connection:
        store = settings.get_by_id(connection, caller().store_id)
        return json_response(review.get_order(connection, store, order))


@bp.post("/orders/<number>/decisions")
@store_key
def decide(number: str) -> Response:
    """Decide about one review item of an order: it is closed, and the order is settled by the choice."""
    body = read_body(DecisionIn)
    order, who, now = path_number(number, "number"), caller(), utcnow()
    kind = next((kind for kind in Question if kind and kind.value == body.kind), None)
    if kind is None:
        raise InvalidRequest(fields=[FieldError("kind", "send a kind that the order's review items have")])
    document = in_transaction(
        lambda connection: review.decide(
            connection,
            settings.get_by_id(connection, who.store_id),
            order,
            kind=kind,
            subject=body.subject,
            choice=body.choice,
            actor=who.name,
            now=now,
        )
    )
    return json_response(document)


@bp.post("/orders/<number>/assign")
@store_key
def assign(number: str) -> Response:
    """Give a guest's order to a user, who gets its tokens; to another one later, they move."""
    body = read_body(AssignIn)
    order, who, now = path_number(number, "number"), caller(), utcnow()
    document = in_transaction(
        lambda connection: review.assign(
            connection,
            settings.get_by_id(connection, who.store_id),
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
        store = settings.get_by_id(connection, caller().store_id)
    return json_response(review.check(transaction, runtime().shops, store, order, now=utcnow()))


@bp.put("/orders/<number>/lines/<line>")
@store_key
def set_amount(number: str, line: str) -> Response:
    """Say by hand what one piece of an order's line brings, where no package says it; the order grants by it.

    Said once it is fixed: the same amount again changes nothing, another one is refused.
    """
    body = read_body(LineIn)
    order, place, who, now = path_number(number, "number"), path_number(line, "line"), caller(), utcnow()
    document = in_transaction(
        lambda connection: review.set_amount(
            connection,
            settings.get_by_id(connection, who.store_id),
            order,
            place,
            tokens=body.tokens,
            actor=who.name,
            now=now,
        )
    )
    return json_response(document)


@bp.post("/orders/<number>/seen")
@store_key
def see_refunds(number: str) -> Response:
    """Mark an order's refunds as seen: nothing is asked about them until they change.

    It moves no tokens. What was looked at is named, so that a refund that came meanwhile is not passed over.
    """
    body = read_body(SeenIn).refunds
    order, who, now = path_number(number, "number"), caller(), utcnow()
    seen = Refunds(tuple(sorted(set(body.ids))), Decimal(body.total))
    document = in_transaction(
        lambda connection: review.see_refunds(
            connection, settings.get_by_id(connection, who.store_id), order, seen, actor=who.name, now=now
        )
    )
    return json_response(document)


def _place(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 16:
        raise InvalidRequest(fields=[FieldError("cursor", "send what an earlier page named under next")])
    return int(text)


class SourceIn(Body):
    """The address of a site whose deliveries are accepted as the shop's own."""

    url: Annotated[Text500, Field(min_length=1)]


@bp.get("/store/sources")
@store_key
def list_sources() -> Response:
    """List the accepted addresses of other sites, and the last one that was not accepted."""
    with reading() as connection:
        return json_response(review.sources_document(connection, caller().store_id))


@bp.post("/store/sources")
@store_key
def accept_source() -> Response:
    """Accept deliveries of a site as the shop's own; those that wait are applied by the scheduler."""
    body, store_id, now = read_body(SourceIn), caller().store_id, utcnow()

    def accept(connection: Connection) -> dict[str, Any]:
        store = settings.get_by_id(connection, store_id)
        count = inbox.accept_source(connection, store, body.url, now=now)
        return {**review.sources_document(connection, store_id), "released": count}

    return json_response(in_transaction(accept))
