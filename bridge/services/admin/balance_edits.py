"""Change a balance from the form of an admin, and undo it: each once, and only against the balance the form shows."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime

from bridge.domain.accounts.accounts import MAX_TOKENS
from bridge.domain.accounts.ledger import Entry
from bridge.domain.admin.admins import Admin
from bridge.domain.admin.balance_edits import NO_REASON, Undo, Undone, is_edit, may_undo, undo_reference
from bridge.domain.errors import BalanceChanged
from bridge.domain.stores.principals import Caller
from bridge.domain.stores.stores import Store
from bridge.rendering import documents
from bridge.services.accounts import profiles
from bridge.services.accounts.profiles import Adjustment
from bridge.services.metering.idempotency import once
from bridge.services.transactions import Transaction, in_transaction
from bridge.storage.accounts import accounts, ledger
from bridge.storage.engine.database import Connection


@dataclass(frozen=True, slots=True)
class BalanceChange:
    """The balance to set, the balance the form showed, and the reason, which may be empty; whole tokens."""

    balance: int
    expected_balance: int
    reason: str


@dataclass(frozen=True, slots=True)
class Saved:
    """A saved change: the id of its entry, the tokens it added, and the balance after it."""

    entry_id: int
    tokens: int
    balance: int


def save(
    transaction: Transaction,
    store: Store,
    user_id: int,
    change: BalanceChange,
    *,
    key: str,
    admin: Admin,
    now: datetime,
) -> Saved:
    """Set a balance with one ledger entry under the admin's email, once for each form `key`.

    A form that is sent twice gets the same result twice but changes the balance
    once. Raises `UnknownUser`, `BalanceChanged`, `BalanceOutOfRange`, and
    `KeyReused` for a form that was sent before with other values.
    """

    def post(connection: Connection) -> Saved:
        return _post(connection, store, user_id, change, key=key, admin=admin, now=now)

    try:
        return in_transaction(transaction, post)
    except BalanceChanged:
        # A double click: the other request came first and changed the balance. Its stored response is found now.
        return in_transaction(transaction, post)


def _post(
    connection: Connection,
    store: Store,
    user_id: int,
    change: BalanceChange,
    *,
    key: str,
    admin: Admin,
    now: datetime,
) -> Saved:
    reason = change.reason or NO_REASON
    wanted = Adjustment(reason, balance=change.balance, expected_balance=change.expected_balance)
    stated = [user_id, change.balance, change.expected_balance, change.reason, admin.id]

    def adjust() -> documents.Document:
        entry = profiles.adjust(connection, store.id, user_id, wanted, actor=admin.email, now=now)
        return {"balance": entry.balance_after, "tokens": entry.tokens, "entry": str(entry.id)}

    answer = once(
        connection,
        Caller(store.id, admin.email),
        key=f"admin:{key}",
        fingerprint=hashlib.sha256(json.dumps(stated).encode()).hexdigest(),
        create=adjust,
        now=now,
    )
    stored = json.loads(answer.document)
    # A result that was stored by an earlier version has no entry.
    return Saved(int(stored.get("entry", 0)), stored["tokens"], stored["balance"])


def undo(connection: Connection, store: Store, user_id: int, entry_id: int, *, admin: Admin, now: datetime) -> Undone:
    """Undo a recent change by an entry that adds the opposite, once however often it is called.

    Raises `UnknownUser`.
    """
    found = profiles.get_account(connection, store.id, user_id)
    account = accounts.lock(connection, [found.id])[found.id]
    entry = ledger.find(connection, account.id, entry_id)
    if entry is None or not is_edit(entry):
        return Undone(Undo.NOT_AN_EDIT, account.balance)
    refusal = _refusal(connection, entry, account.balance, now=now)
    if refusal is not None:
        return Undone(refusal, account.balance, entry.tokens)
    wanted = Adjustment(
        _undo_reason(entry),
        tokens=-entry.tokens,
        expected_balance=account.balance,
        reference=undo_reference(entry.id),
    )
    counter = profiles.adjust(connection, store.id, user_id, wanted, actor=admin.email, now=now)
    return Undone(Undo.DONE, counter.balance_after, entry.tokens)


def find_undoable(connection: Connection, store: Store, user_id: int, entry_id: int, *, now: datetime) -> Entry | None:
    """Return the change with this id if it can still be undone; raises `UnknownUser`."""
    account = profiles.get_account(connection, store.id, user_id)
    entry = ledger.find(connection, account.id, entry_id)
    if entry is None or _refusal(connection, entry, account.balance, now=now) is not None or not is_edit(entry):
        return None
    return entry


def _refusal(connection: Connection, entry: Entry, balance: int, *, now: datetime) -> Undo | None:
    """Return the reason that a change cannot be undone; None if it can."""
    reference = undo_reference(entry.id)
    if reference in ledger.find_references(connection, [entry.account_id], [reference]):
        return Undo.DONE_BEFORE
    if not may_undo(entry, now=now):
        return Undo.TOO_LATE
    if balance - entry.tokens < 0:
        return Undo.SPENT
    return Undo.FULL if balance - entry.tokens > MAX_TOKENS else None


def _undo_reason(entry: Entry) -> str:
    return f"Undo: {entry.reason}"[:500]
