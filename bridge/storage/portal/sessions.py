"""The sessions of buyers: each is good while its row is there and its time is not over."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, insert, select

from bridge.domain.portal.passes import Access
from bridge.storage.portal.tables import portal_sessions


@dataclass(frozen=True, slots=True)
class PortalSession:
    """A buyer's session: what they may see, and since when.

    `language` is empty where the browser decides, `return_url` where no way back is known.
    """

    store_id: int
    user_id: int
    access: Access
    language: str
    return_url: str
    began_at: datetime


def add(connection: Connection, id_hash: str, new: PortalSession) -> None:
    """Insert a session; only the hash of its id is stored."""
    connection.execute(
        insert(portal_sessions).values(
            id_hash=id_hash,
            store_id=new.store_id,
            user_id=new.user_id,
            access=new.access.value,
            language=new.language,
            return_url=new.return_url,
            began_at=new.began_at,
        )
    )


def find(connection: Connection, id_hash: str) -> PortalSession | None:
    """Return the session of that id."""
    row = connection.execute(select(portal_sessions).where(portal_sessions.c.id_hash == id_hash)).one_or_none()
    if row is None:
        return None
    return PortalSession(row.store_id, row.user_id, Access(row.access), row.language, row.return_url, row.began_at)


def remove(connection: Connection, id_hash: str) -> None:
    """Delete a session."""
    connection.execute(delete(portal_sessions).where(portal_sessions.c.id_hash == id_hash))


def keep_newest(connection: Connection, store_id: int, user_id: int, *, most: int) -> None:
    """Delete the oldest sessions of a user beyond this many."""
    mine = select(portal_sessions.c.id_hash).where(
        portal_sessions.c.store_id == store_id, portal_sessions.c.user_id == user_id
    )
    older = mine.order_by(portal_sessions.c.began_at.desc(), portal_sessions.c.id_hash).offset(most)
    # SQLite takes an offset only with a limit.
    hashes = list(connection.execute(older.limit(1000)).scalars())
    if hashes:
        connection.execute(delete(portal_sessions).where(portal_sessions.c.id_hash.in_(hashes)))
