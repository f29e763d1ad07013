"""The recorded shop in its final state: REST answers made of the documents it really sent."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from tests.support.recordings import Recording, all_recordings, recording
from tests.support.shop_server import ReceivedRequest, Reply, recorded

Document = dict[str, Any]

_REST_ORDERS = (
    "order--simple",
    "order--refund-full",
    "order--refund-part",
    "order--refund-part-amt",
    "order--status-refunded",
    "order--recomplete",
    "order--victim",
    "order--doomed",
    "order--trashed",
    "order--aip",
)
"""A recorded REST answer is newer than any delivered document, or the same."""
_REST_REFUNDS = {
    31: "refunds--refund-full",
    33: "refunds--refund-full-li",
    35: "refunds--refund-part",
    40: "refunds--status-refunded",
    100: "refunds--gateway-refunded",
}
_DELETED_FOR_GOOD = frozenset({73})
_REFUND_DELETED = frozenset({74})
"""The scenario's last step, after its last delivery: no webhook was sent, and no answer was recorded."""
_PRODUCTS = ("product--tok100k", "product--mug")


class RecordedShop:
    """A shop with some of the recorded orders and one that was given to another user; all others are gone."""

    def __init__(self, numbers: Iterable[int]) -> None:
        """Create a shop with these orders and no others."""
        wanted = set(numbers)
        known = {**_last_delivered(), **{document["id"]: document for document in map(_body, _REST_ORDERS)}}
        known[REASSIGNED.document["id"]] = REASSIGNED.document
        self.orders = {
            number: {**document, "refunds": []} if number in _REFUND_DELETED else document
            for number, document in sorted(known.items())
            if number in wanted - _DELETED_FOR_GOOD
        }
        self.products = {document["id"]: document for document in map(_body, _PRODUCTS)}

    def __call__(self, asked: ReceivedRequest) -> Reply:
        """Return the shop's reply."""
        kind, *rest = asked.path.strip("/").split("/")
        if kind == "orders" and not rest:
            return self._list(asked)
        number = int(rest[0]) if rest else 0
        if kind == "orders" and rest[1:] == ["refunds"]:
            return _page(asked, _body(_REST_REFUNDS[number]) if self._has_refunds(number) else [])
        if kind == "orders":
            return _found(self.orders.get(number), "order--missing-404")
        if kind == "products":
            return _found(self.products.get(number), "product--deleted-404")
        if kind == "customers":
            # No recording of orders contains customer answers, so it returns none.
            return _page(asked, [])
        raise AssertionError(f"unexpected request for {asked.target}")

    def _has_refunds(self, number: int) -> bool:
        return bool(self.orders[number]["refunds"])

    def _list(self, asked: ReceivedRequest) -> Reply:
        params = asked.params
        wanted: Callable[[Document], bool] = (
            (lambda order: order["status"] in params["status"].split(","))
            if "status" in params
            else (lambda order: order["status"] != "trash")
        )
        found = [
            order
            for order in self.orders.values()
            if wanted(order)
            and ("include" not in params or str(order["id"]) in params["include"].split(","))
            and params.get("modified_after", "") < order["date_modified_gmt"] < params.get("modified_before", "9")
        ]
        if params.get("orderby") == "modified":
            found.sort(key=lambda order: order["date_modified_gmt"])
        return _page(asked, found)


def unreachable(_asked: ReceivedRequest) -> Reply:
    """Return the reply of a shop that is down: a page in HTML."""
    return Reply(b"<html><h1>Error establishing a database connection</h1>", 500, (("Content-Type", "text/html"),))


def _reassigned() -> Recording:
    """Return order 29 given to user 4 a second later: an order.updated with another customer, otherwise the same.

    This was observed but not recorded: the document is the recorded one with two fields changed.
    """
    first = recording("order.updated--created--created-as-completed")
    changed = {**first.document, "customer_id": 4, "date_modified_gmt": "2026-11-21T08:59:26"}
    return replace(first, name="order.updated--reassigned", body=json.dumps(changed).encode()).signed()


REASSIGNED = _reassigned()


def _last_delivered() -> dict[int, Document]:
    """Return the newest delivered document of each order that has our signature."""
    found: dict[int, Document] = {}
    for sent in all_recordings():
        if sent.order_state is not None:
            document = sent.document
            before = found.get(document["id"], document)
            if document["date_modified_gmt"] >= before["date_modified_gmt"]:
                found[document["id"]] = document
    return found


def _body(name: str) -> Any:
    return json.loads(recorded(name).octets)


def _found(document: Document | None, otherwise: str) -> Reply:
    return recorded(otherwise) if document is None else Reply(document)


def _page(asked: ReceivedRequest, found: list[Document]) -> Reply:
    size, page = int(asked.params["per_page"]), int(asked.params["page"])
    rows = found[(page - 1) * size : page * size]
    count = len(found) if rows else 0
    headers = (("X-WP-Total", str(count)), ("X-WP-TotalPages", str(-(-count // size))))
    return Reply(rows, headers=headers)
