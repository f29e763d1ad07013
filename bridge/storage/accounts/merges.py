"""Records of merges, and the account that a merged one is part of."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Row, Select, select, update

from bridge.domain.accounts.accounts import Account
from bridge.domain.events.events import Alert
from bridge.storage.accounts.tables import accounts, merges
from bridge.storage.engine.bulk import Writer, among

_COLUMNS = (
    "id",
    "store_id",
    "account_id",
    "into_id",
    "balance",
    "debt",
    "purchased",
    "actor",
    "reason",
    "created_at",
)
_ADD = Writer(merges, _COLUMNS)
_IDS = select(merges.c.id, merges.c.account_id).where(among(merges.c.account_id, "ids"))


@dataclass(frozen=True, slots=True)
class Merge:
    """One merge: the account that was emptied, the one that received it, and the tokens and debt that moved."""

    id: int
    store_id: int
    account_id: int
    into_id: int
    balance: int
    debt: int
    purchased: int
    actor: str
    reason: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class MergedUser:
    """A merge with the users of its two accounts as they are named now."""

    merge: Merge
    user_id: int
    name: str | None
    email: str | None
    into_user_id: int


def add(connection: Connection, merge: Merge) -> None:
    """Store a merge, close its account, and move what counts as purchased to the other; both are locked."""
    _ADD.write(connection, [tuple(getattr(merge, name) for name in _COLUMNS)])
    connection.execute(
        update(accounts)
        .where(accounts.c.id == merge.account_id)
        .values(
            balance=0,
            debt=0,
            purchased=0,
            alert=Alert.NEW.value,
            alerted_below=None,
            merged_into=merge.into_id,
            updated_at=merge.created_at,
        )
    )
    connection.execute(
        update(accounts).where(accounts.c.id == merge.into_id).values(purchased=accounts.c.purchased + merge.purchased)
    )
    # Accounts that were merged into this one before: each points to the account that pays.
    connection.execute(
        update(accounts).where(accounts.c.merged_into == merge.account_id).values(merged_into=merge.into_id)
    )


def purchased_of(connection: Connection, account_id: int) -> int:
    """Return what counts as purchased by an account, in tokens."""
    return int(connection.execute(select(accounts.c.purchased).where(accounts.c.id == account_id)).scalar_one())


def ids_of(connection: Connection, account_ids: Collection[int]) -> dict[int, int]:
    """Return the merge of each of these accounts; those that were not merged are left out."""
    return {row.account_id: row.id for row in connection.execute(_IDS, {"ids": sorted(account_ids)})}


def list_members(connection: Connection, account_id: int) -> list[int]:
    """Return the accounts that were merged into this one, directly or by way of others, in id order."""
    found = select(accounts.c.id).where(accounts.c.merged_into == account_id).order_by(accounts.c.id)
    return list(connection.execute(found).scalars())


def find_of(connection: Connection, account: Account) -> MergedUser | None:
    """Return the merge that closed an account; None for an account of its own."""
    row = connection.execute(_named().where(merges.c.account_id == account.id)).one_or_none()
    return None if row is None else _to_merged(row)


def list_into(connection: Connection, account: Account, *, before: int | None, limit: int) -> list[MergedUser]:
    """Return the merges whose accounts are part of this one now, the newest first, older than the id `before`."""
    statement = _named().where(_SOURCE.c.merged_into == account.id)
    if before is not None:
        statement = statement.where(merges.c.id < before)
    rows = connection.execute(statement.order_by(merges.c.id.desc()).limit(limit))
    return [_to_merged(row) for row in rows]


_SOURCE = accounts.alias("source")
_TARGET = accounts.alias("target")


def _named() -> Select[*tuple[object, ...]]:
    """Return merges with the users of both accounts; the second is the account that pays now."""
    return (
        select(
            merges,
            _SOURCE.c.user_id.label("user"),
            _SOURCE.c.name,
            _SOURCE.c.email,
            _TARGET.c.user_id.label("into_user"),
        )
        .join(_SOURCE, _SOURCE.c.id == merges.c.account_id)
        .join(_TARGET, _TARGET.c.id == _SOURCE.c.merged_into)
    )


def _to_merged(row: Row[*tuple[object, ...]]) -> MergedUser:
    values = {name: getattr(row, name) for name in _COLUMNS}
    return MergedUser(Merge(**values), row.user, row.name, row.email, row.into_user)
