"""Requests to a shop: the client of a store, and the details missing in a delivery."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from bridge.clients.woocommerce import documents
from bridge.clients.woocommerce.api import ShopClient, open_shop
from bridge.domain.errors import NoShopKeys
from bridge.domain.orders.merge import (
    Line,
    Order,
    OrderState,
    effect_of,
    has_another_of_its_second,
    is_place_unclear,
)
from bridge.domain.orders.packages import Package
from bridge.domain.stores.stores import Store
from bridge.services.secrets import Vault
from bridge.services.transactions import Transaction, in_transaction
from bridge.storage.engine.database import Connection
from bridge.storage.orders import orders, packages
from bridge.storage.shop import sync_state
from bridge.storage.stores import stores

Document = dict[str, Any]

_MOST_REQUESTS, _MOST_SECONDS = 500, 120.0

OpenShop = Callable[[str, str, str], ShopClient]
"""Opens a client: the shop's address, the consumer key and its secret."""


def open_client(url: str, consumer_key: str, consumer_secret: str) -> ShopClient:
    """Return a client of the shop, with the usual timeouts."""
    return open_shop(url, consumer_key=consumer_key, consumer_secret=consumer_secret)


@dataclass(frozen=True, slots=True)
class Shops:
    """Opens clients of shops, whose credentials it decrypts."""

    vault: Vault
    open: OpenShop = open_client

    def client_of(self, connection: Connection, store: Store) -> ShopClient | None:
        """Return a client of the store's shop, without sending anything; None without REST keys.

        It starts with the way to the API that worked before, and is limited to a few
        requests; set another limit to read more.
        """
        found = stores.credentials(connection, store.id)
        if not found.consumer_key or not found.consumer_secret:
            return None
        client = self.open(store.url, self.vault.open(found.consumer_key), self.vault.open(found.consumer_secret))
        client.use(sync_state.find(connection, store.id).access)
        client.limit(requests=_MOST_REQUESTS, seconds=_MOST_SECONDS)
        return client

    def client_of_address(self, connection: Connection, store: Store, url: str) -> ShopClient:
        """Return a client with the store's keys for another address; raises `NoShopKeys`."""
        shop = self.client_of(connection, replace(store, url=url))
        if shop is None:
            raise NoShopKeys()
        return shop


def keep_access(transaction: Transaction, store: Store, shop: ShopClient) -> None:
    """Store how the shop was reached, if that changed, so that the next client need not find it again."""
    if shop.has_new_access:
        in_transaction(transaction, lambda connection: sync_state.change(connection, store.id, access=shop.access))


@dataclass(frozen=True, slots=True)
class Questions:
    """The questions an order leaves open: refunds without lines, and unknown products."""

    number: int
    refunds: bool = False
    products: tuple[int, ...] = ()
    order: bool = False

    @property
    def are_open(self) -> bool:
        """Return whether there is anything to ask."""
        return self.order or self.refunds or bool(self.products)


@dataclass(frozen=True, slots=True)
class Answers:
    """The answers of the shop's REST API to the questions."""

    refunds: tuple[Document, ...] = ()
    products: tuple[Document, ...] = ()


def questions_of(connection: Connection, store: Store, order: Order, *, received_at: datetime) -> Questions:
    """Return what to read about an order that arrived at a moment, before it is applied.

    The lines of a refund never change and a fixed amount on a line stays, so known
    details are not read again.
    """
    return list_questions(connection, store, [order], received_at=received_at)[0]


def list_questions(
    connection: Connection, store: Store, every: Sequence[Order], *, received_at: datetime
) -> list[Questions]:
    """Return the questions of several orders, in their order."""
    known = orders.find_all(connection, store.id, [order.number for order in every])
    unpriced = [_unpriced(order, known.get(order.number)) for order in every]
    products = sorted({line.product_id for lines in unpriced for line in lines})
    found = packages.find_by_product(connection, store.id, products) if products else {}
    return [
        Questions(
            order.number,
            order=_is_doubtful(store, order, known.get(order.number), received_at=received_at),
            refunds=not _read(known.get(order.number)).issuperset(order.refund_ids),
            products=tuple(sorted({product for line in lines for product in _unknown(line, found)})),
        )
        for order, lines in zip(every, unpriced, strict=True)
    ]


def _is_doubtful(store: Store, order: Order, known: OrderState | None, *, received_at: datetime) -> bool:
    """Return whether only the shop can decide which state of an order counts, so that the order is read again."""
    if order.requested_at is not None:
        return False
    has_lines = known is not None and any(line.line.quantity for line in known.lines)
    if order.lines_are_doubtful and (has_lines or order.total is None or order.total > 0):
        return True
    if order.unclear_refunds or any(line.quantity is None for line in order.lines or ()):
        return True
    if known is not None and order.refunded is not None and not set(known.refund_ids) <= set(order.refund_ids):
        # A missing refund was deleted in the shop, or is not in this document.
        return True
    if known is None:
        return False
    if known.status == "trash":
        # A document of an order that was trashed or deleted may have been sent before that.
        return True
    effect = effect_of(order.status, store.grant_statuses)
    return has_another_of_its_second(known, order) or is_place_unclear(
        known, order, effect=effect, received_at=received_at
    )


def _read(known: OrderState | None) -> set[int]:
    """Return the refunds whose lines were read."""
    return {detail.id for detail in known.refund_details} if known else set()


def _unpriced(order: Order, known: OrderState | None) -> list[Line]:
    """Return the lines whose amount is neither on them nor stored."""
    priced = {line.line.id for line in known.lines if line.tokens is not None} if known else set()
    return [line for line in order.lines or () if line.product_id and line.stamped is None and line.id not in priced]


def _unknown(line: Line, found: Mapping[tuple[int, int], Package]) -> list[int]:
    """Return the products to read for a line."""
    # An unclear amount is read again, because it may have been corrected.
    known = {key for key, package in found.items() if package.is_stated and package.open_fault is None}
    if (line.product_id, line.variation_id) in known:
        return []
    return [
        product
        for product in (line.product_id, line.variation_id)
        if product and (line.product_id, 0 if product == line.product_id else product) not in known
    ]


def ask(shop: ShopClient, questions: Questions, *, asked: dict[int, Document | None] | None = None) -> Answers:
    """Read the details from the shop; raises a `ShopUnreachable`. No transaction may be open.

    `asked` holds the products already read, and is extended.
    """
    asked = {} if asked is None else asked
    refunds = shop.list_refunds(questions.number) if questions.refunds else []
    for number in questions.products:
        if number not in asked:
            asked[number] = shop.get_product(number)
    products = [product for number in questions.products if (product := asked[number]) is not None]
    return Answers(tuple(refunds), tuple(products))


def with_answers(order: Order, found: Answers) -> Order:
    """Return the order with its refunds' lines."""
    return replace(order, refund_details=documents.read_refunds(found.refunds))
