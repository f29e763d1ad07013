"""Orders and their lines: what was learnt, and what was posted for it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from bridge.domain.accounts import normalize_email
from bridge.domain.grants import Question
from bridge.domain.orders import Effect, Known, KnownLine, Line, RefundDetail, RefundedLine
from bridge.storage.schema import order_lines, orders

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
    "trash_key",
    "trashed_at",
    "trashed_after",
    "restored_at",
    "restored_seen_at",
    "restores_ahead",
)


def lock(connection: Connection, store_id: int, number: int, *, now: datetime) -> Known:
    """What is known of an order, its row locked until the transaction ends; made where it is missing."""
    blank = {name: getattr(Known(store_id, number), name) for name in _PLAIN}
    values = {
        "store_id": store_id,
        "number": number,
        "effect": Effect.KEEPS.value,
        "created_at": now,
        "updated_at": now,
        **blank,
    }
    new = sqlite.insert(orders) if connection.dialect.name == "sqlite" else postgresql.insert(orders)
    connection.execute(new.values(**values).on_conflict_do_nothing(index_elements=["store_id", "number"]))
    row = connection.execute(
        select(orders).where(orders.c.store_id == store_id, orders.c.number == number).with_for_update()
    ).one()
    return _to_known(row, _lines(connection, store_id, [number]).get(number, ()))


def _pack(known: Known) -> dict[str, Any] | None:
    """The refunds as one JSON column keeps them; None for none."""
    if not known.refund_ids and not known.refund_details:
        return None
    details = [
        [
            detail.id,
            str(detail.amount),
            str(detail.tied),
            [[line.line_id, line.quantity, str(line.total)] for line in detail.lines],
        ]
        for detail in known.refund_details
    ]
    return {"ids": list(known.refund_ids), "details": details}


def _unpack(packed: dict[str, Any] | None) -> tuple[tuple[int, ...], tuple[RefundDetail, ...]]:
    if not packed:
        return (), ()
    details = tuple(
        RefundDetail(
            id_,
            Decimal(amount),
            Decimal(tied),
            tuple(RefundedLine(line, quantity, Decimal(total)) for line, quantity, total in lines),
        )
        for id_, amount, tied, lines in packed["details"]
    )
    return tuple(packed["ids"]), details


def remember(connection: Connection, known: Known, *, is_parked: bool, question: Question, now: datetime) -> None:
    """Write what is known of a locked order."""
    values = {name: getattr(known, name) for name in _PLAIN}
    connection.execute(
        update(orders)
        .where(orders.c.store_id == known.store_id, orders.c.number == known.number)
        .values(
            **values,
            effect=known.effect.value,
            email_key=normalize_email(known.email),
            refunds=_pack(known),
            question=question.value,
            is_parked=is_parked,
            updated_at=now,
        )
    )
    connection.execute(
        delete(order_lines).where(order_lines.c.store_id == known.store_id, order_lines.c.order_number == known.number)
    )
    if known.lines:
        connection.execute(insert(order_lines), [_line_values(known, line) for line in known.lines])


def find(connection: Connection, store_id: int, number: int) -> Known | None:
    """What is known of an order, without a lock."""
    row = connection.execute(
        select(orders).where(orders.c.store_id == store_id, orders.c.number == number)
    ).one_or_none()
    return None if row is None else _to_known(row, _lines(connection, store_id, [number]).get(number, ()))


def list_for_account(
    connection: Connection, *, store_id: int, account_id: int, before: int | None, limit: int
) -> list[Known]:
    """The orders whose grants an account holds, newest number first, at most `limit`, below `before`."""
    statement = select(orders).where(orders.c.account_id == account_id)
    if before is not None:
        statement = statement.where(orders.c.number < before)
    rows = connection.execute(statement.order_by(orders.c.number.desc()).limit(limit)).all()
    lines = _lines(connection, store_id, [row.number for row in rows])
    return [_to_known(row, lines.get(row.number, ())) for row in rows]


def list_parked(connection: Connection, *, store_id: int, email: str, limit: int) -> list[int]:
    """The numbers of orders that wait for an account with that address."""
    statement = (
        select(orders.c.number)
        .where(orders.c.store_id == store_id, orders.c.is_parked, orders.c.email_key == normalize_email(email))
        .order_by(orders.c.number)
        .limit(limit)
    )
    return list(connection.execute(statement).scalars())


def list_unpriced(connection: Connection, *, store_id: int, product_id: int, limit: int) -> list[int]:
    """The numbers of orders with a line of this product whose amount nobody has said yet."""
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
    )
    return list(connection.execute(statement).scalars())


def _lines(connection: Connection, store_id: int, numbers: Sequence[int]) -> dict[int, tuple[KnownLine, ...]]:
    found: dict[int, tuple[KnownLine, ...]] = {}
    if not numbers:
        return found
    rows = connection.execute(
        select(order_lines)
        .where(order_lines.c.store_id == store_id, order_lines.c.order_number.in_(numbers))
        .order_by(order_lines.c.order_number, order_lines.c.line_id)
    )
    for row in rows:
        found[row.order_number] = (*found.get(row.order_number, ()), _to_line(row))
    return found


def _line_values(known: Known, line: KnownLine) -> dict[str, Any]:
    return {
        "store_id": known.store_id,
        "order_number": known.number,
        "line_id": line.line.id,
        "product_id": line.line.product_id,
        "variation_id": line.line.variation_id,
        "quantity": line.line.quantity,
        "total": line.line.total,
        "name": line.line.name,
        "sku": line.line.sku,
        "stamped": line.line.stamped,
        "tokens": line.tokens,
        "months": line.months,
        "granted": line.granted,
        "postings": line.postings,
    }


def _to_line(row: Row[Any]) -> KnownLine:
    line = Line(
        id=row.line_id,
        product_id=row.product_id,
        variation_id=row.variation_id,
        quantity=row.quantity,
        total=row.total,
        name=row.name,
        sku=row.sku,
        stamped=row.stamped,
    )
    return KnownLine(line, row.tokens, row.months, row.granted, row.postings)


def _to_known(row: Row[Any], lines: tuple[KnownLine, ...]) -> Known:
    refund_ids, refund_details = _unpack(row.refunds)
    return Known(
        refund_ids=refund_ids,
        refund_details=refund_details,
        store_id=row.store_id,
        number=row.number,
        effect=Effect(row.effect),
        lines=lines,
        **{name: getattr(row, name) for name in _PLAIN},
    )
