"""Set a balance from the form of an admin: once for each form, and only against the balance it shows."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime

from bridge.domain.admin.admins import Admin
from bridge.domain.errors import BalanceChanged
from bridge.domain.stores.principals import Caller
from bridge.domain.stores.stores import Store
from bridge.rendering import documents
from bridge.services.accounts import profiles
from bridge.services.accounts.profiles import Adjustment
from bridge.services.metering.idempotency import once
from bridge.services.transactions import Transaction, in_transaction
from bridge.storage.engine.database import Connection


@dataclass(frozen=True, slots=True)
class BalanceChange:
    """The balance to set, the balance the form showed, and the reason; whole tokens."""

    balance: int
    expected_balance: int
    reason: str


def save(
    transaction: Transaction,
    store: Store,
    user_id: int,
    change: BalanceChange,
    *,
    key: str,
    admin: Admin,
    now: datetime,
) -> None:
    """Set a balance with one ledger entry under the admin's email, once for each form `key`.

    A form that is sent twice gets two responses but is posted once. Raises
    `UnknownUser`, `BalanceChanged`, `BalanceOutOfRange`, and `KeyReused` for a
    form that was sent before with other values.
    """

    def post(connection: Connection) -> None:
        _post(connection, store, user_id, change, key=key, admin=admin, now=now)

    try:
        in_transaction(transaction, post)
    except BalanceChanged:
        # A double click: the other request came first and changed the balance. Its stored response is found now.
        in_transaction(transaction, post)


def _post(
    connection: Connection,
    store: Store,
    user_id: int,
    change: BalanceChange,
    *,
    key: str,
    admin: Admin,
    now: datetime,
) -> None:
    wanted = Adjustment(change.reason, balance=change.balance, expected_balance=change.expected_balance)
    stated = [user_id, change.balance, change.expected_balance, change.reason, admin.id]

    def adjust() -> documents.Document:
        entry = profiles.adjust(connection, store.id, user_id, wanted, actor=admin.email, now=now)
        return {"balance": entry.balance_after, "tokens": entry.tokens}

    once(
        connection,
        Caller(store.id, admin.email),
        key=f"admin:{key}",
        fingerprint=hashlib.sha256(json.dumps(stated).encode()).hexdigest(),
        create=adjust,
        now=now,
    )
