"""The price list: the price of each operation."""

from __future__ import annotations

from datetime import datetime

from bridge.domain.errors import FieldError, InvalidRequest
from bridge.domain.metering.errors import UnknownOperation
from bridge.domain.metering.pricing import Operation, with_change
from bridge.rendering.settings import operation_document
from bridge.services.metering.limits import add_missing_module
from bridge.services.stores import changes
from bridge.services.stores.changes import Subject
from bridge.storage.engine.database import Connection
from bridge.storage.metering import policies, prices
from bridge.storage.stores import stores


def list_operations(connection: Connection, store_id: int) -> list[Operation]:
    """The store's operations by module and key."""
    return list(policies.for_store(connection, store_id).operations.values())


def get_operation(connection: Connection, store_id: int, key: str) -> Operation:
    """One operation; raises `UnknownOperation`."""
    found = policies.for_store(connection, store_id).operations.get(key)
    if found is None:
        raise UnknownOperation(f"the price list has no operation {key}")
    return found


def put_operation(
    connection: Connection, store_id: int, operation: Operation, *, actor: str, now: datetime
) -> Operation:
    """Add an operation, or change its price; it counts from the commit on.

    One made of others costs what they cost together, also after their prices
    change. Raises `InvalidRequest` for a part that is not there, or is itself
    made of others.
    """
    stores.touch(connection, store_id)
    known = prices.list_all(connection, store_id)
    changed = with_change(known, operation)
    add_missing_module(connection, store_id, operation.module, actor=actor, now=now)
    prices.put(connection, store_id, changed)
    for each in changed:
        _record(connection, store_id, known.get(each.key), each, actor=actor, now=now)
    return changed[0]


def drop_operation(connection: Connection, store_id: int, key: str, *, actor: str, now: datetime) -> None:
    """Take an operation off the list; raises `UnknownOperation`, and `InvalidRequest` while others are made of it."""
    stores.touch(connection, store_id)
    known = prices.list_all(connection, store_id)
    for made in known.values():
        if key in made.parts:
            raise InvalidRequest(fields=[FieldError("operation", f"{made.key} is made of it")])
    if not prices.remove(connection, store_id, key):
        raise UnknownOperation(f"the price list has no operation {key}")
    _record(connection, store_id, known[key], None, actor=actor, now=now)


def _record(
    connection: Connection,
    store_id: int,
    before: Operation | None,
    after: Operation | None,
    *,
    actor: str,
    now: datetime,
) -> None:
    documents = [None if operation is None else operation_document(operation) for operation in (before, after)]
    name = next(operation.key for operation in (after, before) if operation is not None)
    changes.record(
        connection, store_id, Subject.PRICE, name, before=documents[0], after=documents[1], actor=actor, now=now
    )
