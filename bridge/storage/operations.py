"""The price list."""

from __future__ import annotations

from sqlalchemy import Connection, delete, insert, select, update

from bridge.domain.pricing import Operation
from bridge.storage.schema_holds import operations


def list_all(connection: Connection, store_id: int) -> dict[str, Operation]:
    """The store's operations by key."""
    rows = connection.execute(
        select(operations).where(operations.c.store_id == store_id).order_by(operations.c.module, operations.c.key)
    )
    return {
        row.key: Operation(row.key, row.module, row.tokens_per_unit, row.max_units, tuple(row.parts or ()))
        for row in rows
    }


def put(connection: Connection, store_id: int, operation: Operation) -> None:
    """Insert or replace an operation; the caller holds the store's row."""
    values = {
        "module": operation.module,
        "tokens_per_unit": operation.tokens_per_unit,
        "max_units": operation.max_units,
        "parts": list(operation.parts) or None,
    }
    at = (operations.c.store_id == store_id, operations.c.key == operation.key)
    if connection.execute(update(operations).where(*at).values(**values)).rowcount == 0:
        connection.execute(insert(operations).values(store_id=store_id, key=operation.key, **values))


def remove(connection: Connection, store_id: int, key: str) -> bool:
    """Take an operation off the list; whether it was there."""
    removed = connection.execute(delete(operations).where(operations.c.store_id == store_id, operations.c.key == key))
    return removed.rowcount > 0
