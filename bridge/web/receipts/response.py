"""The response with a receipt as a file."""

from __future__ import annotations

import re
import threading

from flask import Response

from bridge.domain.accounts.accounts import Account
from bridge.domain.errors import Overloaded
from bridge.domain.stores.stores import Store
from bridge.services.orders import receipts
from bridge.web.context import reading
from bridge.web.i18n.formatting import Language
from bridge.web.receipts import pdf
from bridge.web.receipts.document import receipt_text

AT_ONCE = 8
"""How many receipts may wait for their pages; a thread that waits answers no one else."""
room = threading.BoundedSemaphore(AT_ONCE)


def receipt_response(store: Store, account: Account, order_number: int, *, language: Language) -> Response:
    """Return the receipt of an account's order as a PDF file; raises `UnknownOrder` and `Overloaded`."""
    with reading() as connection:
        receipt = receipts.get_receipt(connection, store, account, order_number)
    text = receipt_text(receipt, language)
    if not room.acquire(blocking=False):
        raise Overloaded("too many receipts are being made; try again in a moment")
    try:
        response = Response(pdf.render(text), content_type="application/pdf")
    finally:
        room.release()
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", receipt.purchase.shown_number).strip("-.") or str(order_number)
    response.headers["Content-Disposition"] = f'attachment; filename="receipt-{name}.pdf"'
    response.headers["Cache-Control"] = "private, no-store"
    response.headers["Content-Language"] = text.language
    return response
