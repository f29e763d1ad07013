"""The sessions of admins; a session is valid as long as its row exists."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, insert, or_, select, update

from bridge.domain.admin.admins import Admin, Role
from bridge.storage.admin.admins import to_admin
from bridge.storage.admin.tables import admin_sessions, admins


@dataclass(frozen=True, slots=True)
class Session:
    """An admin's session: when it began, and when it was last used.

    The roles of its admin are those that the session allows.
    """

    admin: Admin
    began_at: datetime
    seen_at: datetime


@dataclass(frozen=True, slots=True)
class ListedSession:
    """A session in the admin's list, with the browser and the address at the sign-in."""

    id_hash: str
    agent: str
    address: str
    began_at: datetime
    seen_at: datetime


def add(
    connection: Connection,
    id_hash: str,
    admin_id: int,
    *,
    limit: tuple[int, Role] | None = None,
    agent: str = "",
    address: str = "",
    now: datetime,
) -> None:
    """Insert a session; of its id, only the hash is stored. `limit` is its only store, and the highest role there."""
    store_id, role = (None, None) if limit is None else (limit[0], limit[1].value)
    connection.execute(
        insert(admin_sessions).values(
            id_hash=id_hash,
            admin_id=admin_id,
            began_at=now,
            seen_at=now,
            agent=agent[:200],
            address=address[:60],
            store_id=store_id,
            role=role,
        )
    )


def list_for(connection: Connection, admin_id: int) -> list[ListedSession]:
    """Return the sessions of an admin, the most recently used first."""
    mine = select(admin_sessions).where(admin_sessions.c.admin_id == admin_id)
    rows = connection.execute(mine.order_by(admin_sessions.c.seen_at.desc(), admin_sessions.c.id_hash))
    return [ListedSession(row.id_hash, row.agent, row.address, row.began_at, row.seen_at) for row in rows]


def remove_others(connection: Connection, admin_id: int, id_hash: str, *, only: str = "") -> int:
    """Delete all sessions of an admin except one, or `only` one of the others; return how many."""
    at = [admin_sessions.c.admin_id == admin_id, admin_sessions.c.id_hash != id_hash]
    if only:
        at.append(admin_sessions.c.id_hash == only)
    return connection.execute(delete(admin_sessions).where(*at)).rowcount


def find(connection: Connection, id_hash: str) -> Session | None:
    """Return the session with this id and its admin; one statement for an owner, two for other admins."""
    row = connection.execute(
        select(
            admins.c.id,
            admins.c.email,
            admins.c.role,
            admin_sessions.c.began_at,
            admin_sessions.c.seen_at,
            admin_sessions.c.store_id,
            admin_sessions.c.role.label("most"),
        )
        .join(admins, admins.c.id == admin_sessions.c.admin_id)
        .where(admin_sessions.c.id_hash == id_hash)
    ).one_or_none()
    if row is None:
        return None
    admin = to_admin(connection, row)
    if row.store_id is not None:
        admin = admin.limited_to(row.store_id, Role(row.most))
    return Session(admin, row.began_at, row.seen_at)


def mark_seen(connection: Connection, id_hash: str, *, now: datetime) -> None:
    """Record the last use of a session."""
    connection.execute(update(admin_sessions).where(admin_sessions.c.id_hash == id_hash).values(seen_at=now))


def remove(connection: Connection, id_hash: str) -> None:
    """Delete a session."""
    connection.execute(delete(admin_sessions).where(admin_sessions.c.id_hash == id_hash))


def remove_all(connection: Connection, admin_id: int) -> None:
    """Delete every session of an admin."""
    connection.execute(delete(admin_sessions).where(admin_sessions.c.admin_id == admin_id))


def prune(connection: Connection, *, began_before: datetime, seen_before: datetime) -> None:
    """Delete the sessions that have expired."""
    connection.execute(
        delete(admin_sessions).where(
            or_(admin_sessions.c.began_at <= began_before, admin_sessions.c.seen_at <= seen_before)
        )
    )


def keep_newest(connection: Connection, admin_id: int, *, most: int) -> None:
    """Delete the oldest sessions of an admin beyond this many."""
    mine = select(admin_sessions.c.id_hash).where(admin_sessions.c.admin_id == admin_id)
    older = mine.order_by(admin_sessions.c.began_at.desc(), admin_sessions.c.id_hash).offset(most)
    # SQLite accepts an offset only with a limit.
    hashes = list(connection.execute(older.limit(1000)).scalars())
    if hashes:
        connection.execute(delete(admin_sessions).where(admin_sessions.c.id_hash.in_(hashes)))
