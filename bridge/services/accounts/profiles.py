"""Accounts: profiles, balances, and an admin's corrections."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from bridge.clients.woocommerce.documents import Customer
from bridge.domain.accounts.accounts import MAX_TOKENS, Account, Balance, Profile, merge_roles
from bridge.domain.accounts.ledger import Entry, Kind
from bridge.domain.errors import BalanceChanged, BalanceOutOfRange, UnknownUser
from bridge.domain.stores.stores import Store
from bridge.services.accounts.balance_alerts import watch
from bridge.storage.accounts import accounts, ledger
from bridge.storage.engine.database import Connection
from bridge.storage.engine.ids import new_ids
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


class Correction(NamedTuple):
    """Tokens to add to a locked account, or to remove if negative, with the reason and the entry's reference."""

    account: Account
    tokens: int
    reason: str
    reference: str | None


def get_account(connection: Connection, store_id: int, user_id: int) -> Account:
    """Return the account of one user; raises `UnknownUser`."""
    account = accounts.find(connection, store_id=store_id, user_id=user_id)
    if account is None:
        raise UnknownUser(f"the store has no account for user {user_id}")
    return account


def put_profile(connection: Connection, store_id: int, profile: Profile, *, now: datetime) -> Account:
    """Create or update the account of a user; missing profile values stay unchanged."""
    place = accounts.place_of(store_id, profile)
    account_id = accounts.locate_or_add(connection, [place], now=now)[place]
    account = accounts.lock(connection, [account_id])[account_id]
    updated = account.with_profile(email=profile.email, name=profile.name, roles=profile.roles)
    if updated != account:
        accounts.set_profiles(connection, [updated], now=now)
    return updated


def merge_customer(connection: Connection, store: Store, customer: Customer, *, now: datetime) -> Account:
    """Store the profile that the shop sent for one of its users."""
    known = accounts.find(connection, store_id=store.id, user_id=customer.user_id)
    roles = merge_roles(known=known.roles if known else (), reported=customer.role)
    profile = Profile(customer.user_id, customer.email or None, customer.name or None, roles)
    return put_profile(connection, store.id, profile, now=now)


def is_unknown_customer(connection: Connection, store_id: int, user_id: int) -> bool:
    """Return whether no email is stored for this user, or no account."""
    known = accounts.find(connection, store_id=store_id, user_id=user_id)
    return known is None or known.email is None


def adjust(
    connection: Connection, store_id: int, user_id: int, wanted: Adjustment, *, actor: str, now: datetime
) -> Entry:
    """Correct a balance, as one entry with the actor and a reason.

    Raises `UnknownUser`, `BalanceChanged` if the balance is not the expected one,
    and `BalanceOutOfRange` if it would leave 0 to 2^53-1. Setting a balance to its
    current value posts an entry of 0, which records the check and its reason.
    """
    found = get_account(connection, store_id, user_id)
    account = accounts.lock(connection, [found.id])[found.id]
    if wanted.expected_balance is not None and wanted.expected_balance != account.balance:
        raise BalanceChanged(f"the balance is now {account.balance}, not {wanted.expected_balance}")
    balance = wanted.balance if wanted.tokens is None else account.balance + wanted.tokens
    if balance is None or not 0 <= balance <= MAX_TOKENS:
        raise BalanceOutOfRange(f"the balance is {account.balance} and would leave the range from 0 to 2^53-1")
    correction = Correction(account, balance - account.balance, wanted.reason, wanted.reference)
    (entry,) = post_corrections(connection, store_id, [correction], actor=actor, now=now)
    return entry


def post_corrections(
    connection: Connection, store_id: int, corrections: Sequence[Correction], *, actor: str, now: datetime
) -> list[Entry]:
    """Post one entry for each of these locked accounts, no account twice; the balances stay in their range."""
    entries = [
        Entry(
            id=entry_id,
            account_id=account.id,
            kind=Kind.ADJUSTMENT,
            tokens=tokens,
            debt=0,
            balance_after=account.balance + tokens,
            debt_after=account.debt,
            actor=actor,
            reason=reason,
            created_at=now,
            reference=reference,
        )
        for entry_id, (account, tokens, reason, reference) in zip(new_ids(len(corrections)), corrections, strict=True)
    ]
    held = holds.held_balances(connection, [account.id for account, *_ in corrections], now=now)
    store = stores.get(connection, store_id)
    updated, events = [], []
    for account, tokens, *_ in sorted(corrections, key=lambda correction: correction.account.id):
        balance = Balance(balance=account.balance + tokens, held=held.get(account.id, 0), debt=account.debt)
        watched, crossed = watch(account._replace(balance=balance.balance), balance, store, now=now)
        updated.append(watched)
        events += crossed
    accounts.set_balances(connection, updated, now=now)
    outbox.add(connection, events)
    ledger.add(connection, [(entry, None) for entry in entries])
    return entries


def list_entries(connection: Connection, account: Account, *, before: int | None, limit: int) -> list[Entry]:
    """Return an account's entries, the newest first."""
    return ledger.list_page(connection, account.id, before=before, limit=limit)


def guest_salt(connection: Connection, store_id: int) -> str:
    """Return the salt for the hashes of the store's guest ids."""
    return stores.guest_salt(connection, store_id)
