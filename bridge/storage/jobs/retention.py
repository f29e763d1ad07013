"""Delete old rows in batches.

Each statement finds its batch by an index, so the cost of a batch does not depend
on the size of the table. SQLite deletes the rows by `rowid`: with a list of whole
keys, it would read all rows that have the same first columns, for each batch, and
spends would have to wait.
"""

from __future__ import annotations

from datetime import datetime
from itertools import product

from sqlalchemy import ColumnElement, Connection, Table, delete, func, literal, literal_column, select, tuple_

from bridge.domain.metering.limits import FOREVER
from bridge.domain.shop.inbox import State
from bridge.storage.accounts.tables import role_changes
from bridge.storage.admin.tables import bulk_changes, bulk_rows
from bridge.storage.engine.ids import first_id_at
from bridge.storage.events.tables import outbox
from bridge.storage.metering.tables import guest_uses, idempotency_keys, modules, window_uses
from bridge.storage.portal.tables import passes, portal_sessions
from bridge.storage.shop.tables import deliveries

_COUNTERS = (0, 1)
"""The counters of windows: named, so that an index that begins with them is used."""


def forget_keys(connection: Connection, *, before: datetime, limit: int) -> int:
    """Delete idempotency keys answered before a moment, at most `limit`; returns how many."""
    created_at = idempotency_keys.c.created_at
    return _delete(connection, idempotency_keys, created_at < before, order_by=created_at, limit=limit)


def forget_deliveries(connection: Connection, *, before: datetime, limit: int) -> int:
    """Delete deliveries received before a moment that need no more work, at most `limit`; returns how many."""
    return _delete(
        connection,
        deliveries,
        # The id contains the time, so no further index is needed to find old rows.
        deliveries.c.id < first_id_at(before),
        deliveries.c.received_at < before,
        deliveries.c.state != State.RECEIVED.value,
        order_by=deliveries.c.id,
        limit=limit,
    )


def forget_uses(connection: Connection, *, before: datetime, limit: int) -> int:
    """Delete the use of windows that ended before a moment, at most `limit` rows; returns how many.

    Of guests who signed in, what was counted toward users goes as well.
    """
    removed = 0
    known = connection.execute(select(modules.c.key).distinct()).scalars().all()
    for module, counter in product(known, _COUNTERS):
        if removed < limit:
            removed += _delete(
                connection,
                window_uses,
                window_uses.c.module == module,
                window_uses.c.counter == counter,
                window_uses.c.starts_at > FOREVER,
                window_uses.c.starts_at < before,
                window_uses.c.ends_at < before,
                order_by=window_uses.c.starts_at,
                limit=limit - removed,
            )
    ends_at = guest_uses.c.ends_at
    return removed + _delete(connection, guest_uses, ends_at < before, order_by=ends_at, limit=limit - removed)


def forget_passes(connection: Connection, *, before: datetime, limit: int) -> int:
    """Delete passes made, and sessions of buyers begun, before a moment, at most `limit` rows; returns how many."""
    made, began = passes.c.created_at, portal_sessions.c.began_at
    removed = _delete(connection, passes, made < before, order_by=made, limit=limit)
    return removed + _delete(connection, portal_sessions, began < before, order_by=began, limit=limit - removed)


def forget_bulk(connection: Connection, *, before: datetime, limit: int) -> int:
    """Delete bulk changes made before a moment that have ended, at most `limit` rows; returns how many.

    The rows of a bulk change go first. Its ledger entries stay.
    """
    first = first_id_at(before)
    running = select(bulk_changes.c.id).where(bulk_changes.c.state == "running", bulk_changes.c.id < first)
    old_rows = (bulk_rows.c.bulk_id < first, bulk_rows.c.bulk_id.not_in(running))
    removed = _delete(connection, bulk_rows, *old_rows, order_by=bulk_rows.c.bulk_id, limit=limit)
    if removed < limit:
        old = (bulk_changes.c.id < first, bulk_changes.c.state != "running")
        removed += _delete(connection, bulk_changes, *old, order_by=bulk_changes.c.id, limit=limit - removed)
    return removed


def forget_roles(connection: Connection, *, before: datetime, limit: int) -> int:
    """Delete changes of roles made before a moment, at most `limit`; returns how many."""
    id_ = role_changes.c.id
    return _delete(connection, role_changes, id_ < first_id_at(before), order_by=id_, limit=limit)


def count_old(connection: Connection, kind: str, *, before: datetime, limit: int) -> int:
    """Return how many rows of a kind are from before a moment, counted up to `limit` with an index."""
    first = first_id_at(before)
    conditions: dict[str, tuple[ColumnElement[bool], ...]] = {
        "events": (outbox.c.id < first, outbox.c.fanned_out_at.is_not(None)),
        "keys": (idempotency_keys.c.created_at < before,),
        "deliveries": (deliveries.c.id < first, deliveries.c.state != State.RECEIVED.value),
        "passes": (passes.c.created_at < before,),
        "bulk": (bulk_changes.c.id < first, bulk_changes.c.state != "running"),
        "roles": (role_changes.c.id < first,),
        "windows": (
            window_uses.c.module.in_(select(modules.c.key).distinct()),
            window_uses.c.counter.in_(_COUNTERS),
            window_uses.c.starts_at > FOREVER,
            window_uses.c.starts_at < before,
            window_uses.c.ends_at < before,
        ),
    }
    old = select(literal(1)).where(*conditions[kind]).limit(limit).subquery()
    return int(connection.execute(select(func.count()).select_from(old)).scalar_one())


def _delete(
    connection: Connection,
    table: Table,
    *conditions: ColumnElement[bool],
    order_by: ColumnElement[object],
    limit: int,
) -> int:
    """Delete the first `limit` rows that meet the conditions, in the order of an index; returns how many."""
    if connection.dialect.name == "sqlite":
        place: list[ColumnElement[object]] = [literal_column(f"{table.name}.rowid")]
    else:
        place = list(table.primary_key.columns)
    old = select(*place).where(*conditions).order_by(order_by).limit(limit)
    at = place[0] if len(place) == 1 else tuple_(*place)
    return connection.execute(delete(table).where(at.in_(old))).rowcount
