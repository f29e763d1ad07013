"""The grant of an order that is not stored: the rules that process real orders, applied without writing.

Everything is decided by the functions that process real orders.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from bridge.clients.woocommerce import documents
from bridge.clients.woocommerce.package_meta import STAMP
from bridge.domain.errors import UnknownOrder
from bridge.domain.orders.families import covered_lines
from bridge.domain.orders.grants import months_owed
from bridge.domain.orders.merge import Effect, OrderState, effect_of, merge_document
from bridge.domain.orders.packages import Package, package_of
from bridge.domain.orders.state import LineState
from bridge.domain.stores.stores import Store
from bridge.rendering.documents import format_timestamp
from bridge.services.orders import apply, line_amounts, relations
from bridge.services.orders.settling import decided, due_of
from bridge.storage.engine.database import Connection
from bridge.storage.orders import orders, packages

_PRICE = "10.00"


@dataclass(frozen=True, slots=True)
class Asked:
    """An order line to try: a product, its variation (0 for none), the quantity, and what the shop wrote on the line.

    `stamp` is the amount in the meta field of the line; empty for none.
    """

    product_id: int
    variation_id: int = 0
    quantity: int | Decimal = 1
    stamp: str = ""


@dataclass(frozen=True, slots=True)
class PreviewedLine:
    """A line with its amount, and what it owes: tokens, or months of a plan.

    `package` is the entry of the product that would decide, None for an unknown
    product. `covered_by` is the related order that grants the line instead; empty
    for none.
    """

    state: LineState
    package: Package | None
    owed: int
    months: int
    covered_by: str = ""


@dataclass(frozen=True, slots=True)
class Preview:
    """The grant of an order, line by line; `is_stored` means an order of the shop, not one that is tried."""

    order: OrderState
    lines: tuple[PreviewedLine, ...]
    too_large: tuple[int, ...]
    is_stored: bool = False

    @property
    def owed(self) -> int:
        """Return the tokens that the order owes in all."""
        return sum(line.owed for line in self.lines)

    @property
    def granted(self) -> int:
        """Return the tokens that the order has granted so far."""
        return sum(line.state.granted for line in self.lines)

    @property
    def effect(self) -> Effect:
        """Return whether the order grants, revokes, or changes nothing."""
        return self.order.effect


def of_line(connection: Connection, store: Store, asked: Asked, *, now: datetime) -> Preview:
    """Return what a new, paid order with this one line would grant now."""
    order = documents.read_order(_document(store, asked, now))
    effect = effect_of(order.status, store.grant_statuses)
    known = merge_document(OrderState(store.id, order.number), order, effect=effect, received_at=now)
    return _preview(connection, store, [known])


def of_order(connection: Connection, store: Store, typed: str) -> Preview:
    """Return what a stored order owes by the rules and amounts of now; raises `UnknownOrder`.

    `typed` is its number in the shop, or its id.
    """
    number = apply.find_id(connection, store, typed)
    known = None if number is None else orders.find(connection, store.id, number)
    if known is None or not known.is_known:
        raise UnknownOrder(f"there is no order {typed}")
    family = relations.list_family(connection, store, [known])
    return _preview(connection, store, [known, *family], is_stored=True)


def _preview(connection: Connection, store: Store, family: list[OrderState], *, is_stored: bool = False) -> Preview:
    """Return what the first of these related orders owes."""
    family = line_amounts.with_amounts(connection, store, decided(store, family))
    known = family[0]
    covered: Mapping[int, str] = covered_lines(family).get(known.number, {})
    due = due_of(known, covered)
    products = sorted({line.line.product_id for line in known.lines if line.line.product_id})
    entries = packages.find_by_product(connection, store.id, products) if products else {}
    lines = tuple(
        PreviewedLine(
            state=line,
            package=package_of(entries, product_id=line.line.product_id, variation_id=line.line.variation_id),
            owed=due.tokens[line.line.id],
            months=0 if line.line.id in covered else months_owed(known, line),
            covered_by=covered.get(line.line.id, ""),
        )
        for line in known.lines
    )
    return Preview(known, lines, due.too_large, is_stored=is_stored)


def _document(store: Store, asked: Asked, now: datetime) -> dict[str, object]:
    """Return the order as the shop would send it, so that it is read as a real one is."""
    moment = format_timestamp(now).removesuffix("Z")
    meta = [{"id": 1, "key": STAMP.amount, "value": asked.stamp}] if asked.stamp else []
    line = {
        "id": 1,
        "name": "",
        "product_id": asked.product_id,
        "variation_id": asked.variation_id,
        "quantity": str(asked.quantity),
        "total": _PRICE,
        "meta_data": meta,
    }
    return {
        "id": 1,
        "status": store.grant_statuses[0],
        "customer_id": 1,
        "total": _PRICE,
        "date_created_gmt": moment,
        "date_modified_gmt": moment,
        "line_items": [line],
        "refunds": [],
    }
