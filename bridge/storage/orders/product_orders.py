"""Orders that wait for the amount of a product, or that are from before the product was a package."""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, case, func, or_, select, text

from bridge.domain.orders.merge import Effect
from bridge.domain.orders.packages import Package
from bridge.storage.engine.bulk import among
from bridge.storage.orders.tables import order_lines, orders, packages

LineKey = tuple[int, int]
"""An order's number and the id of one of its lines."""

# Written as in the partial indexes: with a parameter, no index would be used.
_NO_PACKAGE = text("order_lines.basis = 'no_package'")
_HAS_SKU = text("order_lines.sku <> ''")


@dataclass(frozen=True, slots=True)
class OpenLine:
    """An order line that gets its amount from a product or from the owner's decision."""

    number: int
    line_id: int
    name: str
    quantity: int
    placed_at: datetime | None
    buyer: str
    email: str


def count_orders(connection: Connection, store_id: int, package: Package, *, most: int) -> int:
    """Return how many granting orders have an open line that this package decides, counted up to `most`."""
    found: set[int] = set()
    for part in _parts(connection, store_id, package, select(order_lines.c.order_number)):
        found.update(connection.execute(part.distinct().limit(most)).scalars())
    return min(len(found), most)


def list_orders(
    connection: Connection,
    store_id: int,
    package: Package,
    *,
    after: int,
    limit: int,
    placed_before: datetime | None = None,
) -> list[int]:
    """Return the numbers of these orders above `after`, in order; with `placed_before`, only of earlier ones."""
    number = order_lines.c.order_number
    found: set[int] = set()
    for part in _parts(connection, store_id, package, select(number)):
        wanted = part.where(number > after)
        if placed_before is not None:
            wanted = wanted.where(orders.c.placed_at < placed_before)
        found.update(connection.execute(wanted.distinct().order_by(number).limit(limit)).scalars())
    return sorted(found)[:limit]


def list_with_sku(connection: Connection, store_id: int, sku: str, *, limit: int) -> list[int]:
    """Return the numbers of orders with a line of this SKU that waits for an amount, in order."""
    statement = select(order_lines.c.order_number).where(
        order_lines.c.store_id == store_id, order_lines.c.tokens.is_(None), order_lines.c.sku == sku, _HAS_SKU
    )
    return list(connection.execute(statement.distinct().order_by(order_lines.c.order_number).limit(limit)).scalars())


def find_ordered(connection: Connection, store_id: int, wanted: Collection[Package]) -> list[Package]:
    """Return those packages whose product or SKU is in an order line without an amount, or with that of no package.

    Only their orders can change with the package. Four statements, whatever the number.
    """
    ids = sorted({package.product_id for package in wanted})
    skus = sorted({package.sku for package in wanted if package.sku})
    ordered_ids, ordered_skus = set[int](), set[str]()
    for condition in (order_lines.c.tokens.is_(None), _NO_PACKAGE):
        lines = (order_lines.c.store_id == store_id, condition)
        by_id = select(order_lines.c.product_id).where(*lines, among(order_lines.c.product_id, "ids"))
        ordered_ids.update(connection.execute(by_id.distinct(), {"ids": ids}).scalars())
        by_sku = select(order_lines.c.sku).where(*lines, _HAS_SKU, among(order_lines.c.sku, "skus"))
        ordered_skus.update(connection.execute(by_sku.distinct(), {"skus": skus}).scalars())
    return [package for package in wanted if package.product_id in ordered_ids or package.sku in ordered_skus]


def list_lines(
    connection: Connection, store_id: int, package: Package, *, after: LineKey, limit: int
) -> list[OpenLine]:
    """Return the open lines of these orders after an order and its line, in order."""
    number, line = order_lines.c.order_number, order_lines.c.line_id
    wanted = select(
        number, line, order_lines.c.name.label("product"), order_lines.c.quantity, orders.c.placed_at,
        orders.c.name, orders.c.email,
    )  # fmt: skip
    rows = [
        connection.execute(
            part.where(or_(number > after[0], and_(number == after[0], line > after[1])))
            .order_by(number, line)
            .limit(limit)
        ).all()
        for part in _parts(connection, store_id, package, wanted)
    ]
    merged = heapq.merge(*rows, key=lambda row: (row.order_number, row.line_id))
    return [
        OpenLine(row.order_number, row.line_id, row.product, row.quantity, row.placed_at, row.name, row.email)
        for row, _ in zip(merged, range(limit), strict=False)
    ]


