"""Requests for REST keys of shops; each is answered at most once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from bridge.domain.shop.authorization import LIFE
from bridge.storage.engine import one_time
from bridge.storage.shop.tables import key_requests


@dataclass(frozen=True, slots=True)
class KeyRequest:
    """A request for the keys of a shop.

    `store_id` is the store that gets them; None until a new store is created from
    `wanted`, its settings.
    """

    store_id: int | None
    wanted: Mapping[str, str] | None
    expires_at: datetime
    used_at: datetime | None


def add(
    connection: Connection,
    state_hash: str,
    *,
    store_id: int | None,
    wanted: Mapping[str, str] | None,
    now: datetime,
    expires_at: datetime,
) -> None:
    """Insert a request; of its state, only the hash is stored."""
    values: dict[str, Any] = {"store_id": store_id, "wanted": wanted, "created_at": now, "expires_at": expires_at}
    connection.execute(insert(key_requests).values(state_hash=state_hash, **values))


def use(connection: Connection, state_hash: str, *, now: datetime) -> KeyRequest | None:
    """Return the request and mark it as used; None if it was used, has expired or is unknown.

    If two shops answer at the same moment, only one of them gets the request.
    """
    row = one_time.use(connection, key_requests.c.state_hash, state_hash, life=LIFE, now=now)
    return None if row is None else KeyRequest(row.store_id, row.wanted, row.expires_at, row.used_at)


def set_store(connection: Connection, state_hash: str, store_id: int) -> None:
    """Record the store that was created for a request."""
    connection.execute(
        update(key_requests).where(key_requests.c.state_hash == state_hash).values(store_id=store_id, wanted=None)
    )


def find(connection: Connection, state_hash: str) -> KeyRequest | None:
    """Return the request in any state."""
    row = connection.execute(select(key_requests).where(key_requests.c.state_hash == state_hash)).one_or_none()
    return None if row is None else KeyRequest(row.store_id, row.wanted, row.expires_at, row.used_at)


def drop_expired(connection: Connection, *, before: datetime) -> None:
    """Delete requests that ended before a moment."""
    connection.execute(delete(key_requests).where(key_requests.c.expires_at < before))
