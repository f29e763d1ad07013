"""Receipts as their readers see them: the text of the pages."""

from __future__ import annotations

import io
import re
from typing import Any

from pypdf import PdfReader
from werkzeug.test import TestResponse

from tests.factories import Shop


def get_receipt(shop: Shop, user: int, order: int, lang: str = "en", **headers: Any) -> TestResponse:
    """Request the receipt of an order with the store's key."""
    path = f"/v1/users/{user}/purchases/{order}/receipt.pdf?lang={lang}"
    return shop.client.get(path, headers=headers or shop.headers)


def pages_of(receipt: TestResponse) -> list[str]:
    """Return the text of each page."""
    assert receipt.status_code == 200, receipt.text
    return [page.extract_text() for page in PdfReader(io.BytesIO(receipt.get_data())).pages]


def text_of(receipt: TestResponse) -> str:
    """Return the text of a receipt with single spaces; lines that were wrapped are joined."""
    return spaced(" ".join(pages_of(receipt)))


def spaced(text: str) -> str:
    """Return a text with single spaces."""
    return re.sub(r"\s+", " ", text).strip()
