"""The service over HTTP, as called by a shop that delivers and an owner who answers."""

from __future__ import annotations

import json
from typing import Any

import requests
from requests import Response

from tests import factories
from tests.factories import Document, Shop, line, order
from tests.support import ledger_sql

Refunds = tuple[list[int], str]
"""The ids of refunds and all their money: the refunds that a caller marks as reviewed."""


class Api:
    """A client of the service for a shop and a caller."""

    def __init__(self, address: str, shop: Shop) -> None:
        self.address, self.shop, self.headers = address, shop, shop.headers
        self.actor = f"key {shop.connected.access_key[:9]}"

    def put(self, place: str, tokens: int) -> Response:
        """Set what a piece of `7/lines/1` grants."""
        return self._ask("PUT", f"orders/{place}", {"tokens": tokens})

    def see(self, number: int, ids: list[int], total: str) -> Response:
        """Mark refunds as reviewed."""
        return self._ask("POST", f"orders/{number}/seen", {"refunds": {"ids": ids, "total": total}})

    def open(self) -> dict[int, Document]:
        """Return the orders with an open review item, by number."""
        return {item["number"]: item for item in self._ask("GET", "exceptions").json()["items"]}

    def questions(self) -> dict[int, str]:
        """Return the review items of each of them."""
        return {number: item["question"] for number, item in self.open().items()}

    def deliver(self, document: Document, delivery: str = "") -> None:
        """Send a signed delivery."""
        body = json.dumps(document).encode()
        secret = self.shop.connected.webhook_secret
        headers = factories.delivery_headers(body, "order.updated", secret=secret, delivery=delivery)
        sent = requests.post(f"{self.address}/webhooks/woocommerce/shop", data=body, headers=headers, timeout=30)
        assert sent.status_code == 200, sent.text

    def _ask(self, method: str, path: str, body: Document | None = None) -> Response:
        return requests.request(method, f"{self.address}/v1/{path}", json=body, headers=self.headers, timeout=30)


def entries(database: Any) -> list[tuple[int, int, str]]:
    """Return each entry of an order: its line, its tokens, and its actor."""
    found = ledger_sql.rows(database, "select line_id, tokens, actor from entries where order_number > 0 order by id")
    return [(row["line_id"], row["tokens"], row["actor"]) for row in found]


def named(item: Document) -> Refunds:
    """Return what a caller sends back of an exception's refunds."""
    return item["refunds"]["ids"], item["refunds"]["total"]


def unknown(number: int = 1, *, lines: int = 1, quantity: int = 1, **more: Any) -> Document:
    """Return an order of products that were deleted before any delivery named them."""
    each = [line(id_, 0, quantity, name=f"Old pack {id_}") for id_ in range(1, lines + 1)]
    return order(number, lines=each, **more)
