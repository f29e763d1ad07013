"""The last comparison of each order with the shop."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, bindparam, func, select, text

from bridge.domain.orders.comparing import Compared, Comparison, Difference, DifferingOrder, SyncState
from bridge.storage.engine.bulk import Writer, among, within
from bridge.storage.orders.tables import orders

_KEY = ("store_id", "number")
_PUT = Writer(
    orders,
    (*_KEY, "sync", "compared_at", "differences"),
    keys=_KEY,
    replace=("sync", "compared_at", "differences"),
    is_update=True,
)
_FIND = select(orders.c.number, orders.c.sync, orders.c.compared_at, orders.c.differences).where(
    orders.c.store_id == bindparam("store"),
    among(orders.c.number, "numbers"),
    within(orders.c.number, "lowest", "highest"),
)
_RECENT = 100
"""How many of the newest orders are looked at to find one that was compared."""


def put(connection: Connection, store_id: int, found: Iterable[tuple[int, Comparison]]) -> None:
    """Store the comparison of each order, whose rows are locked."""
    _PUT.write(
        connection,
        [
            (store_id, number, each.state and each.state.value, each.compared_at, _pack(each.differences))
            for number, each in sorted(found, key=lambda pair: pair[0])
        ],
    )


def find(connection: Connection, store_id: int, numbers: Collection[int]) -> dict[int, Comparison]:
    """Return the comparisons of these orders by number; those that were never compared are left out."""
    if not numbers:
        return {}
    wanted = sorted(numbers)
    values = {"store": store_id, "numbers": wanted, "lowest": wanted[0], "highest": wanted[-1]}
    rows = connection.execute(_FIND, values)
    return {row.number: _to_comparison(row) for row in rows if row.compared_at is not None}


def list_differing(connection: Connection, store_id: int, *, before: int | None, limit: int) -> list[DifferingOrder]:
    """Return the orders with a warning or a mismatch, the highest number first, below `before`."""
    statement = select(
        orders.c.number,
        orders.c.shop_number,
        orders.c.status,
        orders.c.sync,
        orders.c.compared_at,
        orders.c.differences,
    ).where(_differs(store_id))
    if before is not None:
        statement = statement.where(orders.c.number < before)
    rows = connection.execute(statement.order_by(orders.c.number.desc()).limit(limit))
    return [
        DifferingOrder(row.number, row.shop_number or str(row.number), row.status, _to_comparison(row)) for row in rows
    ]


def count(connection: Connection, store_id: int, state: SyncState, *, most: int) -> int:
    """Return how many orders have this state, warning or mismatch, counted up to `most`."""
    some = select(orders.c.number).where(_differs(store_id), orders.c.sync == state.value).limit(most).subquery()
    return int(connection.execute(select(func.count()).select_from(some)).scalar_one())


def has_any(connection: Connection, store_id: int) -> bool:
    """Return whether one of the newest orders was compared."""
    newest = (
        select(orders.c.compared_at)
        .where(orders.c.store_id == store_id)
        .order_by(orders.c.number.desc())
        .limit(_RECENT)
        .subquery()
    )
    return connection.execute(select(func.max(newest.c.compared_at))).scalar() is not None


def _differs(store_id: int) -> ColumnElement[bool]:
    # Written out as the partial index has it: with parameters in its place the index would not fit.
    return and_(orders.c.store_id == store_id, text("orders.sync in ('warning','mismatch')"))


def _to_comparison(row: Any) -> Comparison:
    state = SyncState(row.sync) if row.sync else None
    return Comparison(state, row.compared_at, _unpack(row.differences))


def _pack(differences: Sequence[Difference]) -> list[list[Any]] | None:
    return [[each.value.value, each.shop, each.stored, each.line] for each in differences] or None


def _unpack(packed: Sequence[Any] | None) -> tuple[Difference, ...]:
    return tuple(Difference(Compared(value), shop, stored, line) for value, shop, stored, line in packed or ())
