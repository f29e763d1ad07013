"""Orders whose lines of a product have no amount yet."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, func, or_, select

from bridge.domain.orders import Effect
from bridge.storage.schema import order_lines, orders
from bridge.storage.schema_catalog import packages

ProductKey = tuple[int, int]
"""A product and its variation, 0 for the whole product."""


@dataclass(frozen=True, slots=True)
class OpenLine:
    """A line of an order whose amount is not set; `quantity` is in whole pieces."""

    number: int
    line_id: int
    name: str
    quantity: int
    placed_at: datetime | None
    buyer: str
    email: str


def count_orders(connection: Connection, store_id: int, key: ProductKey, *, most: int) -> int:
    """The number of granting orders with an open line that this package entry decides, counted up to `most`."""
    found = _open_lines(select(order_lines.c.order_number), store_id, key).distinct().limit(most)
    return int(connection.execute(select(func.count()).select_from(found.subquery())).scalar_one())


def list_orders(connection: Connection, store_id: int, key: ProductKey, *, after: int, limit: int) -> list[int]:
    """The numbers of these orders above `after`, in order."""
    statement = _open_lines(select(order_lines.c.order_number), store_id, key).where(order_lines.c.order_number > after)
    return list(connection.execute(statement.distinct().order_by(order_lines.c.order_number).limit(limit)).scalars())


def list_lines(
    connection: Connection, store_id: int, key: ProductKey, *, after: tuple[int, int], limit: int
) -> list[OpenLine]:
    """The open lines of these orders after the order and line named, in order."""
    number, line = after
    wanted = select(
        order_lines.c.order_number,
        order_lines.c.line_id,
        order_lines.c.name.label("product"),
        order_lines.c.quantity,
        orders.c.placed_at,
        orders.c.name,
        orders.c.email,
    )
    statement = (
        _open_lines(wanted, store_id, key)
        .where(
            or_(
                order_lines.c.order_number > number,
                and_(order_lines.c.order_number == number, order_lines.c.line_id > line),
            )
        )
        .order_by(order_lines.c.order_number, order_lines.c.line_id)
        .limit(limit)
    )
    return [
        OpenLine(row.order_number, row.line_id, row.product, row.quantity, row.placed_at, row.name, row.email)
        for row in connection.execute(statement)
    ]


def _open_lines(wanted: Select[Any], store_id: int, key: ProductKey) -> Select[Any]:
    product_id, variation_id = key
    return wanted.join_from(
        order_lines,
        orders,
        and_(orders.c.store_id == order_lines.c.store_id, orders.c.number == order_lines.c.order_number),
    ).where(
        order_lines.c.store_id == store_id,
        order_lines.c.product_id == product_id,
        order_lines.c.tokens.is_(None),
        order_lines.c.quantity > 0,
        orders.c.effect == Effect.GRANTS.value,
        order_lines.c.variation_id == variation_id if variation_id else ~_has_own_entry(),
    )


def _has_own_entry() -> ColumnElement[bool]:
    """Whether the line's variation has an entry of its own that states something."""
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
