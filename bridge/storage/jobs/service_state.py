"""Values that the running service records about itself for commands and other processes."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, insert, select, update

from bridge.storage.jobs.tables import service_state


class Recorded(NamedTuple):
    """A recorded value, and when it was recorded."""

    value: str
    recorded_at: datetime


def find(connection: Connection, name: str) -> Recorded | None:
    """Return the value recorded under a name."""
    columns = (service_state.c.value, service_state.c.recorded_at)
    row = connection.execute(select(*columns).where(service_state.c.name == name)).one_or_none()
    return None if row is None else Recorded(row.value, row.recorded_at)


def put(connection: Connection, name: str, value: str, *, now: datetime) -> None:
    """Record a value, replacing an earlier one."""
    values = {"value": value, "recorded_at": now}
    changed = connection.execute(update(service_state).where(service_state.c.name == name).values(**values))
    if not changed.rowcount:
        connection.execute(insert(service_state).values(name=name, **values))
