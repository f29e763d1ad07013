"""Connect codes; each is used at most once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from bridge.domain.shop.connect_codes import LIFE
from bridge.storage.engine import one_time
from bridge.storage.shop.tables import connect_codes


@dataclass(frozen=True, slots=True)
class ConnectCode:
    """A code without its secret.

    `store_id` is the store that the code connects; None for one that creates a store
    and was not used yet. `made_by` is the admin or the command line.
    """

    id: int
    store_id: int | None
    made_by: str
    expires_at: datetime
    used_at: datetime | None


def add(
    connection: Connection,
    code_id: int,
    code_hash: str,
    *,
    store_id: int | None,
    made_by: str,
    now: datetime,
    expires_at: datetime,
) -> None:
    """Insert a code; of its secret, only the hash is stored."""
    values = {"store_id": store_id, "made_by": made_by, "created_at": now, "expires_at": expires_at}
    connection.execute(insert(connect_codes).values(id=code_id, code_hash=code_hash, **values))


def use(connection: Connection, code_hash: str, *, now: datetime) -> ConnectCode | None:
    """Return the code and mark it as used; None if it was used, has expired or is unknown."""
    row = one_time.use(connection, connect_codes.c.code_hash, code_hash, life=LIFE, now=now)
    return None if row is None else _to_code(row)


def set_store(connection: Connection, code_id: int, store_id: int) -> None:
    """Record the store that was created with a code."""
    connection.execute(update(connect_codes).where(connect_codes.c.id == code_id).values(store_id=store_id))


def find(connection: Connection, code_hash: str) -> ConnectCode | None:
    """Return the code with this hash in any state."""
    return _find(connection, connect_codes.c.code_hash == code_hash)


def find_by_id(connection: Connection, code_id: int) -> ConnectCode | None:
    """Return the code with this id in any state."""
    return _find(connection, connect_codes.c.id == code_id)


def drop_expired(connection: Connection, *, before: datetime) -> None:
    """Delete codes that ended before a moment."""
    connection.execute(delete(connect_codes).where(connect_codes.c.expires_at < before))


def _find(connection: Connection, condition: Any) -> ConnectCode | None:
    row = connection.execute(select(connect_codes).where(condition)).one_or_none()
    return None if row is None else _to_code(row)


def _to_code(row: Row[Any]) -> ConnectCode:
    return ConnectCode(row.id, row.store_id, row.made_by, row.expires_at, row.used_at)
