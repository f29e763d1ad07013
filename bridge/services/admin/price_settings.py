"""The price list, saved from a form that shows an earlier version of it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime

from bridge.domain.metering.pricing import Operation, with_change
from bridge.rendering.settings import operation_document
from bridge.services.metering import prices as price_list
from bridge.services.stores import changes
from bridge.services.stores.changes import Change, Subject
from bridge.storage.engine.database import Connection
from bridge.storage.metering import prices
from bridge.storage.stores import stores

NEW = "new"
"""The version of an operation that the price list does not have."""

_CHANGES_READ = 200


@dataclass(frozen=True, slots=True)
class Conflict:
    """An operation that was changed since the admin opened it: as it is now, None if deleted, and the change."""

    current: Operation | None
    change: Change | None


def version_of(operation: Operation | None) -> str:
    """Return a short text that differs for another price; `NEW` for None."""
    if operation is None:
        return NEW
    text = json.dumps(operation_document(operation), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def save(
    connection: Connection, store_id: int, operation: Operation, *, expected: str, actor: str, now: datetime
) -> Conflict | None:
    """Add or change an operation, or return the conflict with another change.

    A change that is stored already is no conflict. Raises `InvalidRequest` as
    `put_operation` does.
    """
    # Locks the store's row: two changes of one store's rules queue on it.
    stores.touch(connection, store_id)
    known = prices.list_all(connection, store_id)
    current = known.get(operation.key)
    if with_change(known, operation)[0] == current:
        return None
    if version_of(current) != expected:
        return Conflict(current, _last_change(connection, store_id, operation.key))
    price_list.put_operation(connection, store_id, operation, actor=actor, now=now)
    return None


def drop(
    connection: Connection, store_id: int, key: str, *, expected: str, actor: str, now: datetime
) -> Conflict | None:
    """Delete an operation, or return the conflict with another change; raises as `drop_operation` does."""
    stores.touch(connection, store_id)
    current = prices.list_all(connection, store_id).get(key)
    if current is not None and version_of(current) != expected:
        return Conflict(current, _last_change(connection, store_id, key))
    price_list.drop_operation(connection, store_id, key, actor=actor, now=now)
    return None


def _last_change(connection: Connection, store_id: int, key: str) -> Change | None:
    found = changes.list_page(connection, store_id, subject=Subject.PRICE.value, limit=_CHANGES_READ)
    return next((change for change in found if change.name == key), None)
