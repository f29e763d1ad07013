"""The receipt of a user's order, for admins."""

from __future__ import annotations

from flask import Blueprint, url_for
from flask.typing import ResponseReturnValue

from bridge.services.accounts import profiles
from bridge.services.stores import settings
from bridge.web.admin.sessions import signed_in
from bridge.web.api.parsing import path_number
from bridge.web.context import reading
from bridge.web.i18n.formatting import Language
from bridge.web.receipts.response import receipt_response

bp = Blueprint("user_receipt", __name__, url_prefix="/admin/<store>/credits/<user_id>/purchases/<order>")


@bp.get("/receipt.pdf")
@signed_in
def show(store: str, user_id: str, order: str) -> ResponseReturnValue:
    """Send the receipt of an order."""
    user, number = path_number(user_id, "user_id"), path_number(order, "order")
    with reading() as connection:
        found = settings.get_store(connection, store)
        account = profiles.get_own_account(connection, found.id, user)
    return receipt_response(found, account, number, language=Language.ENGLISH)


def url_of(store: str, user_id: int, order_number: int) -> str:
    """Return the path of a receipt."""
    return url_for("user_receipt.show", store=store, user_id=user_id, order=order_number)
