"""The price list: the price of each operation."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from bridge.domain.accounts.accounts import MAX_TOKENS
from bridge.domain.errors import FieldError, InvalidRequest
from bridge.domain.metering.errors import UnknownOperation
from bridge.domain.metering.pricing import Operation, sum_of
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
    if operation.parts:
        _check_parts(operation, known)
        operation = replace(operation, tokens_per_unit=sum_of(known[part] for part in operation.parts))
        if operation.tokens_per_unit > MAX_TOKENS:
            raise InvalidRequest(fields=[FieldError("parts", "together they cost more than 2^53-1 tokens")])
    add_missing_module(connection, store_id, operation.module, actor=actor, now=now)
    now_known = known | {operation.key: operation}
    applied = [
        replace(made, tokens_per_unit=sum_of(now_known[part] for part in made.parts))
        for made in known.values()
        if operation.key in made.parts
    ]
    prices.put(connection, store_id, [operation, *applied])
    for changed in (operation, *applied):
        _record(connection, store_id, known.get(changed.key), changed, actor=actor, now=now)
    return operation


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


def _check_parts(operation: Operation, known: dict[str, Operation]) -> None:
    for part in operation.parts:
        if part not in known or part == operation.key:
            raise InvalidRequest(fields=[FieldError("parts", f"the price list has no operation {part}")])
        if known[part].parts:
            raise InvalidRequest(fields=[FieldError("parts", f"{part} is itself made of others")])
    if any(operation.key in made.parts for made in known.values()):
        raise InvalidRequest(fields=[FieldError("parts", "another operation is made of this one")])
