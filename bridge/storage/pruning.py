"""Rows that served their time, removed a batch at a time."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, delete, select, tuple_

from bridge.domain.inbox import State
from bridge.domain.limits import FOREVER
from bridge.storage.ids import first_id_at
from bridge.storage.schema import deliveries
from bridge.storage.schema_metering import idempotency_keys, modules, window_uses


def forget_keys(connection: Connection, *, before: datetime, limit: int) -> int:
    """Remove idempotency keys answered before a moment, at most `limit`; how many they were."""
    place = (idempotency_keys.c.store_id, idempotency_keys.c.site_id, idempotency_keys.c.key)
    old = (
        select(*place)
        .where(idempotency_keys.c.created_at < before)
        .order_by(idempotency_keys.c.created_at)
        .limit(limit)
    )
    return connection.execute(delete(idempotency_keys).where(tuple_(*place).in_(old))).rowcount


def forget_deliveries(connection: Connection, *, before: datetime, limit: int) -> int:
    """Remove deliveries received before a moment that nothing is left to do for, at most `limit`."""
    old = (
        select(deliveries.c.id)
        # The id says when the row was made, so no other index is needed to find the old ones.
        .where(
            deliveries.c.id < first_id_at(before),
            deliveries.c.received_at < before,
            deliveries.c.state != State.RECEIVED.value,
        )
        .order_by(deliveries.c.id)
        .limit(limit)
    )
    return connection.execute(delete(deliveries).where(deliveries.c.id.in_(old))).rowcount


def forget_uses(connection: Connection, *, before: datetime, limit: int) -> int:
    """Remove what was used in windows that ended before a moment, at most `limit` of each module."""
    place = (window_uses.c.account_id, window_uses.c.module, window_uses.c.starts_at)
    removed = 0
    for module in connection.execute(select(modules.c.key).distinct()).scalars().all():
        old = (
            select(*place)
            .where(
                window_uses.c.module == module,
                window_uses.c.starts_at > FOREVER,
                window_uses.c.starts_at < before,
                window_uses.c.ends_at < before,
            )
            .order_by(window_uses.c.starts_at)
            .limit(limit)
        )
        removed += connection.execute(delete(window_uses).where(tuple_(*place).in_(old))).rowcount
    return removed
