"""Orders that belong together: parent and child orders, and orders with one transaction id."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import Connection, bindparam, select, text

from bridge.domain.orders.state import Effect
from bridge.storage.engine.bulk import among
from bridge.storage.orders.tables import orders

MOST = 50
"""The most related orders of one order that are read."""

# The conditions of partial indexes are written out: with a parameter, SQLite would read all orders.
_CHILDREN = (
    select(orders.c.number)
    .where(orders.c.store_id == bindparam("store"), text("orders.parent_id <> 0"), among(orders.c.parent_id, "wanted"))
    .limit(bindparam("most"))
)
_KNOWN = select(orders.c.number).where(orders.c.store_id == bindparam("store"), among(orders.c.number, "wanted"))
_SAME_PAYMENT = (
    select(orders.c.transaction_id, orders.c.number, orders.c.parent_id, orders.c.shop_number)
    .where(
        orders.c.store_id == bindparam("store"),
        text("orders.transaction_id <> ''"),
        among(orders.c.transaction_id, "wanted"),
        orders.c.effect == Effect.GRANTS.value,
    )
    .limit(bindparam("most"))
)


def list_family(connection: Connection, store_id: int, parents: Collection[int], numbers: Collection[int]) -> list[int]:
    """Return the ids of those `parents` that exist, and of at most a few children of `parents` and `numbers`."""
    wanted = sorted({*parents, *numbers})
    values = {"store": store_id, "wanted": wanted, "most": MOST * max(1, len(wanted))}
    found = set(connection.execute(_CHILDREN, values).scalars())
    if parents:
        found.update(connection.execute(_KNOWN, {"store": store_id, "wanted": sorted(parents)}).scalars())
    return sorted(found)


_LOCK_PAYMENTS = text(
    "select pg_advisory_xact_lock(hashtextextended(listed.payment, :store_id))"
    " from (select unnest(cast(:payments as text[])) as payment order by 1) as listed"
)


def lock_payments(connection: Connection, store_id: int, transactions: Collection[str]) -> None:
    """Lock these transaction ids until the transaction ends, so that orders with the same one settle in turn.

    Call it before any order is locked. SQLite has one writer at a time anyway.
    """
    if transactions and connection.dialect.name == "postgresql":
        connection.execute(_LOCK_PAYMENTS, {"store_id": store_id, "payments": sorted(transactions)})


def list_same_payment(
    connection: Connection, store_id: int, transactions: Collection[str]
) -> dict[str, Sequence[tuple[int, int, str]]]:
    """Return at most a few granting orders of each transaction id, as id, parent and the number shown."""
    values = {"store": store_id, "wanted": sorted(transactions), "most": MOST * max(1, len(transactions))}
    found: dict[str, list[tuple[int, int, str]]] = {}
    for row in sorted(connection.execute(_SAME_PAYMENT, values), key=lambda row: row.number):
        found.setdefault(row.transaction_id, []).append((row.number, row.parent_id, row.shop_number or str(row.number)))
    return dict(found)
