"""Orders that belong together: parent and child orders, and orders with one transaction id."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import Connection, select, text, union

from bridge.domain.orders.state import Effect
from bridge.storage.orders.tables import orders

MOST = 50
"""The most relatives of one order that are looked at."""


def list_family(connection: Connection, store_id: int, parents: Collection[int], numbers: Collection[int]) -> list[int]:
    """The ids of these parents as far as they exist, and of all children of `parents` and `numbers`, at most a few."""
    wanted = sorted({*parents, *numbers})
    children = (
        select(orders.c.number)
        .where(orders.c.store_id == store_id, orders.c.parent_id > 0, orders.c.parent_id.in_(wanted))
        .limit(MOST * max(1, len(wanted)))
    )
    known = select(orders.c.number).where(orders.c.store_id == store_id, orders.c.number.in_(sorted(parents)))
    statement = union(children.subquery().select(), known) if parents else children
    return sorted(connection.execute(statement).scalars())


_LOCK_PAYMENTS = text(
    "select pg_advisory_xact_lock(hashtextextended(listed.payment, :store_id))"
    " from (select unnest(cast(:payments as text[])) as payment order by 1) as listed"
)


def lock_payments(connection: Connection, store_id: int, transactions: Collection[str]) -> None:
    """Let orders with one of these transaction ids be settled one after the other, until the transaction ends.

    To be called before any order is locked. Writers of SQLite take turns anyway.
    """
    if transactions and connection.dialect.name == "postgresql":
        connection.execute(_LOCK_PAYMENTS, {"store_id": store_id, "payments": sorted(transactions)})


def list_same_payment(
    connection: Connection, store_id: int, transactions: Collection[str]
) -> dict[str, Sequence[tuple[int, int, str]]]:
    """The granting orders with each of these transaction ids: id, parent and shown number; at most a few of each."""
    statement = (
        select(orders.c.transaction_id, orders.c.number, orders.c.parent_id, orders.c.shop_number)
        .where(
            orders.c.store_id == store_id,
            orders.c.transaction_id != "",
            orders.c.transaction_id.in_(sorted(transactions)),
            orders.c.effect == Effect.GRANTS.value,
        )
        .order_by(orders.c.number)
        .limit(MOST * max(1, len(transactions)))
    )
    found: dict[str, list[tuple[int, int, str]]] = {}
    for row in connection.execute(statement):
        found.setdefault(row.transaction_id, []).append((row.number, row.parent_id, row.shop_number or str(row.number)))
    return dict(found)
