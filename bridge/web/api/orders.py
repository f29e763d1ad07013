"""The API of orders that need attention: the list, decisions, and checking again."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any

from flask import Blueprint, Response
from pydantic import Field

from bridge.domain.errors import (
    BalanceOutOfRange,
    FieldError,
    InvalidRequest,
    NoShopKeys,
    OrderHasCustomer,
    ShopUnreachable,
    UnknownOrder,
)
from bridge.domain.orders.errors import (
    LineHasAmount,
    NoOpenRefunds,
    RefundsChanged,
    ReviewChanged,
    UnknownChoice,
    UnknownLine,
)
from bridge.domain.orders.merge import Refunds
from bridge.domain.orders.review_items import Question
from bridge.runtime import runtime
from bridge.services.orders import comparisons, late_packages
from bridge.services.shop import inbox, review
from bridge.services.stores import settings
from bridge.storage.engine.database import Connection
from bridge.web.api.answers.orders import (
    AcceptedSource,
    DifferingOrderOut,
    ExceptionOut,
    LatePackageOut,
    OrderRecordOut,
    SettledOrder,
    SourcesOut,
)
from bridge.web.api.answers.parts import ItemList
from bridge.web.api.auth import caller, store_key
from bridge.web.api.operations import PAGE, operation
from bridge.web.api.order_documents import (
    differing_document,
    exception_document,
    late_document,
    record_document,
    settled_document,
    sources_document,
)
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
    """The user who gets a guest's order."""

    user: UserIn
    """The user who gets the order."""


class LineIn(Body):
    """Tokens per unit of an order line."""

    tokens: Amount
    """Tokens per unit; 0 if the product is not a package."""


class RefundsIn(Body):
    """Refunds of an order, as the list of exceptions shows them."""

    ids: Annotated[list[UserId], Field(max_length=10_000)]
    """IDs of the refunds."""
    total: Annotated[str, Field(strict=True, pattern=f"^{MONEY}$")]
    """Money of all refunds, as text."""


class SeenIn(Body):
    """The refunds you reviewed."""

    refunds: RefundsIn
    """The refunds you reviewed, as the list shows them."""


class DecisionIn(Body):
    """A choice about one review item of an order."""

    kind: Annotated[Text100, Field(max_length=40)]
    """Kind of the review item."""
    subject: Text500 = ""
    """The part of the order; empty for the whole order."""
    choice: Annotated[Text100, Field(max_length=40)]
    """One of the choices of the item."""


@bp.get("/exceptions")
@store_key
@operation("List orders that need attention", tag="Orders", answer=ItemList[ExceptionOut], query=PAGE)
def list_exceptions() -> Response:
    """Return the orders that need attention, with their review items."""
    place, limit = cursor(), page_limit()
    after = 0 if place is None else _place(place)
    with reading() as connection:
        found, last = review.list_open(connection, caller().store_id, after=after, limit=limit)
    return list_response([exception_document(*each) for each in found], next_cursor=None if last is None else str(last))


@bp.get("/exceptions/products")
@store_key
@operation("List packages with past orders", tag="Orders", answer=ItemList[LatePackageOut])
def list_late_products() -> Response:
    """Return the packages with orders from before they were packages, and the number of those orders.

    Decide about them with `POST /v1/packages/{product}/past-orders`.
    """
    with reading() as connection:
        found = late_packages.list_late(connection, caller().store_id)
    return list_response([late_document(late) for late in found], next_cursor=None)


@bp.get("/orders/differing")
@store_key
@operation("List orders that differ from the shop", tag="Orders", answer=ItemList[DifferingOrderOut], query=PAGE)
def list_differing() -> Response:
    """Return the orders whose last comparison with the shop found other values, the highest ID first."""
    place, limit = cursor(), page_limit()
    before = None if place is None else _place(place)
    with reading() as connection:
        found = comparisons.list_differing(connection, caller().store_id, before=before, limit=limit + 1)
    following = str(found[limit - 1].number) if len(found) > limit else None
    return list_response([differing_document(one) for one in found[:limit]], next_cursor=following)


@bp.get("/orders/<number>")
@store_key
@operation("Get an order", tag="Orders", answer=OrderRecordOut, errors=(UnknownOrder,))
def show_order(number: str) -> Response:
    """Return an order with its user, lines, amounts, grants and review items; the latest 200 grants and reversals."""
    order = path_number(number, "number")
    with reading() as connection:
        store = settings.get_by_id(connection, caller().store_id)
        return json_response(record_document(review.get_record(connection, store, order)))


