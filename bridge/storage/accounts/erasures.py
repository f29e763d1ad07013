"""Erasures of persons, and the accounts that were erased."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select, text, update

from bridge.storage.accounts import role_changes
from bridge.storage.accounts.tables import accounts, erasures
from bridge.storage.engine.bulk import among
from bridge.storage.stores.tables import stores

_ERASED = select(accounts.c.user_id, accounts.c.erased_at).where(
    among(accounts.c.user_id, "users"), accounts.c.erased_at.is_not(None)
)


@dataclass(frozen=True, slots=True)
class Erasure:
    """An erasure of a person.

    `terms` are the texts that are searched for and replaced, `position` is the table
    that is searched and the key of its last row; both None at the end. `replaced`
    counts the rows in which a text was replaced.
    """

    id: int
    store_id: int
    account_id: int
    actor: str
    created_at: datetime
    terms: dict[str, list[str]] | None
    position: list[Any] | None
    replaced: int
    finished_at: datetime | None


def erased_users(connection: Connection, store_id: int, users: Collection[int]) -> dict[int, datetime]:
    """Return when these users of a store were last erased; others are left out."""
    if not users:
        return {}
    rows = connection.execute(_ERASED.where(accounts.c.store_id == store_id), {"users": sorted(users)})
    return {row.user_id: row.erased_at for row in rows}


def mark_returned(connection: Connection, store_id: int, users: Collection[int]) -> None:
    """Let the profiles of erased users be stored again, and those of the accounts they were merged into."""
    of_users = (accounts.c.store_id == store_id, accounts.c.user_id.in_(sorted(users)), accounts.c.is_erased)
    found = connection.execute(select(accounts.c.id, accounts.c.merged_into).where(*of_users)).all()
    ids = sorted({id_ for row in found for id_ in row if id_ is not None})
    connection.execute(update(accounts).where(accounts.c.id.in_(ids)).values(is_erased=False))


def erase_accounts(connection: Connection, account_ids: Sequence[int], *, now: datetime) -> None:
    """Delete the profiles of locked accounts and the record of their roles; their balances stay."""
    role_changes.remove(connection, account_ids)
    connection.execute(
        update(accounts)
        .where(accounts.c.id.in_(account_ids))
        .values(
            email=None,
            email_key=None,
            name=None,
            name_key=None,
            search_key=None,
            roles=[],
            is_erased=True,
            erased_at=now,
            confirm_paid=False,
        )
    )


def note_in_store(connection: Connection, store_id: int) -> None:
    """Record that the store has erased persons; the caller changes the version of its settings."""
    connection.execute(update(stores).where(stores.c.id == store_id).values(has_erased=True))


def add(connection: Connection, erasure: Erasure) -> None:
    """Insert an erasure."""
    values = {name: getattr(erasure, name) for name in Erasure.__slots__}
    connection.execute(insert(erasures).values(**values))


def find_latest(connection: Connection, account_ids: Collection[int]) -> Erasure | None:
    """Return the latest erasure of these accounts."""
    statement = select(erasures).where(erasures.c.account_id.in_(sorted(account_ids)))
    row = connection.execute(statement.order_by(erasures.c.id.desc()).limit(1)).one_or_none()
    return None if row is None else _to_erasure(row)


def lock_open(connection: Connection, erasure_id: int | None = None) -> Erasure | None:
    """Return the oldest erasure that is not finished, or that one, locked; None if another process has it."""
    # Written out as the partial index has it.
    statement = select(erasures).where(text("finished_at is null"))
    if erasure_id is not None:
        statement = statement.where(erasures.c.id == erasure_id)
    row = connection.execute(statement.order_by(erasures.c.id).limit(1).with_for_update(skip_locked=True)).one_or_none()
    return None if row is None else _to_erasure(row)


def advance(
    connection: Connection, erasure: Erasure, position: list[Any] | None, *, replaced: int, finished_at: datetime | None
) -> None:
    """Write how far the search of a locked erasure is; at the end the searched texts are deleted."""
    values: dict[str, Any] = {"position": position, "replaced": erasure.replaced + replaced}
    if finished_at is not None:
        values |= {"finished_at": finished_at, "terms": None, "position": None}
    connection.execute(update(erasures).where(erasures.c.id == erasure.id).values(**values))


def _to_erasure(row: Row[Any]) -> Erasure:
    return Erasure(**{name: getattr(row, name) for name in Erasure.__slots__})
