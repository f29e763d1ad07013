"""The roles that accounts had before each change of them, to explain earlier decisions."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection, bindparam, delete, select

from bridge.domain.accounts.accounts import Account
from bridge.storage.accounts.tables import accounts, role_changes
from bridge.storage.engine.bulk import Writer, among
from bridge.storage.engine.ids import first_id_at, new_ids

BEGINNING = "roles_recorded"
"""The name under which an update recorded when changes of roles began to be recorded."""
_LATE = timedelta(minutes=1)
"""How much earlier than its row's moment an id may be made, where the clock of a process is set back."""
_ADD = Writer(role_changes, ("account_id", "id", "roles", "changed_at"))
_OLDER = select(accounts.c.id).where(
    among(accounts.c.id, "ids"), accounts.c.created_at < bindparam("now", type_=accounts.c.created_at.type)
)


def add(connection: Connection, before: Sequence[Account], *, now: datetime) -> None:
    """Record the roles of accounts as they were before a change of roles in this transaction.

    An account that is created in this transaction had none: its first roles follow no others.
    """
    bare = [account.id for account in before if not account.roles]
    older = set(connection.execute(_OLDER, {"ids": bare, "now": now}).scalars()) if bare else set()
    changed = [account for account in before if account.roles or account.id in older]
    ids = new_ids(len(changed))
    _ADD.write(
        connection,
        [(account.id, id_, list(account.roles), now) for id_, account in zip(ids, changed, strict=True)],
    )


def find_at(connection: Connection, account_id: int, *, at: datetime) -> tuple[str, ...] | None:
    """Return the roles that an account had at a moment; None where none were recorded later: it has them still.

    A change at that very moment counts as made: a spend decides by the roles that it states.
    """
    statement = select(role_changes.c.roles).where(
        role_changes.c.account_id == account_id,
        role_changes.c.id >= first_id_at(at - _LATE),
        role_changes.c.changed_at > at,
    )
    found = connection.execute(statement.order_by(role_changes.c.id).limit(1)).scalar_one_or_none()
    return None if found is None else tuple(found)


def remove(connection: Connection, account_ids: Collection[int]) -> None:
    """Delete what is recorded of accounts, because their person is erased."""
    connection.execute(delete(role_changes).where(role_changes.c.account_id.in_(account_ids)))
