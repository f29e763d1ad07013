"""The audit log: every change of a setting, a key or an admin, with the values before and after."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import Any

from bridge.storage.engine.database import Connection
from bridge.storage.stores import changes
from bridge.storage.stores.changes import Change, NamedChange

__all__ = ["Change", "NamedChange", "Subject", "list_page", "record", "record_all"]


class Subject(StrEnum):
    """The kind of record that a change concerns."""

    STORE = "store"
    MODULE = "module"
    LIMIT = "limit"
    PRICE = "price"
    PACKAGE = "package"
    OVERRIDE = "override"
    RESET = "reset"
    ACCESS_KEY = "access_key"
    EVENT_ENDPOINT = "event_endpoint"
    SHOP_KEYS = "shop_keys"
    CONNECT_CODE = "connect_code"
    LINKED_SITE = "linked_site"
    USER = "user"
    ADMIN = "admin"


def record(
    connection: Connection,
    store_id: int | None,
    subject: Subject,
    name: str,
    *,
    before: Any,
    after: Any,
    actor: str,
    now: datetime,
) -> None:
    """Record a change in the transaction that makes it; nothing where the values are equal.

    `before` and `after` are JSON values without secrets, None where there is
    nothing. `store_id` is None for a change of the whole installation.
    """
    record_all(connection, store_id, subject, [NamedChange(name, before, after)], actor=actor, now=now)


def record_all(
    connection: Connection,
    store_id: int | None,
    subject: Subject,
    found: Iterable[NamedChange],
    *,
    actor: str,
    now: datetime,
) -> None:
    """Record several changes of one kind, as `record` does, in one statement."""
    real = [change for change in found if change.before != change.after]
    changes.add(connection, real, store_id=store_id, actor=actor, subject=subject.value, now=now)


def list_page(
    connection: Connection,
    store_id: int | None,
    *,
    before: int | None = None,
    after: int | None = None,
    subject: str | None = None,
    limit: int,
) -> list[Change]:
    """Return recorded changes, the newest first: those just older than the id `before`, or just newer than `after`."""
    return changes.list_page(connection, store_id, before=before, after=after, subject=subject, limit=limit)
