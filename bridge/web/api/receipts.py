"""The API of receipts."""

from __future__ import annotations

from flask import Blueprint, Response, request

from bridge.domain.errors import Overloaded, UnknownOrder, UnknownUser
from bridge.services.accounts import profiles
from bridge.services.stores import settings
from bridge.web.api.auth import caller, store_key
from bridge.web.api.operations import Parameter, operation
from bridge.web.api.parsing import path_number
from bridge.web.context import reading
from bridge.web.i18n.formatting import Language, language_of
from bridge.web.receipts.response import receipt_response

bp = Blueprint("api_receipts", __name__, url_prefix="/v1/users/<user_id>/purchases/<order>")


@bp.get("/receipt.pdf")
@store_key
@operation(
    "Get a receipt",
    tag="Users",
    answer=None,
    query=(Parameter("lang", f"Language, English for any other: {', '.join(Language)}.", {"type": "string"}, "en"),),
    errors=(UnknownUser, UnknownOrder, Overloaded),
    media=("application/pdf",),
)
def receipt(user_id: str, order: str) -> Response:
    """Return the receipt of an order as a PDF file: seller, buyer, lines, taxes, total, refunds and tokens."""
    user, number = path_number(user_id, "user_id"), path_number(order, "order")
    with reading() as connection:
        store = settings.get_by_id(connection, caller().store_id)
        account = profiles.get_account(connection, store.id, user)
    return receipt_response(store, account, number, language=language_of(request.args.get("lang", "")))
