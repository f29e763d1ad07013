"""Event endpoints: the receivers of events, their claims and their state."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import fields
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, delete, exists, func, insert, or_, select, update

from bridge.domain.events.events import LEASE, LONGEST_RETRY, MOST_REST_SECONDS, Endpoint, EventType
from bridge.storage.engine.bulk import among
from bridge.storage.engine.moments import is_due
from bridge.storage.events.deliveries import IS_PENDING
from bridge.storage.events.tables import event_deliveries, event_endpoints

_LONGEST_REST = timedelta(seconds=MOST_REST_SECONDS)
_NAMES = tuple(field.name for field in fields(Endpoint))
_COLUMNS = tuple(event_endpoints.c[name] for name in _NAMES)
_HEALTH = (
    "failures",
    "resting_until",
    "last_attempt_at",
    "last_delivered_at",
    "last_status",
    "last_error",
    "disabled_at",
    "disabled_reason",
)
_OPEN = (
    select(*_COLUMNS)
    .where(among(event_endpoints.c.store_id, "stores"), event_endpoints.c.disabled_at.is_(None))
    .order_by(event_endpoints.c.id)
    .with_for_update()
)


def add(connection: Connection, endpoint: Endpoint) -> None:
    """Store a new endpoint."""
    values = {name: getattr(endpoint, name) for name in _NAMES}
    values["types"] = None if endpoint.types is None else sorted(type_.value for type_ in endpoint.types)
    connection.execute(insert(event_endpoints).values(**values))


def list_for_store(connection: Connection, store_id: int) -> list[Endpoint]:
    """Return a store's endpoints, the oldest first; there are few."""
    statement = select(*_COLUMNS).where(event_endpoints.c.store_id == store_id).order_by(event_endpoints.c.id)
    return [_to_endpoint(row) for row in connection.execute(statement)]


def count(connection: Connection, store_id: int) -> int:
    """Return how many endpoints a store has."""
    statement = select(func.count()).select_from(event_endpoints).where(event_endpoints.c.store_id == store_id)
    return connection.execute(statement).scalar_one()


def lock(connection: Connection, endpoint_id: int) -> Endpoint | None:
    """Return an endpoint, locked until the transaction ends; changing its next event requires this lock."""
    row = connection.execute(
        select(*_COLUMNS).where(event_endpoints.c.id == endpoint_id).with_for_update()
    ).one_or_none()
    return None if row is None else _to_endpoint(row)


def lock_open(connection: Connection, store_ids: Collection[int]) -> list[Endpoint]:
    """Return the endpoints of these stores that are not disabled, locked in id order."""
    rows = connection.execute(_OPEN, {"stores": sorted(store_ids)})
    return [_to_endpoint(row) for row in rows]


def remove(connection: Connection, endpoint_id: int) -> None:
    """Delete an endpoint and its deliveries."""
    connection.execute(delete(event_endpoints).where(event_endpoints.c.id == endpoint_id))


def claim(connection: Connection, *, now: datetime, until: datetime, limit: int) -> list[Endpoint]:
    """Claim endpoints with due deliveries for this caller until a moment.

    Endpoints that are claimed by another caller or that rest are left out. The ones
    served longest ago come first.
    """
    table, due = event_endpoints, event_deliveries
    has_due = exists().where(
        due.c.endpoint_id == table.c.id, IS_PENDING, is_due(due.c.next_attempt_at, now=now, longest=LONGEST_RETRY)
    )
    free = (
        select(table.c.id)
        .where(
            table.c.disabled_at.is_(None),
            or_(table.c.claimed_until.is_(None), is_due(table.c.claimed_until, now=now, longest=LEASE)),
            or_(table.c.resting_until.is_(None), is_due(table.c.resting_until, now=now, longest=_LONGEST_REST)),
            has_due,
        )
        .order_by(table.c.last_attempt_at.asc().nulls_first(), table.c.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    ids = list(connection.execute(free).scalars())
    taken = update(table).where(table.c.id.in_(ids)).values(claimed_until=until).returning(*_COLUMNS)
    return [_to_endpoint(row) for row in connection.execute(taken)] if ids else []


def release(connection: Connection, endpoint: Endpoint) -> None:
    """Release a claimed endpoint, unless another caller has claimed it meanwhile."""
    connection.execute(
        update(event_endpoints)
        .where(event_endpoints.c.id == endpoint.id, event_endpoints.c.claimed_until == endpoint.claimed_until)
        .values(claimed_until=None)
    )


def set_health(connection: Connection, endpoint: Endpoint) -> None:
    """Store the state of an endpoint: failures, rest, last attempt, and whether it is disabled."""
    values = {name: getattr(endpoint, name) for name in _HEALTH}
    connection.execute(update(event_endpoints).where(event_endpoints.c.id == endpoint.id).values(**values))


def wake(connection: Connection, endpoint_id: int) -> None:
    """End an endpoint's rest, so that the next run tries it."""
    connection.execute(
        update(event_endpoints).where(event_endpoints.c.id == endpoint_id).values(failures=0, resting_until=None)
    )


def _to_endpoint(row: Row[Any]) -> Endpoint:
    values = {name: getattr(row, name) for name in _NAMES}
    types = row.types
    return Endpoint(**{**values, "types": None if types is None else frozenset(map(EventType, types))})
