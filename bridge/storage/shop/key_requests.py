"""Requests for shops' REST keys: each answered once, or never."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from bridge.domain.ops.clock import TOLERANCE
from bridge.domain.shop.authorization import LIFE
from bridge.storage.shop.tables import key_requests


@dataclass(frozen=True, slots=True)
class KeyRequest:
    """A request for a shop's keys.

    `store_id` is the store that gets them: None until a new one is made of
    `wanted`, which says what it will be.
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
    """Insert a request; only its state's hash is kept."""
    values: dict[str, Any] = {"store_id": store_id, "wanted": wanted, "created_at": now, "expires_at": expires_at}
    connection.execute(insert(key_requests).values(state_hash=state_hash, **values))


def use(connection: Connection, state_hash: str, *, now: datetime) -> KeyRequest | None:
    """Return the request, which is used up now; None when it is used, past or unknown.

    Of two answers that come at once the database lets one through.
    """
    row = connection.execute(
        update(key_requests)
        .where(
            key_requests.c.state_hash == state_hash,
            key_requests.c.used_at.is_(None),
            key_requests.c.expires_at > now,
            key_requests.c.expires_at <= now + LIFE + TOLERANCE,
        )
        .values(used_at=now)
        .returning(key_requests.c.store_id, key_requests.c.wanted, key_requests.c.expires_at, key_requests.c.used_at)
    ).one_or_none()
    return None if row is None else KeyRequest(row.store_id, row.wanted, row.expires_at, row.used_at)


def set_store(connection: Connection, state_hash: str, store_id: int) -> None:
    """Note the store that was made for a request."""
    connection.execute(
        update(key_requests).where(key_requests.c.state_hash == state_hash).values(store_id=store_id, wanted=None)
    )


def find(connection: Connection, state_hash: str) -> KeyRequest | None:
    """Return the request in any state."""
    row = connection.execute(select(key_requests).where(key_requests.c.state_hash == state_hash)).one_or_none()
    return None if row is None else KeyRequest(row.store_id, row.wanted, row.expires_at, row.used_at)


def drop_expired(connection: Connection, *, before: datetime) -> None:
    """Forget requests that ended before then."""
    connection.execute(delete(key_requests).where(key_requests.c.expires_at < before))
