"""Orders and their lines: the merged state, and the tokens posted so far."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from math import ceil
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, Row, and_, bindparam, or_, select, text

from bridge.domain.accounts.accounts import normalize_email
from bridge.domain.orders import dates
from bridge.domain.orders.merge import Basis, Effect, Line, LineState, OrderState
from bridge.domain.orders.review import UNPAID_FOR
from bridge.domain.orders.review_items import ReviewItem
from bridge.domain.orders.trash import Trash
from bridge.storage.engine.bulk import Writer, among, within
from bridge.storage.orders import packing
from bridge.storage.orders.sales import pack_sale, unpack_sale
from bridge.storage.orders.tables import order_lines, orders

_PLAIN = (
    "status",
    "modified_at",
    "customer_id",
    "email",
    "name",
    "currency",
    "placed_at",
    "decided_at",
    "keeper_id",
    "keeper_at",
    "total",
    "refunded",
    "account_id",
    "claimed_by",
    "shop_number",
    "parent_id",
    "transaction_id",
    "is_erased",
)
_TRASH = {
    "trash_key": "key",
    "trashed_at": "trashed_at",
    "trashed_after": "trashed_after",
    "restored_at": "restored_at",
    "restored_seen_at": "restored_seen_at",
    "restores_ahead": "restores_ahead",
}
"""The columns of `Trash`, with the field of each."""
_BLANK = (*(getattr(OrderState(0, 0), name) for name in _PLAIN), *(getattr(Trash(), name) for name in _TRASH.values()))
_FRESH = (
    "effect",
    "email_key",
    "order_key",
    "refunds",
    "seen",
    "decisions",
    "reviews",
    "sources",
    "rival",
    "unpaid_since",
    "question",
    "is_parked",
    "sale",
    "sync",
    "updated_at",
)
_KEY = ("store_id", "number")
_ADD = Writer(orders, (*_KEY, "effect", "created_at", "updated_at", *_PLAIN, *_TRASH), keys=_KEY)
_REMEMBER = Writer(
    orders, (*_KEY, *_PLAIN, *_TRASH, *_FRESH), keys=_KEY, replace=(*_PLAIN, *_TRASH, *_FRESH), is_update=True
)
_LINE_KEY = ("store_id", "order_number", "line_id")
_LINE = (
    "product_id",
    "variation_id",
    "quantity",
    "total",
    "name",
    "sku",
    "stamped",
    "is_gone",
    "unclear_stamp",
    "stamped_months",
    "tokens",
    "months",
    "granted",
    "postings",
    "set_by",
    "set_at",
    "basis",
    "priced",
    "pieces",
    "sources",
)
_PUT_LINES = Writer(order_lines, (*_LINE_KEY, *_LINE), keys=_LINE_KEY, replace=_LINE)


def _numbered(column: Column[Any]) -> ColumnElement[bool]:
    """Return the condition that a number is one of `_numbers`.

    The condition also has the bounds of the list: without them, PostgreSQL would
    read all rows of a store if it takes the table for small. SQLite must not
    search by the bounds: it would read all orders between the first and the last.
    """
    return and_(among(column, "numbers"), within(column, "lowest", "highest"))


def _numbers(store_id: int, numbers: Sequence[int]) -> dict[str, Any]:
    return {
        "store": store_id,
        "numbers": numbers,
        "lowest": min(numbers, default=0),
        "highest": max(numbers, default=0),
    }


_FIND = (
    select(orders).where(orders.c.store_id == bindparam("store"), _numbered(orders.c.number)).order_by(orders.c.number)
)
_LOCK = _FIND.with_for_update()
_FIND_LINES = (
    select(order_lines)
    .where(order_lines.c.store_id == bindparam("store"), _numbered(order_lines.c.order_number))
    .order_by(order_lines.c.order_number, order_lines.c.line_id)
)

Remembered = tuple[OrderState, bool, Sequence[ReviewItem]]
"""The state of an order, whether it waits for its buyer, and its open review items, the most urgent first."""


def lock(connection: Connection, store_id: int, numbers: Collection[int], *, now: datetime) -> dict[int, OrderState]:
    """Return these orders, their rows locked until the transaction ends; missing rows are created.

    Rows are locked in the order of their numbers, so that two transactions cannot deadlock.
    """
    numbers = sorted(set(numbers))
    _ADD.write(connection, [(store_id, number, Effect.KEEPS.value, now, now, *_BLANK) for number in numbers])
    rows = connection.execute(_LOCK, _numbers(store_id, numbers)).all()
    lines = _lines(connection, store_id, numbers)
    return {row.number: _to_known(row, lines.get(row.number, ())) for row in rows}


def remember(connection: Connection, known: Iterable[Remembered], *, now: datetime) -> None:
    """Write the state of locked orders. Lines are never deleted: one that left its order has quantity 0."""
    known = list(known)
    _REMEMBER.write(connection, [_order_values(*each, now=now) for each in known])
    _PUT_LINES.write(connection, [_line_values(order, line) for order, _, _ in known for line in order.lines])


def find(connection: Connection, store_id: int, number: int) -> OrderState | None:
    """Return an order, without a lock."""
    return find_all(connection, store_id, [number]).get(number)


def is_erased(connection: Connection, store_id: int, number: int) -> bool:
    """Return whether the contacts of an order were erased."""
    statement = select(orders.c.is_erased).where(orders.c.store_id == store_id, orders.c.number == number)
    return bool(connection.execute(statement).scalar())


def find_by_shop_number(connection: Connection, store_id: int, shown: str) -> int | None:
    """Return the id of the newest order that the shop shows under a number other than its id."""
    # Written as in the partial index: with a parameter, the index would not be used.
    statement = select(orders.c.number).where(
        orders.c.store_id == store_id, orders.c.shop_number == shown, text("shop_number <> ''")
    )
    found: int | None = connection.execute(statement.order_by(orders.c.number.desc()).limit(1)).scalar()
    return found


def find_all(connection: Connection, store_id: int, numbers: Collection[int]) -> dict[int, OrderState]:
    """Return these orders by number, without a lock; orders that are not stored are left out."""
    rows = connection.execute(_FIND, _numbers(store_id, sorted(set(numbers)))).all()
    lines = _lines(connection, store_id, [row.number for row in rows])
    return {row.number: _to_known(row, lines.get(row.number, ())) for row in rows}


def list_parked(connection: Connection, *, store_id: int, emails: Iterable[str], limit: int) -> list[int]:
    """Return the numbers of orders that wait for an account with one of these emails."""
    keys = sorted({key for email in emails if (key := normalize_email(email))})
    if not keys:
        return []
    statement = (
        select(orders.c.number)
        .where(orders.c.store_id == store_id, text("orders.is_parked"), among(orders.c.email_key, "emails"))
        .order_by(orders.c.number)
        .limit(limit)
        .with_hint(orders, "INDEXED BY ix_orders_parked", "sqlite")
    )
    return list(connection.execute(statement, {"emails": keys}).scalars())


def list_unpriced(connection: Connection, *, store_id: int, product_id: int, limit: int) -> list[int]:
    """Return the numbers of orders with a line of this product whose amount is not set yet."""
    statement = (
        select(order_lines.c.order_number)
        .where(
            order_lines.c.store_id == store_id,
            order_lines.c.tokens.is_(None),
            or_(order_lines.c.product_id == product_id, order_lines.c.variation_id == product_id),
        )
        .distinct()
        .order_by(order_lines.c.order_number)
        .limit(limit)
        .with_hint(order_lines, "INDEXED BY ix_order_lines_unpriced", "sqlite")
    )
    return list(connection.execute(statement).scalars())


def _lines(connection: Connection, store_id: int, numbers: Sequence[int]) -> dict[int, tuple[LineState, ...]]:
    found: dict[int, list[LineState]] = {}
    if numbers:
        for row in connection.execute(_FIND_LINES, _numbers(store_id, numbers)):
            found.setdefault(row.order_number, []).append(_to_line(row))
    return {number: tuple(lines) for number, lines in found.items()}


def _order_values(known: OrderState, is_parked: bool, items: Sequence[ReviewItem], *, now: datetime) -> tuple[Any, ...]:
    plain = (getattr(known, name) for name in _PLAIN)
    trash = (getattr(known.trash, name) for name in _TRASH.values())
    question = items[0].kind.value if items else ""
    fresh = (
        known.effect.value,
        normalize_email(known.email),
        known.key,
        packing.pack_refunds(known),
        packing.pack_seen(known.seen),
        packing.pack_decisions(known.decisions),
        packing.pack_reviews(items),
        packing.pack_sources(known),
        packing.pack_rival(known.rival),
        # Removed after `UNPAID_FOR`, so that the job that searches for it finds each order once.
        known.unpaid_since if known.unpaid_since and now - known.unpaid_since < UNPAID_FOR else None,
        question,
        is_parked,
        pack_sale(known.sale),
        # What was compared with the shop is no longer the state of the order.
        None,
        now,
    )
    return (known.store_id, known.number, *plain, *trash, *fresh)


def _line_values(known: OrderState, line: LineState) -> tuple[Any, ...]:
    stated = line.line
    return (
        known.store_id,
        known.number,
        stated.id,
        stated.product_id,
        stated.variation_id,
        # Rounded up, because the database checks with whole numbers that a line grants no more than it is worth.
        ceil(max(0, stated.quantity or 0)),
        stated.total or Decimal(0),
        stated.name,
        stated.sku,
        stated.stamped,
        stated.is_gone,
        stated.unclear_stamp,
        stated.stamped_months,
        line.tokens,
        line.months,
        line.granted,
        line.postings,
        line.set_by,
        line.set_at,
        line.basis and line.basis.value,
        packing.pack_priced(line.priced),
        None if line.stated is None else Decimal(line.stated),
        packing.pack_line_sources(line),
    )


def _to_line(row: Row[Any]) -> LineState:
    ranks, varied = packing.unpack_line_sources(row.sources)
    stated = packing.unpack_number(row.pieces)
    line = Line(
        id=row.line_id,
        product_id=row.product_id,
        variation_id=row.variation_id,
        # 0 after rounding up is a line that left its order.
        quantity=(row.quantity if stated is None else stated) if row.quantity else 0,
        total=None if ranks and "total" not in ranks else row.total,
        name=row.name,
        sku=row.sku,
        stamped=row.stamped,
        is_gone=row.is_gone,
        unclear_stamp=row.unclear_stamp,
        stamped_months=row.stamped_months,
    )
    return LineState(
        line,
        tokens=row.tokens,
        months=row.months,
        granted=row.granted,
        postings=row.postings,
        set_by=row.set_by,
        set_at=row.set_at,
        basis=Basis(row.basis) if row.basis else _older_basis(row),
        priced=packing.unpack_priced(row.priced),
        stated=stated,
        varied=varied,
        ranks=ranks,
    )


def _older_basis(row: Row[Any]) -> Basis | None:
    """Return how the amount of a row was determined, for rows of versions that did not record it."""
    if row.tokens is None:
        return None
    if row.set_by is not None:
        return Basis.HAND
    if row.stamped == row.tokens and row.months is None:
        return Basis.STAMP
    return Basis.PRODUCT if row.tokens else Basis.NO_PACKAGE


def _to_known(row: Row[Any], lines: tuple[LineState, ...]) -> OrderState:
    refund_ids, refund_details = packing.unpack_refunds(row.refunds)
    return OrderState(
        refund_ids=refund_ids,
        refund_details=refund_details,
        seen=packing.unpack_seen(row.seen),
        decisions=packing.unpack_decisions(row.decisions),
        reviews=packing.unpack_reviews(row.reviews, row.question),
        key=row.order_key,
        rival=packing.unpack_rival(row.rival, row.number),
        sale=unpack_sale(row.sale),
        store_id=row.store_id,
        number=row.number,
        effect=Effect(row.effect),
        lines=lines,
        **packing.unpack_sources(row.sources, row.number),
        trash=_to_trash(row),
        **{name: getattr(row, name) for name in _PLAIN},
    )


def _to_trash(row: Row[Any]) -> Trash:
    trash = Trash(
        **{name: getattr(row, column) for column, name in _TRASH.items()},
        is_absent=bool((row.sources or {}).get("absent")),
    )
    # An earlier version stored the stated date of the newest document, however far it was ahead.
    if trash.trashed_after is None or trash.trashed_at is None:
        return trash
    return replace(trash, trashed_after=dates.capped(trash.trashed_after, trash.trashed_at))


def newest_number(connection: Connection, store_id: int) -> int | None:
    """Return the highest order number stored for a store."""
    newest = select(orders.c.number).where(orders.c.store_id == store_id).order_by(orders.c.number.desc()).limit(1)
    return connection.execute(newest).scalar_one_or_none()
