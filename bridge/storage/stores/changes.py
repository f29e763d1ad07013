"""Recorded changes of settings, keys and admins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select

from bridge.storage.engine.ids import first_id_at, new_id
from bridge.storage.stores.tables import changes


@dataclass(frozen=True, slots=True)
class Change:
    """One change: who made it, its subject, and the values before and after; None for no value."""

    id: int
    store_id: int | None
    actor: str
    subject: str
    name: str
    before: Any
    after: Any
    created_at: datetime


@dataclass(frozen=True, slots=True)
class NamedChange:
    """The subject of one of several changes, and the values before and after; None for no value."""

    name: str
    before: Any
    after: Any


def add(
    connection: Connection,
    found: Sequence[NamedChange],
    *,
    store_id: int | None,
    actor: str,
    subject: str,
    now: datetime,
) -> None:
    """Insert changes of one kind, in one statement."""
    if not found:
        return
    rows = [
        {
            "id": new_id(),
            "store_id": store_id,
            "actor": actor,
            "subject": subject,
            "name": change.name[:200],
            "before": change.before,
            "after": change.after,
            "created_at": now,
        }
        for change in found
    ]
    connection.execute(insert(changes), rows)


def list_since(
    connection: Connection, store_id: int, subjects: Sequence[str], *, since: datetime, limit: int
) -> list[Change]:
    """Return the changes of these subjects from a moment on, the newest first, at most `limit`."""
    statement = select(changes).where(
        changes.c.store_id == store_id,
        changes.c.id >= first_id_at(since),
        changes.c.created_at >= since,
        changes.c.subject.in_(subjects),
    )
    return [Change(**row._mapping) for row in connection.execute(statement.order_by(changes.c.id.desc()).limit(limit))]


def list_of(
    connection: Connection,
    store_id: int,
    subject: str,
    name: str,
    *,
    since: datetime,
    until: datetime | None,
    limit: int,
) -> list[Change]:
    """Return the changes of one subject from `since` on and before `until`, the oldest first, at most `limit`."""
    statement = select(changes).where(
        changes.c.store_id == store_id,
        changes.c.id >= first_id_at(since),
        changes.c.created_at >= since,
        changes.c.subject == subject,
        changes.c.name == name,
    )
    if until is not None:
        statement = statement.where(changes.c.created_at < until)
    return [Change(**row._mapping) for row in connection.execute(statement.order_by(changes.c.id).limit(limit))]


def first_of(connection: Connection, store_id: int) -> Change | None:
    """Return the first recorded change of a store."""
    statement = select(changes).where(changes.c.store_id == store_id).order_by(changes.c.id).limit(1)
    row = connection.execute(statement).one_or_none()
    return None if row is None else Change(**row._mapping)


def list_page(
    connection: Connection,
    store_id: int | None,
    *,
    before: int | None,
    after: int | None,
    subject: str | None,
    limit: int,
) -> list[Change]:
    """Return changes of a store, or of the installation for None, the newest first.

    Changes older than the id `before`, or the next ones newer than `after`.
    """
    # PostgreSQL has no index for IS NOT DISTINCT FROM.
    of_store = changes.c.store_id.is_(None) if store_id is None else changes.c.store_id == store_id
    statement = select(changes).where(of_store)
    if before is not None:
        statement = statement.where(changes.c.id < before)
    if subject is not None:
        statement = statement.where(changes.c.subject == subject)
    if after is not None:
        newer = statement.where(changes.c.id > after).order_by(changes.c.id).limit(limit)
        return [Change(**row._mapping) for row in reversed(connection.execute(newer).all())]
    rows = connection.execute(statement.order_by(changes.c.id.desc()).limit(limit))
    return [Change(**row._mapping) for row in rows]
