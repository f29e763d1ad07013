"""Accounts of users and guests: find, create and lock them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, bindparam, func, select, update

from bridge.domain.accounts.accounts import MAX_NAME, Account, Profile, Who, normalize_email, search_text
from bridge.domain.events.events import Alert
from bridge.storage.accounts import former_contacts, role_changes
from bridge.storage.accounts.tables import accounts
from bridge.storage.engine.bulk import Writer, among
from bridge.storage.engine.failures import TryAgain
from bridge.storage.engine.ids import new_ids
from bridge.storage.engine.key_lookup import Seek

_COLUMNS = tuple(accounts.c[field] for field in Account._fields)
_GET = select(*_COLUMNS).where(accounts.c.id == bindparam("id"))
_LOOK = select(*_COLUMNS).where(among(accounts.c.id, "ids"))
_LOCK = select(*_COLUMNS).where(among(accounts.c.id, "ids")).order_by(accounts.c.id).with_for_update(key_share=True)
_BY_USER = Seek(accounts, ("store_id", "user_id", "id", "merged_into"), keys=("store_id", "user_id"))
_BY_GUEST = Seek(accounts, ("store_id", "guest_hash", "id"), keys=("store_id", "guest_hash"))
_NEW = ("id", "store_id", "user_id", "guest_hash", "roles", "created_at", "updated_at")
_INSERT_USERS = Writer(accounts, _NEW, keys=("store_id", "user_id"))
_INSERT_GUESTS = Writer(accounts, _NEW, keys=("store_id", "guest_hash"))
_MOVED = ("balance", "debt", "alert", "alerted_below", "last_grant", "updated_at")
_SET_BALANCES = Writer(
    accounts,
    ("id", *_MOVED),
    keys=("id",),
    replace=_MOVED,
    is_update=True,
)
_SET_PROFILES = Writer(
    accounts,
    ("id", "email", "email_key", "name", "name_key", "search_key", "roles", "updated_at"),
    keys=("id",),
    replace=("email", "email_key", "name", "name_key", "search_key", "roles", "updated_at"),
    is_update=True,
)
_PERSON = func.coalesce(accounts.c.merged_into, accounts.c.id)
_BY_EMAIL = (
    select(func.min(_PERSON).label("id"), accounts.c.email_key)
    .where(accounts.c.store_id == bindparam("store"), among(accounts.c.email_key, "emails"))
    .group_by(accounts.c.email_key)
    .having(func.count(_PERSON.distinct()) == 1)
)
_ROLES, _ALERT = Account._fields.index("roles"), Account._fields.index("alert")
_ALERTS = {alert.value: alert for alert in Alert}

AccountKey = tuple[int, int | str]
"""The key of an account: its store, and the user id or the hash of the guest."""


def place_of(store_id: int, who: Who) -> AccountKey:
    """Return the place of an account."""
    return (store_id, who.user_id if isinstance(who, Profile) else who.guest_hash)


def lock(connection: Connection, account_ids: Collection[int], *, with_merged: bool = False) -> dict[int, Account]:
    """Lock these accounts, in id order, until the transaction ends.

    The order prevents a deadlock of two batches that share accounts. Ids that do not
    exist are left out. Raises `TryAgain` for an account that was merged into another
    one, unless it is wanted `with_merged`: its ledger is closed, and a repeated
    transaction finds the other account.
    """
    locked = _by_id(connection.execute(_LOCK, {"ids": sorted(account_ids)}))
    if not with_merged and any(account.merged_into is not None for account in locked.values()):
        raise TryAgain("an account was merged into another one meanwhile")
    return locked


def look(connection: Connection, account_ids: Collection[int]) -> dict[int, Account]:
    """Return these accounts without a lock; without ids no statement is sent."""
    if not account_ids:
        return {}
    return _by_id(connection.execute(_LOOK, {"ids": sorted(account_ids)}))


def locate(connection: Connection, places: Iterable[AccountKey], *, follow: bool = True) -> dict[AccountKey, int]:
    """Return the ids of the accounts with these keys; accounts that do not exist are left out.

    For a merged account it is the id of the one it was merged into; its own without
    `follow`.
    """
    places = set(places)
    users = [place for place in places if isinstance(place[1], int)]
    guests = [place for place in places if isinstance(place[1], str)]
    found: dict[AccountKey, int] = {(store, who): id_ for store, who, id_ in _BY_GUEST.find(connection, guests)}
    for store, user, id_, merged_into in _BY_USER.find(connection, users):
        found[store, user] = merged_into if follow and merged_into is not None else id_
    return found


def locate_or_add(
    connection: Connection, places: Iterable[AccountKey], *, follow: bool = True, now: datetime
) -> dict[AccountKey, int]:
    """Return the ids of the accounts with these keys, as `locate` does; missing accounts are created."""
    places = set(places)
    found = locate(connection, places, follow=follow)
    missing = sorted(places - found.keys(), key=str)
    if not missing:
        return found
    ids = new_ids(len(missing))
    rows: list[tuple[Any, ...]] = [
        (id_, store, who if isinstance(who, int) else None, None if isinstance(who, int) else who, [], now, now)
        for id_, (store, who) in zip(ids, missing, strict=True)
    ]
    _INSERT_USERS.write(connection, [row for row in rows if row[2] is not None])
    _INSERT_GUESTS.write(connection, [row for row in rows if row[3] is not None])
    # Read again: another process may have just created the same account.
    return found | locate(connection, missing, follow=follow)


def find(connection: Connection, *, store_id: int, user_id: int, follow: bool = True) -> Account | None:
    """Return the account of one user of a store.

    For one that was merged it is the account it was merged into; its own without
    `follow`.
    """
    statement = select(*_COLUMNS).where(accounts.c.store_id == store_id, accounts.c.user_id == user_id)
    row = connection.execute(statement).one_or_none()
    if row is None:
        return None
    if follow and row.merged_into is not None:
        return get(connection, row.merged_into)
    return to_account(row)


def is_erased(connection: Connection, store_id: int, user_id: int) -> bool:
    """Return whether the person of a user was erased."""
    statement = select(accounts.c.is_erased).where(accounts.c.store_id == store_id, accounts.c.user_id == user_id)
    return bool(connection.execute(statement).scalar())


def get(connection: Connection, account_id: int) -> Account:
    """Return the account with this id, which must exist."""
    return to_account(connection.execute(_GET, {"id": account_id}).one())


class Times(NamedTuple):
    """When an account was created and last changed (balance, profile or roles), and its person was last erased."""

    created_at: datetime
    updated_at: datetime
    erased_at: datetime | None


def times(connection: Connection, account_id: int) -> Times:
    """Return the times of an account, which must exist."""
    columns = (accounts.c.created_at, accounts.c.updated_at, accounts.c.erased_at)
    return Times(*connection.execute(select(*columns).where(accounts.c.id == account_id)).one())


def find_by_email(connection: Connection, *, store_id: int, emails: Iterable[str]) -> dict[str, int]:
    """Return the id of the only user of a store with each of these emails, as `normalize_email` writes them.

    An email of no user, or of several, is left out. Merged users count as one.
    """
    keys = sorted({key for email in emails if (key := normalize_email(email))})
    rows = connection.execute(_BY_EMAIL, {"store": store_id, "emails": keys}).all() if keys else []
    return {row.email_key: row.id for row in rows}


def set_balances(connection: Connection, changed: Iterable[Account], *, now: datetime) -> None:
    """Write balance, debt and alerts of locked accounts; the caller also writes their ledger entries."""
    _SET_BALANCES.write(
        connection,
        [
            (
                account.id,
                account.balance,
                account.debt,
                account.alert.value,
                account.alerted_below,
                account.last_grant,
                now,
            )
            for account in changed
        ],
    )


def set_profiles(
    connection: Connection, changed: Sequence[Account], *, before: Mapping[int, Account], now: datetime
) -> None:
    """Write email, name and roles of locked accounts, which were as in `before`.

    Emails and names that are replaced are kept for an erasure, roles to explain earlier decisions.
    """
    if not changed:
        return
    former_contacts.keep(connection, changed, now=now)
    others = [before[account.id] for account in changed if before[account.id].roles != account.roles]
    if others:
        role_changes.add(connection, others, now=now)
    _SET_PROFILES.write(
        connection,
        [
            (
                account.id,
                account.email,
                normalize_email(account.email),
                account.name,
                (normalize_email(account.name) or "")[:MAX_NAME] or None,
                search_text(account.name, account.email) or None,
                list(account.roles),
                now,
            )
            for account in changed
        ],
    )


def set_confirm_paid(connection: Connection, account_id: int, wanted: bool, *, now: datetime) -> None:
    """Write whether the user of a locked account wants to confirm before paid tokens are taken."""
    values = {"confirm_paid": wanted, "updated_at": now}
    connection.execute(update(accounts).where(accounts.c.id == account_id).values(**values))


def _by_id(rows: Iterable[Row[*tuple[Any, ...]]]) -> dict[int, Account]:
    found = [to_account(row) for row in rows]
    return {account.id: account for account in found}


def to_account(row: Sequence[Any]) -> Account:
    """Return the account in a row of the columns that `Account` names, in their order."""
    # By position: a batch reads hundreds of accounts, and each name of a row would be looked up.
    values = list(row)
    values[_ROLES] = tuple(values[_ROLES])
    values[_ALERT] = _ALERTS[values[_ALERT]]
    return Account(*values)
