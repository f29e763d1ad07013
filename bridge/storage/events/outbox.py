"""The outbox: waiting events, written in the transaction of the change they report."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, and_, func, or_, select, text, update

from bridge.domain.events.events import Event, EventType, NewEvent
from bridge.storage.accounts.tables import accounts
from bridge.storage.engine.bulk import Writer, among
from bridge.storage.engine.ids import moment_of
from bridge.storage.events.tables import event_deliveries, outbox
from bridge.storage.stores.tables import stores

_INSERT = Writer(outbox, ("id", "store_id", "account_id", "type", "payload", "created_at"))
# Written out, not bound: with a parameter, an engine would not use the partial index.
_IS_WAITING = text("fanned_out_at is null")
_MARK = update(outbox).where(among(outbox.c.id, "ids"))
_ADDRESSED = select(outbox.c.id, outbox.c.store_id, outbox.c.type, func.coalesce(outbox.c.account_id, 0).label("lane"))


@dataclass(frozen=True, slots=True)
class Addressed:
    """The fields of an event that decide its receivers; `account_id` is 0 for an event of the store itself."""

    id: int
    store_id: int
    account_id: int
    type: EventType


@dataclass(frozen=True, slots=True)
class Place:
    """The event after which a list continues, in the order of time and id."""

    created_at: datetime
    id: int


def add(connection: Connection, events: Iterable[NewEvent]) -> None:
    """Store the events with one statement; without any, no statement is sent.

    A job determines the receivers later, so a spend writes only one row.
    """
    _INSERT.write(
        connection,
        (
            (event.id, event.store_id, event.account_id, event.type.value, dict(event.payload), event.created_at)
            for event in events
        ),
    )


def lock_waiting(connection: Connection, *, limit: int) -> list[Addressed]:
    """Return the oldest events without deliveries, locked; events locked by another process are left out.

    Each event is marked, because a cursor over ids could miss one: a transaction may
    commit after another one with higher ids.
    """
    statement = _ADDRESSED.where(_IS_WAITING).order_by(outbox.c.id).limit(limit).with_for_update(skip_locked=True)
    return [_to_addressed(row) for row in connection.execute(statement)]


def mark_handed_out(connection: Connection, event_ids: Collection[int], *, now: datetime) -> None:
    """Mark events that now have a delivery for each of their endpoints."""
    connection.execute(_MARK.values(fanned_out_at=now), {"ids": list(event_ids)})


def count_unsent(connection: Connection, *, limit: int) -> tuple[int, datetime | None]:
    """Return how many events are not sent, up to a limit for each kind, and when the oldest was created.

    An event for several endpoints counts once for each.
    """
    new = select(outbox.c.id).where(_IS_WAITING).order_by(outbox.c.id).limit(limit)
    # Written as in the partial index.
    due = select(event_deliveries.c.event_id.label("id")).where(text("event_deliveries.state = 'pending'")).limit(limit)
    parts = (
        new.with_hint(outbox, "INDEXED BY ix_outbox_waiting", "sqlite").subquery(),
        due.with_hint(event_deliveries, "INDEXED BY ix_event_deliveries_pending", "sqlite").subquery(),
    )
    found = [connection.execute(select(func.count(), func.min(part.c.id))).one() for part in parts]
    oldest = min((first for _, first in found if first is not None), default=None)
    return sum(int(count) for count, _ in found), None if oldest is None else moment_of(oldest)


def list_since(
    connection: Connection, store_id: int, *, since: datetime, after: Place | None, limit: int
) -> list[tuple[Addressed, Place]]:
    """Return a store's events with deliveries since a moment, the oldest first."""
    statement = _ADDRESSED.add_columns(outbox.c.created_at).where(
        outbox.c.store_id == store_id, outbox.c.created_at >= since, outbox.c.fanned_out_at.is_not(None)
    )
    if after is not None:
        later = and_(outbox.c.created_at == after.created_at, outbox.c.id > after.id)
        statement = statement.where(
            outbox.c.created_at >= after.created_at, or_(outbox.c.created_at > after.created_at, later)
        )
    rows = connection.execute(statement.order_by(outbox.c.created_at, outbox.c.id).limit(limit))
    return [(_to_addressed(row), Place(row.created_at, row.id)) for row in rows]


def find_addressed(connection: Connection, store_id: int, event_id: int) -> Addressed | None:
    """Return an event of a store, if it has deliveries."""
    row = connection.execute(
        _ADDRESSED.where(outbox.c.id == event_id, outbox.c.store_id == store_id, outbox.c.fanned_out_at.is_not(None))
    ).one_or_none()
    return None if row is None else _to_addressed(row)


def find_place(connection: Connection, store_id: int, event_id: int) -> Place | None:
    """Return the place of an event in the lists of its store."""
    statement = select(outbox.c.created_at).where(outbox.c.id == event_id, outbox.c.store_id == store_id)
    created_at = connection.execute(statement).scalar_one_or_none()
    return None if created_at is None else Place(created_at, event_id)


def list_page(connection: Connection, store_id: int, *, before: Place | None, limit: int) -> list[Event]:
    """Return at most `limit` events of a store before a place, the newest first."""
    statement = select_events().where(outbox.c.store_id == store_id)
    if before is not None:
        earlier = and_(outbox.c.created_at == before.created_at, outbox.c.id < before.id)
        statement = statement.where(
            outbox.c.created_at <= before.created_at, or_(outbox.c.created_at < before.created_at, earlier)
        )
    rows = connection.execute(statement.order_by(outbox.c.created_at.desc(), outbox.c.id.desc()).limit(limit))
    return [to_event(row) for row in rows]


def select_events() -> Select[Any]:
    """Return the query for events with their store and user, whose rows `to_event` reads."""
    tables = outbox.join(stores, stores.c.id == outbox.c.store_id)
    tables = tables.outerjoin(accounts, accounts.c.id == outbox.c.account_id)
    columns: Sequence[Any] = (
        outbox.c.id,
        stores.c.slug,
        accounts.c.user_id,
        outbox.c.type,
        outbox.c.payload,
        outbox.c.created_at,
    )
    return select(*columns).select_from(tables)


def to_event(row: Row[Any]) -> Event:
    """Return the event of a row of `select_events`."""
    return Event(row.id, row.slug, row.user_id, EventType(row.type), row.payload, row.created_at)


def _to_addressed(row: Row[*tuple[Any, ...]]) -> Addressed:
    return Addressed(row.id, row.store_id, row.lane, EventType(row.type))