@bp.post("/orders/<number>/decisions")
@store_key
@operation(
    "Decide about a review item",
    tag="Orders",
    answer=SettledOrder,
    body=DecisionIn,
    errors=(UnknownOrder, ReviewChanged, UnknownChoice, BalanceOutOfRange),
    example={"kind": "paid_later", "choice": "grant"},
)
def decide(number: str) -> Response:
    """Choose what happens to a review item of an order. The order is processed by that choice."""
    body = read_body(DecisionIn)
    order, who, now = path_number(number, "number"), caller(), utcnow()
    kind = next((kind for kind in Question if kind and kind.value == body.kind), None)
    if kind is None:
        raise InvalidRequest(fields=[FieldError("kind", "send a kind that the order's review items have")])
    settled = in_transaction(
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
    return json_response(settled_document(settled))


@bp.post("/orders/<number>/assign")
@store_key
@operation(
    "Assign an order to a user",
    tag="Orders",
    answer=SettledOrder,
    body=AssignIn,
    errors=(UnknownOrder, OrderHasCustomer, BalanceOutOfRange),
    example={"user": {"id": 42}},
)
def assign(number: str) -> Response:
    """Assign a guest's order to a user, who receives its tokens."""
    body = read_body(AssignIn)
    order, who, now = path_number(number, "number"), caller(), utcnow()
    settled = in_transaction(
        lambda connection: review.assign(
            connection,
            settings.get_by_id(connection, who.store_id),
            order,
            profile_of(body.user),
            actor=who.name,
            now=now,
        )
    )
    return json_response(settled_document(settled))


@bp.post("/orders/<number>/check")
@store_key
@operation(
    "Check an order again", tag="Orders", answer=SettledOrder, errors=(UnknownOrder, ShopUnreachable, NoShopKeys)
)
def check(number: str) -> Response:
    """Read an order from the shop, if the store has REST keys, and process it."""
    order = path_number(number, "number")
    with reading() as connection:
        store = settings.get_by_id(connection, caller().store_id)
    return json_response(settled_document(review.check(transaction, runtime().shops, store, order, now=utcnow())))


@bp.put("/orders/<number>/lines/<line>")
@store_key
@operation(
    "Set the tokens of an order line",
    tag="Orders",
    answer=SettledOrder,
    body=LineIn,
    errors=(UnknownOrder, UnknownLine, LineHasAmount, BalanceOutOfRange),
    example={"tokens": 5000},
)
def set_amount(number: str, line: str) -> Response:
    """Set the tokens per unit of an order line that has no amount. The order grants them.

    A line that has an amount keeps it: a different amount is refused.
    """
    body = read_body(LineIn)
    order, place, who, now = path_number(number, "number"), path_number(line, "line"), caller(), utcnow()
    settled = in_transaction(
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
    return json_response(settled_document(settled))


@bp.post("/orders/<number>/seen")
@store_key
@operation(
    "Mark refunds as reviewed",
    tag="Orders",
    answer=SettledOrder,
    body=SeenIn,
    errors=(UnknownOrder, RefundsChanged, NoOpenRefunds),
    example={"refunds": {"ids": [1002], "total": "19.00"}},
)
def see_refunds(number: str) -> Response:
    """Mark an order's refunds as reviewed until they change. No tokens move.

    Send the refunds you reviewed: if they have changed since, nothing is marked.
    """
    body = read_body(SeenIn).refunds
    order, who, now = path_number(number, "number"), caller(), utcnow()
    seen = Refunds(tuple(sorted(set(body.ids))), Decimal(body.total))
    settled = in_transaction(
        lambda connection: review.see_refunds(
            connection, settings.get_by_id(connection, who.store_id), order, seen, actor=who.name, now=now
        )
    )
    return json_response(settled_document(settled))


def _place(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 16:
        raise InvalidRequest(fields=[FieldError("cursor", "send the value of next from an earlier page")])
    return int(text)


class SourceIn(Body):
    """Another address of the shop, whose webhooks are accepted."""

    url: Annotated[Text500, Field(min_length=1)]
    """Address of the site."""


@bp.get("/store/sources")
@store_key
@operation("List webhook sources", tag="Store", answer=SourcesOut)
def list_sources() -> Response:
    """Return the addresses that may deliver webhooks for this shop, and the last one refused."""
    with reading() as connection:
        return json_response(sources_document(review.get_sources(connection, caller().store_id)))


@bp.post("/store/sources")
@store_key
@operation(
    "Accept a webhook source",
    tag="Store",
    answer=AcceptedSource,
    body=SourceIn,
    example={"url": "https://www.shop.example"},
)
def accept_source() -> Response:
    """Accept webhooks of another address of the shop. Deliveries that wait are applied."""
    body, who, now = read_body(SourceIn), caller(), utcnow()

    def accept(connection: Connection) -> dict[str, Any]:
        store = settings.get_by_id(connection, who.store_id)
        count = inbox.accept_source(connection, store, body.url, actor=who.name, now=now)
        return {**sources_document(review.get_sources(connection, who.store_id)), "released": count}

    return json_response(in_transaction(accept))
