"""The inbox: each delivery as it was received."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, func, insert, literal, select, text, update

from bridge.domain.shop.inbox import LONGEST_RETRY, Delivery, State
from bridge.storage.engine.moments import is_due
from bridge.storage.shop.tables import deliveries

_COLUMNS = (
    "id",
    "store_id",
    "received_at",
    "topic",
    "source",
    "shop_delivery",
    "webhook_id",
    "resource_id",
    "body",
    "state",
    "outcome",
    "attempts",
    "next_attempt_at",
    "processed_at",
    "held_for",
    "digest",
    "repeats",
    "repeated_at",
)
_ADD = insert(deliveries).values({name: bindparam(name) for name in _COLUMNS})
_LOCK = select(deliveries).where(deliveries.c.id == bindparam("wanted")).with_for_update(skip_locked=True)
_NEWEST = (
    select(deliveries).where(deliveries.c.store_id == bindparam("store")).order_by(deliveries.c.id.desc()).limit(5)
)
_LATEST = _NEWEST.where(deliveries.c.resource_id == bindparam("resource"))
_LATEST_OF_NONE = _NEWEST.where(deliveries.c.resource_id.is_(None))
_SETTLE = (
    update(deliveries)
    .where(deliveries.c.id == bindparam("wanted"))
    .values(
        state=bindparam("state"),
        outcome=bindparam("outcome"),
        processed_at=bindparam("processed_at"),
        next_attempt_at=None,
        attempts=deliveries.c.attempts + 1,
    )
)


def add(connection: Connection, delivery: Delivery) -> None:
    """Store a delivery."""
    values = {name: getattr(delivery, name) for name in _COLUMNS}
    connection.execute(_ADD, {**values, "state": delivery.state.value})


def lock(connection: Connection, delivery_id: int) -> Delivery | None:
    """Return a delivery, locked until the transaction ends; None if it is locked elsewhere or does not exist."""
    row = connection.execute(_LOCK, {"wanted": delivery_id}).one_or_none()
    return None if row is None else _to_delivery(row)


def find(connection: Connection, delivery_id: int) -> Delivery | None:
    """Return a delivery, without a lock."""
    row = connection.execute(select(deliveries).where(deliveries.c.id == delivery_id)).one_or_none()
    return None if row is None else _to_delivery(row)


def find_latest(connection: Connection, store_id: int, *, topic: str, resource_id: int | None) -> Delivery | None:
    """Return the newest delivery of a topic about a resource, if it is one of the latest few about it."""
    about = {"store": store_id, "resource": resource_id}
    rows = connection.execute(_LATEST_OF_NONE if resource_id is None else _LATEST, about).all()
    return next((_to_delivery(row) for row in rows if row.topic == topic), None)


def count_repeat(connection: Connection, delivery_id: int, *, now: datetime) -> None:
    """Count a repeated arrival of the same bytes."""
    connection.execute(
        update(deliveries)
        .where(deliveries.c.id == delivery_id)
        .values(repeats=deliveries.c.repeats + 1, repeated_at=now)
    )


def hold(connection: Connection, delivery_id: int, *, outcome: str) -> None:
    """Hold a delivery of another site until the owner accepts the site."""
    connection.execute(
        update(deliveries).where(deliveries.c.id == delivery_id).values(outcome=outcome, next_attempt_at=None)
    )


def release_held(connection: Connection, store_id: int, *, source: str, now: datetime) -> int:
    """Make the held deliveries of an accepted site due; return how many."""
    is_held = (deliveries.c.store_id == store_id) & deliveries.c.held_for.is_not(None)
    statement = (
        update(deliveries)
        .where(is_held, deliveries.c.held_for == source, deliveries.c.state == State.RECEIVED.value)
        .values(held_for=None, next_attempt_at=now, outcome="the site was accepted")
    )
    return connection.execute(statement).rowcount


def settle(connection: Connection, delivery_id: int, *, state: State, outcome: str, now: datetime) -> None:
    """Record the result of a delivery."""
    values = {"wanted": delivery_id, "state": state.value, "outcome": outcome, "processed_at": now}
    connection.execute(_SETTLE, values)


def postpone(connection: Connection, delivery_id: int, *, outcome: str, next_attempt_at: datetime) -> None:
    """Record that a delivery could not be processed, and when to retry."""
    connection.execute(
        update(deliveries)
        .where(deliveries.c.id == delivery_id)
        .values(
            state=State.RECEIVED.value,
            outcome=outcome,
            next_attempt_at=next_attempt_at,
            attempts=deliveries.c.attempts + 1,
        )
    )


def set_body(connection: Connection, delivery_id: int, body: bytes) -> None:
    """Replace the body of a delivery; its digest is deleted, since it was made of the whole body."""
    connection.execute(update(deliveries).where(deliveries.c.id == delivery_id).values(body=body, digest=None))


def list_due(connection: Connection, *, now: datetime, limit: int) -> list[int]:
    """Return the ids of deliveries whose next attempt is due, the oldest first."""
    statement = (
        select(deliveries.c.id)
        .where(
            deliveries.c.state == State.RECEIVED.value,
            is_due(deliveries.c.next_attempt_at, now=now, longest=LONGEST_RETRY),
        )
        .order_by(deliveries.c.next_attempt_at, deliveries.c.id)
        .limit(limit)
    )
    return list(connection.execute(statement).scalars())


def count_waiting(connection: Connection, *, limit: int) -> tuple[int, datetime | None]:
    """Return how many deliveries are not processed, counted up to a limit, and when the oldest arrived.

    Deliveries held for another site do not count.
    """
    # Written as in the partial index.
    waiting = (
        select(deliveries.c.received_at)
        .where(text("deliveries.state = 'received'"), deliveries.c.next_attempt_at.is_not(None))
        .order_by(deliveries.c.next_attempt_at)
        .limit(limit)
        .with_hint(deliveries, "INDEXED BY ix_deliveries_due", "sqlite")
        .subquery()
    )
    count, oldest = connection.execute(select(func.count(), func.min(waiting.c.received_at))).one()
    return int(count), oldest


def find_failing(connection: Connection, store_id: int) -> tuple[Delivery, int] | None:
    """Return the oldest failed delivery of a store that is retried, and how many there are; None if none."""
    # The state is written as in the partial index, and SQLite is told to use it: few rows wait.
    is_failing = (
        text("deliveries.state = 'received'"),
        deliveries.c.next_attempt_at.is_not(None),
        deliveries.c.store_id == store_id,
        deliveries.c.attempts > 0,
        deliveries.c.outcome.startswith("failed: "),
    )
    statement = select(func.min(deliveries.c.id), func.count()).where(*is_failing)
    oldest, count = connection.execute(statement.with_hint(deliveries, "INDEXED BY ix_deliveries_due", "sqlite")).one()
    first = find(connection, oldest) if count else None
    return None if first is None else (first, int(count))


def list_page(
    connection: Connection,
    *,
    store_id: int | None,
    state: State | None = None,
    resource_id: int | None = None,
    before: int | None = None,
    limit: int,
) -> list[Delivery]:
    """Return deliveries without their bodies, the newest first, at most `limit`, older than the id `before`.

    A body may have 10 MiB, so a list does not read the bodies.
    """
    statement = select(*(deliveries.c[name] for name in _COLUMNS if name != "body"), literal(b"").label("body"))
    if store_id is not None:
        statement = statement.where(deliveries.c.store_id == store_id)
    if state is State.HELD:
        statement = statement.where(deliveries.c.held_for.is_not(None), deliveries.c.next_attempt_at.is_(None))
        state = State.RECEIVED
    elif state is State.RECEIVED:
        statement = statement.where(deliveries.c.held_for.is_(None) | deliveries.c.next_attempt_at.is_not(None))
    if state is not None:
        statement = statement.where(deliveries.c.state == state.value)
    if resource_id is not None:
        statement = statement.where(deliveries.c.resource_id == resource_id)
    if before is not None:
        statement = statement.where(deliveries.c.id < before)
    rows = connection.execute(statement.order_by(deliveries.c.id.desc()).limit(limit))
    return [_to_delivery(row) for row in rows]


def _to_delivery(row: Row[*tuple[Any, ...]]) -> Delivery:
    values = {name: getattr(row, name) for name in _COLUMNS}
    return Delivery(**{**values, "state": State(row.state), "body": bytes(row.body)})
