"""Orders that belong together: parent and child orders, and orders with one transaction id."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import Connection, bindparam, select, text

from bridge.domain.orders.state import Effect
from bridge.storage.engine.bulk import among
from bridge.storage.orders.tables import orders

MOST = 50
"""The most relatives of one order that are looked at."""

# Conditions of partial indexes are written out: with a parameter in their place SQLite would read all orders.
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
    """The ids of these parents as far as they exist, and of all children of `parents` and `numbers`, at most a few."""
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
    """Let orders with one of these transaction ids be settled one after the other, until the transaction ends.

    To be called before any order is locked. Writers of SQLite take turns anyway.
    """
    if transactions and connection.dialect.name == "postgresql":
        connection.execute(_LOCK_PAYMENTS, {"store_id": store_id, "payments": sorted(transactions)})


def list_same_payment(
    connection: Connection, store_id: int, transactions: Collection[str]
) -> dict[str, Sequence[tuple[int, int, str]]]:
    """The granting orders with each of these transaction ids: id, parent and shown number; at most a few of each."""
    values = {"store": store_id, "wanted": sorted(transactions), "most": MOST * max(1, len(transactions))}
    found: dict[str, list[tuple[int, int, str]]] = {}
    for row in sorted(connection.execute(_SAME_PAYMENT, values), key=lambda row: row.number):
        found.setdefault(row.transaction_id, []).append((row.number, row.parent_id, row.shop_number or str(row.number)))
    return dict(found)
