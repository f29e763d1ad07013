"""The API of previews: what an order grants, and what a limit or a price would have done last month."""

from __future__ import annotations

import re
from decimal import Decimal

from flask import Blueprint, Response, request

from bridge.domain.errors import FieldError, InvalidRequest, UnknownOrder
from bridge.domain.metering.errors import UnknownModule
from bridge.rendering.documents import Document, format_timestamp
from bridge.services.admin import what_if
from bridge.services.admin.what_if import Month, Stopped
from bridge.services.orders import grant_preview
from bridge.services.orders.grant_preview import Asked, Preview, PreviewedLine
from bridge.services.stores import settings
from bridge.web.api.answers.previews import GrantPreviewOut, LimitPreviewOut, PricePreviewOut
from bridge.web.api.auth import caller, store_key
from bridge.web.api.limits import OperationIn, operation_key, operation_of
from bridge.web.api.operations import PATH, Parameter, operation
from bridge.web.api.order_documents import quantity
from bridge.web.api.parsing import path_module, path_number, read_body
from bridge.web.api.responses import json_response
from bridge.web.api.settings import LimitIn, limit_of
from bridge.web.context import reading, utcnow

bp = Blueprint("api_previews", __name__, url_prefix="/v1")

_QUANTITY = r"[0-9]{1,9}(\.[0-9]{1,4})?"
_MAX_STAMP = 100
_LINE = (
    Parameter("product", "ID of a product in the shop; either this or `order`.", PATH["product"].schema, 10),
    Parameter("variation", "ID of its variation.", PATH["variation"].schema, 11),
    Parameter("quantity", "Quantity; 1 by default.", {"type": "string", "pattern": f"^{_QUANTITY}$"}, "2"),
    Parameter(
        "stamp",
        "Amount that the plugin wrote on the order line.",
        {"type": "string", "minLength": 1, "maxLength": _MAX_STAMP},
        "5000",
    ),
    Parameter("order", "ID of an order in the shop, or its number.", {"type": "string", "maxLength": 100}, ""),
)


@bp.get("/grants/preview")
@store_key
@operation("Preview a grant", tag="Packages", answer=GrantPreviewOut, query=_LINE, errors=(UnknownOrder,))
def preview_grant() -> Response:
    """Return what a product would grant in a new, paid order, or what a known order grants by the amounts of now.

    Decided by the rules that process real orders. Nothing is stored or granted.
    """
    order, now = request.args.get("order"), utcnow()
    if (order is None) == ("product" not in request.args):
        raise InvalidRequest(fields=[FieldError("product", "send exactly one of product and order")])
    asked = _asked() if order is None else None
    with reading() as connection:
        store = settings.get_by_id(connection, caller().store_id)
        if asked is not None:
            found = grant_preview.of_line(connection, store, asked, now=now)
        else:
            found = grant_preview.of_order(connection, store, (order or "")[:_MAX_STAMP].replace("\0", ""))
    return json_response(_grant_document(found))


@bp.post("/limits/<module>/preview")
@store_key
@operation(
    "Preview a limit",
    tag="Modules and limits",
    answer=LimitPreviewOut,
    body=LimitIn,
    errors=(UnknownModule,),
    example={"period": "daily", "rules": {"guest": 1000, "user": 10000}},
)
def preview_limit(module: str) -> Response:
    """Return how many users the limit would have stopped on the use of the last complete month. Nothing is stored."""
    body = read_body(LimitIn)
    limit, keeps_second = limit_of(path_module(module), body), "second" not in body.model_fields_set
    with reading() as connection:
        found = what_if.replay_limit(connection, caller().store_id, limit, keeps_second=keeps_second, now=utcnow())
    one = found.modules[0]
    document = {
        **_month_document(found.month, found.accounts, is_cut=found.is_cut),
        "module": one.module,
        "stopped": one.stopped,
        "first_stopped": None if one.first is None else _stopped_document(one.first),
        "is_estimate": one.is_estimate,
    }
    return json_response(document)


@bp.post("/operations/<key>/preview")
@store_key
@operation(
    "Preview a price",
    tag="Prices",
    answer=PricePreviewOut,
    body=OperationIn,
    errors=(UnknownModule,),
    example={"module": "chat", "tokens_per_unit": 40, "max_units": 100},
)
def preview_price(key: str) -> Response:
    """Return what the use of the last complete month would have cost by this price. Nothing is stored."""
    wanted = operation_of(operation_key(key), read_body(OperationIn))
    with reading() as connection:
        found = what_if.replay_price(connection, caller().store_id, wanted, now=utcnow())
    costs = [
        {"operation": cost.operation, "units": cost.units, "tokens": cost.tokens, "new_tokens": cost.new_tokens}
        for cost in found.costs
    ]
    return json_response({**_month_document(found.month, found.accounts, is_cut=found.is_cut), "operations": costs})


def _asked() -> Asked:
    typed = request.args.get("quantity", "1")
    count = Decimal(typed) if re.fullmatch(_QUANTITY, typed, re.ASCII) else Decimal(0)
    if not count:
        raise InvalidRequest(fields=[FieldError("quantity", "must be a number above 0, such as 2 or 1.5")])
    stamp = request.args.get("stamp", "")
    if len(stamp) > _MAX_STAMP or "\0" in stamp:
        raise InvalidRequest(fields=[FieldError("stamp", f"must have {_MAX_STAMP} characters or fewer")])
    return Asked(
        path_number(request.args["product"], "product"),
        path_number(request.args.get("variation", "0"), "variation", low=0),
        count,
        stamp,
    )


def _grant_document(found: Preview) -> Document:
    return {
        "order": found.order.number if found.is_stored else None,
        "status": found.order.status,
        "effect": found.effect.value,
        "owed": found.owed,
        "granted": found.granted,
        "lines": [_line_document(line, found.too_large) for line in found.lines],
    }


def _line_document(line: PreviewedLine, too_large: tuple[int, ...]) -> Document:
    state = line.state
    return {
        "line": state.line.id,
        "product_id": state.line.product_id or None,
        "variation_id": state.line.variation_id or None,
        "quantity": quantity(state.line.quantity),
        "tokens_each": state.tokens,
        "basis": state.basis.value if state.basis else None,
        "months": line.months,
        "owed": line.owed,
        "granted": state.granted,
        "covered_by": line.covered_by or None,
        "is_too_large": state.line.id in too_large,
    }


def _month_document(month: Month, accounts: int, *, is_cut: bool) -> Document:
    return {
        "from": month.first.isoformat(),
        "to": month.last.isoformat(),
        "accounts": accounts,
        "is_complete": not is_cut,
    }


def _stopped_document(first: Stopped) -> Document:
    return {"user_id": first.account.user_id, "at": format_timestamp(first.at)}