def list_late(
    connection: Connection, store_id: int, *, limit: int, is_decided: bool | None = None
) -> list[tuple[int, int]]:
    """Return packages that may have been ordered before they were packages, by product and variation.

    `is_decided` selects those with or without a decision of the owner.
    """
    from_lines = (
        select(order_lines.c.line_id)
        .where(
            order_lines.c.store_id == packages.c.store_id,
            _NO_PACKAGE,
            order_lines.c.product_id == packages.c.product_id,
            or_(packages.c.variation_id == 0, packages.c.variation_id == order_lines.c.variation_id),
        )
        .exists()
    )
    from_sku = (
        select(order_lines.c.line_id)
        .where(
            order_lines.c.store_id == packages.c.store_id,
            _NO_PACKAGE,
            _HAS_SKU,
            order_lines.c.sku == packages.c.sku,
        )
        .exists()
    )
    statement = (
        select(packages.c.product_id, packages.c.variation_id)
        .where(packages.c.store_id == store_id, _tokens() > 0, or_(from_lines, from_sku))
        .order_by(packages.c.product_id, packages.c.variation_id)
        .limit(limit)
    )
    if is_decided is not None:
        statement = statement.where(packages.c.late.is_not(None) if is_decided else packages.c.late.is_(None))
    return [(row.product_id, row.variation_id) for row in connection.execute(statement)]


def _parts(connection: Connection, store_id: int, package: Package, wanted: Select[Any]) -> Iterator[Select[Any]]:
    """Yield the open lines that a package decides: those of its product, and those with its SKU."""
    lines = wanted.join_from(
        order_lines,
        orders,
        and_(orders.c.store_id == order_lines.c.store_id, orders.c.number == order_lines.c.order_number),
    ).where(
        order_lines.c.store_id == store_id,
        order_lines.c.quantity > 0,
        orders.c.effect == Effect.GRANTS.value,
    )
    lines = lines.where(_NO_PACKAGE if package.tokens else order_lines.c.tokens.is_(None))
    is_of_entry = order_lines.c.variation_id == package.variation_id if package.variation_id else ~_has_own_entry()
    yield lines.where(order_lines.c.product_id == package.product_id, is_of_entry)
    if package.tokens and package.sku and _is_only_amount(connection, store_id, package.sku):
        yield lines.where(
            _HAS_SKU,
            order_lines.c.sku == package.sku,
            order_lines.c.product_id != package.product_id,
            ~_is_decided_itself(),
        )


def _has_own_entry() -> ColumnElement[bool]:
    """Return whether the line's variation has an entry of its own with an amount, clear or not."""
    own = packages.alias()
    return (
        select(own.c.product_id)
        .where(
            own.c.store_id == order_lines.c.store_id,
            own.c.product_id == order_lines.c.product_id,
            own.c.variation_id == order_lines.c.variation_id,
            own.c.variation_id > 0,
            or_(own.c.admin_tokens.is_not(None), own.c.shop_tokens.is_not(None), own.c.unreadable.is_not(None)),
        )
        .exists()
    )


def _is_decided_itself() -> ColumnElement[bool]:
    """Return whether the line's own product is a package, or was set to 0 tokens by an admin."""
    own = packages.alias()
    return (
        select(own.c.product_id)
        .where(
            own.c.store_id == order_lines.c.store_id,
            own.c.product_id == order_lines.c.product_id,
            or_(own.c.variation_id == 0, own.c.variation_id == order_lines.c.variation_id),
            or_(own.c.admin_tokens.is_not(None), own.c.shop_tokens > 0),
        )
        .exists()
    )


def _is_only_amount(connection: Connection, store_id: int, sku: str) -> bool:
    """Return whether all packages with a SKU grant the same amount."""
    months = case((packages.c.admin_tokens.is_(None), packages.c.shop_months), else_=packages.c.months)
    some = select(_tokens(), months).where(packages.c.store_id == store_id, packages.c.sku == sku, _tokens() > 0)
    return len(connection.execute(some.distinct().limit(2)).all()) == 1


def _tokens() -> ColumnElement[int]:
    return func.coalesce(packages.c.admin_tokens, packages.c.shop_tokens)
