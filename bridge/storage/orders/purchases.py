"""The purchases of accounts, without the columns that only merging needs."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, select

from bridge.storage.engine.bulk import among, within
from bridge.storage.orders.packing import unpack_number
from bridge.storage.orders.tables import order_lines, orders

_NEWEST = 2**63 - 1
_ORDER: Select[Any] = select(
    orders.c.number,
    orders.c.account_id,
    orders.c.status,
    orders.c.placed_at,
    orders.c.total,
    orders.c.currency,
    orders.c.shop_number,
)
_OF_ACCOUNT = (
    _ORDER.where(orders.c.account_id == bindparam("account"), orders.c.number < bindparam("before"))
    .order_by(orders.c.number.desc())
    .limit(bindparam("most"))
)
_ONE = _ORDER.where(orders.c.store_id == bindparam("store"), orders.c.number == bindparam("number"))
_LINES: Select[Any] = (
    select(
        order_lines.c.order_number,
        order_lines.c.line_id,
        order_lines.c.name,
        order_lines.c.quantity,
        order_lines.c.pieces,
        order_lines.c.tokens,
        order_lines.c.granted,
        order_lines.c.months,
    )
    .where(
        order_lines.c.store_id == bindparam("store"),
        among(order_lines.c.order_number, "numbers"),
        # Without the bounds, PostgreSQL reads all lines of a store; see `orders`.
        within(order_lines.c.order_number, "lowest", "highest"),
    )
    .order_by(order_lines.c.order_number.desc(), order_lines.c.line_id)
)
_FIRST_LINES = _LINES.limit(bindparam("most"))
ORDER = tuple(_ORDER.selected_columns)
"""The columns of an order that a list of purchases shows."""
NESTED_LINE = (
    order_lines.c.line_id,
    order_lines.c.name,
    order_lines.c.quantity,
    order_lines.c.pieces,
    order_lines.c.tokens,
    order_lines.c.granted,
    order_lines.c.months,
)
"""The columns of a line nested in its order."""


@dataclass(frozen=True, slots=True)
class SoldLine:
    """One line: tokens of one unit (None while it waits for an amount), tokens granted now, months of a plan."""

    id: int
    name: str
    quantity: int | Decimal
    tokens: int | None
    granted: int
    months: int | None


@dataclass(frozen=True, slots=True)
class SoldOrder:
    """One order and its lines; a line that left the order has quantity 0."""

    number: int
    account_id: int | None
    status: str
    placed_at: datetime | None
    total: Decimal
    currency: str
    shop_number: str
    lines: tuple[SoldLine, ...]


def list_for_account(
    connection: Connection, *, store_id: int, account_id: int, before: int | None, limit: int, most_lines: int
) -> tuple[list[SoldOrder], bool]:
    """Return the orders whose grants an account has, the highest number first, and whether there are more.

    Returns at most `limit` orders below the number `before`, and fewer if they
    would have more than `most_lines` lines; the first is returned in any case.
    """
    at = {"account": account_id, "before": _NEWEST if before is None else before, "most": limit + 1}
    rows = connection.execute(_OF_ACCOUNT, at).all()
    if not rows:
        return [], False
    shown = rows[:limit]
    lines = connection.execute(_FIRST_LINES, _numbers(store_id, shown) | {"most": most_lines + 1}).all()
    if len(lines) > most_lines:
        last = lines[-1].order_number
        shown = [row for row in shown if row.number > last] or shown[:1]
        lines = connection.execute(_LINES, _numbers(store_id, shown)).all() if shown[0].number == last else lines
    return _with_lines(shown, lines), len(rows) > len(shown)


def to_sold_order(row: Any) -> SoldOrder:
    """Return the order in a row whose `lines` are JSON, with the columns of `NESTED_LINE`."""
    return SoldOrder(
        number=row.number,
        account_id=row.account_id,
        status=row.status,
        placed_at=row.placed_at,
        total=row.total,
        currency=row.currency,
        shop_number=row.shop_number,
        lines=tuple(
            SoldLine(line_id, name, _quantity(quantity, pieces), tokens, granted, months)
            for line_id, name, quantity, pieces, tokens, granted, months in row.lines
        ),
    )


def shown_numbers(connection: Connection, store_id: int, numbers: Collection[int]) -> dict[int, str]:
    """Return the shop's own numbers of these orders; an order without one is left out."""
    statement = select(orders.c.number, orders.c.shop_number).where(
        orders.c.store_id == store_id, among(orders.c.number, "numbers"), orders.c.shop_number != ""
    )
    rows = connection.execute(statement, {"numbers": sorted(numbers)})
    return {row.number: row.shop_number for row in rows}


def latest_currency(connection: Connection, store_id: int) -> str:
    """Return the currency of a store's newest order; empty without an order."""
    newest = select(orders.c.currency).where(orders.c.store_id == store_id).order_by(orders.c.number.desc()).limit(1)
    return connection.execute(newest).scalar_one_or_none() or ""


def find(connection: Connection, store_id: int, number: int) -> SoldOrder | None:
    """Return one order with all its lines."""
    rows = connection.execute(_ONE, {"store": store_id, "number": number}).all()
    return next(iter(_with_lines(rows, connection.execute(_LINES, _numbers(store_id, rows)).all())), None)


def _numbers(store_id: int, rows: Sequence[Row[Any]]) -> dict[str, Any]:
    numbers = [row.number for row in rows]
    return {
        "store": store_id,
        "numbers": numbers,
        "lowest": min(numbers, default=0),
        "highest": max(numbers, default=0),
    }


def _quantity(quantity: int, pieces: str | Decimal | None) -> int | Decimal:
    # 0 after rounding up is a line that left its order.
    return (quantity if pieces is None or not quantity else unpack_number(pieces)) or 0


def _with_lines(rows: Sequence[Row[Any]], lines: Sequence[Row[Any]]) -> list[SoldOrder]:
    of_order: dict[int, list[SoldLine]] = {row.number: [] for row in rows}
    for row in lines:
        number, line_id, name, quantity, pieces, tokens, granted, months = tuple(row)
        if (found := of_order.get(number)) is not None:
            found.append(SoldLine(line_id, name, _quantity(quantity, pieces), tokens, granted, months))
    return [
        SoldOrder(
            number=row.number,
            account_id=row.account_id,
            status=row.status,
            placed_at=row.placed_at,
            total=row.total,
            currency=row.currency,
            shop_number=row.shop_number,
            lines=tuple(of_order[row.number]),
        )
        for row in rows
    ]
