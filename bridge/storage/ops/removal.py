"""All rows of a store, table by table: read for an export, and deleted in limited batches.

The list of tables comes from the schema, so that a new table is not forgotten. A
row belongs to a store by its `store_id`, by its account, or by a row it refers to.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    ScalarSelect,
    Select,
    Table,
    bindparam,
    delete,
    func,
    select,
    tuple_,
    update,
)

from bridge.storage.accounts.tables import accounts, entries, merges
from bridge.storage.admin.tables import admins
from bridge.storage.engine.metadata import TABLES, metadata
from bridge.storage.metering import tables as metering_tables
from bridge.storage.orders.tables import order_lines, orders, packages
from bridge.storage.stores.tables import access_keys, stores

BATCH = 1000
"""The most rows deleted in one transaction."""
ACCOUNTS_AT_ONCE = 200

MODULES = TABLES
EXPORTED = (
    accounts,
    entries,
    merges,
    orders,
    order_lines,
    packages,
    metering_tables.spends,
    metering_tables.refunds,
    metering_tables.plan_terms,
)
"""The tables in an export, besides the store's settings; none of them contains a secret."""
NOT_OF_A_STORE = frozenset(
    {"stores", "admins", "admin_sessions", "leases", "runs", "service_state", "link_guesses", "rollups"}
)
"""The tables of the whole installation."""

_SECRETS = frozenset({"webhook_secret", "consumer_key", "consumer_secret", "guest_salt"})
_PAGE = 1000
_HALF = 2**32


def mark(connection: Connection, store_id: int, *, sealed_nothing: str, now: datetime) -> None:
    """Mark a store as being removed, and delete its access keys and secrets."""
    connection.execute(delete(access_keys).where(access_keys.c.store_id == store_id))
    values = {
        "removing_at": now,
        "webhook_secret": sealed_nothing,
        "consumer_key": None,
        "consumer_secret": None,
        "guest_salt": "",
        "config_version": stores.c.config_version + 1,
    }
    connection.execute(update(stores).where(stores.c.id == store_id).values(**values))


def newest_entry(connection: Connection, store_id: int) -> int:
    """Return the highest id of the ledger entries of a store; 0 without entries."""
    of_store = accounts.c.store_id == store_id
    found = select(func.max(entries.c.id)).join_from(entries, accounts, accounts.c.id == entries.c.account_id)
    return int(connection.execute(found.where(of_store)).scalar_one() or 0)


def count_rows(connection: Connection, store_id: int) -> dict[str, int]:
    """Return how many accounts, tokens and orders a store has."""
    # In halves, because the sum of many large balances exceeds SQLite's `sum`.
    halves = (func.sum(accounts.c.balance // _HALF), func.sum(accounts.c.balance % _HALF))
    counted = select(func.count(), *halves).where(accounts.c.store_id == store_id)
    people, high, low = connection.execute(counted).one()
    tokens = int(high or 0) * _HALF + int(low or 0)
    of_orders = select(func.count()).select_from(orders).where(orders.c.store_id == store_id)
    return {"accounts": people, "tokens": tokens, "orders": connection.execute(of_orders).scalar_one()}


def settings(connection: Connection, store_id: int) -> dict[str, Any]:
    """Return a store's own row without its secrets."""
    row = connection.execute(select(stores).where(stores.c.id == store_id)).one()
    return {name: value for name, value in row._mapping.items() if name not in _SECRETS}


def rows(connection: Connection, table: Table, store_id: int) -> Iterator[dict[str, Any]]:
    """Yield the rows of a store in a table, in the order of the primary key."""
    key = _key(table)
    page: Select[Any] = select(table).where(_owned(table, store_id)).order_by(*key).limit(_PAGE)
    after: Sequence[Any] | None = None
    while True:
        found = connection.execute(page if after is None else page.where(tuple_(*key) > tuple_(*after))).all()
        for row in found:
            yield dict(row._mapping)
        if len(found) < _PAGE:
            return
        after = [found[-1]._mapping[column.name] for column in key]


def account_ids(connection: Connection, store_id: int, *, after: int) -> list[int]:
    """Return the next accounts of a store after an id, at most `ACCOUNTS_AT_ONCE`."""
    found = select(accounts.c.id).where(accounts.c.store_id == store_id, accounts.c.id > after).order_by(accounts.c.id)
    return list(connection.execute(found.limit(ACCOUNTS_AT_ONCE)).scalars())


def account_tables() -> list[Table]:
    """Return the tables whose key begins with the account; tables that refer to others come first."""
    return [table for table in _owned_tables() if _key(table)[0].name == "account_id"]


def other_tables() -> list[Table]:
    """Return the other tables with rows of stores, in an order in which no reference is broken."""
    return [table for table in _owned_tables() if _key(table)[0].name != "account_id"]


def delete_of_accounts(connection: Connection, table: Table, ids: Sequence[int]) -> int:
    """Delete a batch of rows of these accounts; return how many were deleted."""
    return _delete(connection, table, table.c.account_id.in_(bindparam("ids", list(ids), expanding=True)))


def delete_of_store(connection: Connection, table: Table, store_id: int) -> int:
    """Delete a batch of rows of a store; return how many were deleted."""
    return _delete(connection, table, _owned(table, store_id))


def delete_admin(connection: Connection, admin_id: int) -> None:
    """Delete an admin and every row that refers to them."""
    for table in reversed(metadata.sorted_tables):
        for column in _references(table, admins):
            connection.execute(delete(table).where(column == admin_id))
    connection.execute(delete(admins).where(admins.c.id == admin_id))


def _delete(connection: Connection, table: Table, condition: ColumnElement[bool]) -> int:
    key = _key(table)
    batch = select(*key).where(condition).limit(BATCH)
    return connection.execute(delete(table).where(tuple_(*key).in_(batch))).rowcount


def _owned_tables() -> list[Table]:
    return [table for table in reversed(metadata.sorted_tables) if table.name not in NOT_OF_A_STORE]


def _owned(table: Table, store_id: int) -> ColumnElement[bool]:
    """Return the condition that a row of a table belongs to a store."""
    column = table.c.get("store_id")
    if column is not None and not (column.nullable and "account_id" in table.c):
        return column == store_id
    if "account_id" in table.c:
        return table.c.account_id.in_(_ids(accounts, accounts.c.store_id == store_id))
    for owner in metadata.sorted_tables:
        for reference in _references(table, owner):
            if owner.name not in NOT_OF_A_STORE and owner is not table:
                return reference.in_(_ids(owner, _owned(owner, store_id)))
    raise LookupError(f"the table {table.name} does not say whose its rows are")


def _ids(table: Table, condition: ColumnElement[bool]) -> ScalarSelect[Any]:
    return select(table.c.id).where(condition).scalar_subquery()


def _references(table: Table, owner: Table) -> list[Column[Any]]:
    return [key.parent for key in table.foreign_keys if key.column.table is owner and key.column.name == "id"]


def _key(table: Table) -> list[Column[Any]]:
    return list(table.primary_key.columns)
