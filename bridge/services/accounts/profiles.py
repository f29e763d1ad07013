"""Accounts: profiles, balances, and an admin's corrections."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from bridge.clients.woocommerce.documents import Customer
from bridge.domain.accounts.accounts import MAX_TOKENS, Account, Balance, Profile, merge_roles
from bridge.domain.accounts.ledger import Entry, Kind
from bridge.domain.errors import BalanceChanged, BalanceOutOfRange, UnknownUser
from bridge.domain.stores.stores import Store
from bridge.services.accounts.balance_alerts import watch
from bridge.storage.accounts import accounts, ledger
from bridge.storage.engine.database import Connection
from bridge.storage.engine.ids import new_id
from bridge.storage.events import outbox
from bridge.storage.metering import holds
from bridge.storage.stores import stores


@dataclass(frozen=True, slots=True)
class Adjustment:
    """A correction by an admin: `tokens` to add or remove, or the `balance` to set; exactly one of them.

    `expected_balance` is the balance the admin saw. If the balance has changed
    since, it is not overwritten. `reference` is stored with the entry.
    """

    reason: str
    tokens: int | None = None
    balance: int | None = None
    expected_balance: int | None = None
    reference: str | None = None


@dataclass(frozen=True, slots=True)
class Put:
    """An account with the profile that was sent; `is_new` means that it was created."""

    account: Account
    is_new: bool


def get_account(connection: Connection, store_id: int, user_id: int) -> Account:
    """Return the account of one user, or the one it was merged into; raises `UnknownUser`."""
    account = accounts.find(connection, store_id=store_id, user_id=user_id)
    if account is None:
        raise UnknownUser(f"the store has no account for user {user_id}")
    return account


def put_profile(connection: Connection, store_id: int, profile: Profile, *, now: datetime) -> Account:
    """Create or update the account of a user, as `put_profiles` does."""
    return put_profiles(connection, store_id, [profile], now=now)[0].account


def put_profiles(connection: Connection, store_id: int, profiles: Sequence[Profile], *, now: datetime) -> list[Put]:
    """Create or update the accounts of users, in their order; missing profile values stay unchanged.

    A merged user keeps a profile of their own: a guest's order with its email still
    finds the person. The number of statements does not depend on that of the users.
    """
    places = [accounts.place_of(store_id, profile) for profile in profiles]
    known = accounts.locate(connection, set(places), follow=False)
    missing = set(places) - known.keys()
    located = known | (accounts.locate_or_add(connection, missing, follow=False, now=now) if missing else {})
    read = accounts.lock(connection, set(located.values()), with_merged=True)
    current, done = dict(read), list[Put]()
    for place, profile in zip(places, profiles, strict=True):
        account = current[located[place]]
        account = account.with_profile(email=profile.email, name=profile.name, roles=profile.roles)
        current[account.id] = account
        done.append(Put(account, is_new=place in missing))
        missing.discard(place)
    changed = [account for id_, account in sorted(current.items()) if account != read[id_]]
    accounts.set_profiles(connection, changed, before=read, now=now)
    return done


def merge_customer(connection: Connection, store: Store, customer: Customer, *, now: datetime) -> Account:
    """Store the profile that the shop sent for one of its users."""
    known = accounts.find(connection, store_id=store.id, user_id=customer.user_id, follow=False)
    roles = merge_roles(known=known.roles if known else (), reported=customer.role)
    profile = Profile(customer.user_id, customer.email or None, customer.name or None, roles)
    return put_profile(connection, store.id, profile, now=now)


def is_unknown_customer(connection: Connection, store_id: int, user_id: int) -> bool:
    """Return whether no email is stored for this user, or no account."""
    known = accounts.find(connection, store_id=store_id, user_id=user_id, follow=False)
    return known is None or known.email is None


def get_own_account(connection: Connection, store_id: int, user_id: int) -> Account:
    """Return the account of one user, even if it was merged into another one; raises `UnknownUser`."""
    account = accounts.find(connection, store_id=store_id, user_id=user_id, follow=False)
    if account is None:
        raise UnknownUser(f"the store has no account for user {user_id}")
    return account


def adjust(
    connection: Connection,
    store_id: int,
    user_id: int,
    wanted: Adjustment,
    *,
    profile: Profile | None = None,
    actor: str,
    now: datetime,
) -> Entry:
    """Correct a balance, as one entry with the actor and a reason.

    With a `profile`, the account is created or updated first. Raises
    `UnknownUser`, and the errors of `make_entry`.
    """
    if profile is not None:
        put_profile(connection, store_id, profile, now=now)
    found = get_account(connection, store_id, user_id)
    account = accounts.lock(connection, [found.id])[found.id]
    (entry,) = adjust_locked(connection, store_id, [(account, wanted)], actor=actor, now=now)
    return entry


def adjust_locked(
    connection: Connection, store_id: int, adjusted: Sequence[tuple[Account, Adjustment]], *, actor: str, now: datetime
) -> list[Entry]:
    """Post one entry for each of these locked accounts, no account twice; raises the errors of `make_entry`."""
    entries = [make_entry(account, wanted, actor=actor, now=now) for account, wanted in adjusted]
    held = holds.held_balances(connection, [account.id for account, _ in adjusted], now=now)
    store = stores.get(connection, store_id)
    updated, events = [], []
    for (account, _), entry in zip(adjusted, entries, strict=True):
        balance = Balance(balance=entry.balance_after, held=held.get(account.id, 0), debt=account.debt)
        watched, crossed = watch(account._replace(balance=entry.balance_after), balance, store, now=now)
        updated.append(watched)
        events += crossed
    accounts.set_balances(connection, sorted(updated, key=lambda account: account.id), now=now)
    outbox.add(connection, events)
    ledger.add(connection, [(entry, None) for entry in entries])
    return entries


def make_entry(account: Account, wanted: Adjustment, *, actor: str, now: datetime) -> Entry:
    """Return the entry that adjusts a locked account.

    Setting a balance to its current value makes an entry of 0, which records the
    check and its reason. Raises `BalanceChanged` if the balance is not the
    expected one, and `BalanceOutOfRange` if it would leave 0 to 2^53-1.
    """
    if wanted.expected_balance is not None and wanted.expected_balance != account.balance:
        raise BalanceChanged(f"the balance is now {account.balance}, not {wanted.expected_balance}")
    balance = wanted.balance if wanted.tokens is None else account.balance + wanted.tokens
    if balance is None or not 0 <= balance <= MAX_TOKENS:
        raise BalanceOutOfRange(f"the balance is {account.balance} and would leave the range from 0 to 2^53-1")
    return Entry(
        id=new_id(),
        account_id=account.id,
        kind=Kind.ADJUSTMENT,
        tokens=balance - account.balance,
        debt=0,
        balance_after=balance,
        debt_after=account.debt,
        actor=actor,
        reason=wanted.reason,
        created_at=now,
        reference=wanted.reference,
    )


def list_entries(connection: Connection, account: Account, *, before: int | None, limit: int) -> list[Entry]:
    """Return an account's entries, the newest first."""
    return ledger.list_page(connection, account.id, before=before, limit=limit)


def guest_salt(connection: Connection, store_id: int) -> str:
    """Return the salt for the hashes of the store's guest ids."""
    return stores.guest_salt(connection, store_id)
