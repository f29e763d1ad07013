"""The price list."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, delete, select

from bridge.domain.metering.pricing import Operation
from bridge.storage.engine.bulk import Writer
from bridge.storage.metering.tables import operations

_VALUES = ("module", "tokens_per_unit", "max_units", "parts")
_PUT = Writer(operations, ("store_id", "key", *_VALUES), keys=("store_id", "key"), replace=_VALUES)


def list_all(connection: Connection, store_id: int) -> dict[str, Operation]:
    """Return the store's operations by key."""
    rows = connection.execute(
        select(operations).where(operations.c.store_id == store_id).order_by(operations.c.module, operations.c.key)
    )
    return {
        row.key: Operation(row.key, row.module, row.tokens_per_unit, row.max_units, tuple(row.parts or ()))
        for row in rows
    }


def put(connection: Connection, store_id: int, listed: Iterable[Operation]) -> None:
    """Insert or replace operations with one statement; the caller has locked the store's row."""
    _PUT.write(
        connection,
        [
            (store_id, one.key, one.module, one.tokens_per_unit, one.max_units, list(one.parts) or None)
            for one in listed
        ],
    )


def remove(connection: Connection, store_id: int, key: str) -> bool:
    """Remove an operation from the list; return whether it existed."""
    removed = connection.execute(delete(operations).where(operations.c.store_id == store_id, operations.c.key == key))
    return removed.rowcount > 0
