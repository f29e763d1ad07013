"""Timestamps in the database that show whether the clock of this machine is wrong."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, func, select, text

from bridge.storage.engine.ids import moment_of
from bridge.storage.jobs.tables import runs
from bridge.storage.metering.tables import idempotency_keys
from bridge.storage.shop.tables import deliveries


def newest_moment(connection: Connection) -> datetime | None:
    """Return the latest timestamp that the service wrote to certain tables; three index searches."""
    newest_delivery = connection.execute(select(func.max(deliveries.c.id))).scalar()
    found = [
        connection.execute(select(func.max(idempotency_keys.c.created_at))).scalar(),
        connection.execute(select(func.max(runs.c.started_at))).scalar(),
        connection.execute(select(func.max(runs.c.finished_at))).scalar(),
        None if newest_delivery is None else moment_of(newest_delivery),
    ]
    return max((moment for moment in found if moment is not None), default=None)


def server_offset(connection: Connection, now: datetime) -> timedelta | None:
    """Return how far the clock of PostgreSQL is ahead of `now`; None for the embedded database, which has no clock."""
    if connection.dialect.name != "postgresql":
        return None
    moment: datetime = connection.execute(text("select clock_timestamp()")).scalar_one()
    return moment.astimezone(UTC) - now
