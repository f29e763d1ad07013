"""Change many balances at once: prepare a preview, confirm it, and apply each row exactly once.

A row is applied in the transaction that stores its ledger entry's id beside it.
The bulk change is locked first, so that two processes never take the same rows;
a process that dies leaves its last batch as if it had never begun.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from functools import partial

from bridge.domain.accounts.accounts import Account
from bridge.domain.admin.admins import Admin
from bridge.domain.admin.balance_edits import MAX_REASON, NO_REASON
from bridge.domain.admin.bulk_changes import (
    MAX_ROWS,
    BulkChange,
    BulkRow,
    Counts,
    Source,
    State,
    balance_error,
    row_reference,
)
from bridge.domain.admin.user_list import Listing
from bridge.domain.errors import FieldError, InvalidRequest, NotFound
from bridge.domain.stores.principals import Caller
from bridge.domain.stores.stores import Store
from bridge.services.accounts import profiles
from bridge.services.accounts.profiles import Adjustment
from bridge.services.admin import user_list
from bridge.services.metering.idempotency import once
from bridge.services.transactions import Transaction, in_transaction
from bridge.storage.accounts import accounts
from bridge.storage.admin import bulk_changes
from bridge.storage.engine.database import Connection
from bridge.storage.engine.ids import new_id

BATCH = 200
"""The most rows in one transaction."""
RECENT = 20


def rows_for_users(users: Sequence[int], *, tokens: int, reason: str) -> list[BulkRow]:
    """Return a row for each of these users; raises `InvalidRequest` for none, or too many."""
    unique = list(dict.fromkeys(users))
    if not 1 <= len(unique) <= MAX_ROWS:
        message = f"choose 1 to {MAX_ROWS:,} users" if not unique else f"has more than {MAX_ROWS:,} users: narrow it"
        raise InvalidRequest(fields=[FieldError("users", message)])
    return [BulkRow(place, user, tokens, reason or NO_REASON) for place, user in enumerate(unique, start=1)]


def list_matching(connection: Connection, store: Store, listing: Listing, *, now: datetime) -> list[int]:
    """Return the ids of all users that a listing finds, one more than `MAX_ROWS` at most."""
    return user_list.list_ids(connection, store, listing, most=MAX_ROWS + 1, now=now)


def prepare(
    connection: Connection,
    store: Store,
    source: Source,
    rows: Sequence[BulkRow],
    *,
    key: str,
    fingerprint: str,
    admin: Admin,
    now: datetime,
) -> int:
    """Store a preview of these rows, and return its id; once for each form `key`.

    Nothing is applied. Raises `KeyReused` for a form that was sent with other values.
    """

    def create() -> dict[str, str]:
        change = BulkChange(new_id(), store.id, admin.email, source, State.PREVIEW, now)
        bulk_changes.add(connection, change, _checked(connection, store, rows))
        return {"bulk": str(change.id)}

    caller = Caller(store.id, admin.email)
    answer = once(connection, caller, key=f"bulk:{key}", fingerprint=fingerprint, create=create, now=now)
    return int(json.loads(answer.document)["bulk"])


def _checked(connection: Connection, store: Store, rows: Sequence[BulkRow]) -> list[BulkRow]:
    """Return the rows with an error where the user is unknown or the balance does not suffice at this moment."""
    balances = balances_of(connection, store, rows)
    return [row if row.error else row._replace(error=_error(row, balances.get(row.user_id or 0))) for row in rows]


def _error(row: BulkRow, balance: int | None) -> str:
    if balance is None:
        return f"the store has no user {row.user_id}"
    return balance_error(balance, row.tokens or 0)


def get(connection: Connection, store: Store, bulk_id: int) -> BulkChange:
    """Return a bulk change of a store; raises `NotFound`."""
    found = bulk_changes.find(connection, bulk_id)
    if found is None or found.store_id != store.id:
        raise NotFound("There is no such bulk change in this store.")
    return found


def count(connection: Connection, change: BulkChange) -> Counts:
    """Return how many rows of a bulk change are waiting, applied and failed."""
    return bulk_changes.count(connection, change.id)


def list_recent(connection: Connection, store: Store) -> list[BulkChange]:
    """Return the latest bulk changes of a store, the newest first."""
    return bulk_changes.list_recent(connection, store.id, limit=RECENT)


def list_rows(
    connection: Connection, change: BulkChange, *, after: int, limit: int, only_failed: bool = False
) -> list[BulkRow]:
    """Return rows behind a position in their order; only those with an error if asked for."""
    return bulk_changes.list_rows(connection, change.id, after=after, limit=limit, only_failed=only_failed)


def balances_of(connection: Connection, store: Store, rows: Sequence[BulkRow]) -> dict[int, int]:
    """Return the current balances of the users of these rows; unknown users are left out."""
    users = {row.user_id for row in rows if row.user_id is not None}
    located = accounts.locate(connection, [(store.id, user) for user in users])
    known = accounts.look(connection, list(located.values()))
    return {user: known[id_].balance for (_, user), id_ in located.items() if isinstance(user, int) and id_ in known}


def confirm(connection: Connection, store: Store, bulk_id: int, *, admin: Admin, now: datetime) -> bool:
    """Let a preview be applied, in the name of this admin; False if that was decided before.

    Raises `NotFound`.
    """
    get(connection, store, bulk_id)
    change = bulk_changes.lock(connection, bulk_id)
    if change is None or change.state is not State.PREVIEW:
        return False
    bulk_changes.set_state(connection, bulk_id, State.RUNNING, actor=admin.email, confirmed_at=now)
    return True


def cancel(connection: Connection, store: Store, bulk_id: int, *, now: datetime) -> bool:
    """Stop a bulk change: rows that are applied stay, the others are not applied; False if it has ended.

    Raises `NotFound`.
    """
    get(connection, store, bulk_id)
    change = bulk_changes.lock(connection, bulk_id)
    if change is None or change.state not in {State.PREVIEW, State.RUNNING}:
        return False
    bulk_changes.set_state(connection, bulk_id, State.CANCELLED, finished_at=now)
    return True


def find_undo(connection: Connection, change: BulkChange) -> BulkChange | None:
    """Return the bulk change that undoes this one; None if it was not undone."""
    return bulk_changes.find_undo(connection, change.id)


def undo(connection: Connection, store: Store, bulk_id: int, *, admin: Admin, now: datetime) -> BulkChange | None:
    """Take back the applied rows of a recent bulk change by another one, which is applied like any other.

    Called again, it returns the one that was made before: a bulk change is undone
    once. None if it is too old, has not ended, has no applied row or is an undo
    itself. Raises `NotFound`.
    """
    get(connection, store, bulk_id)
    change = bulk_changes.lock(connection, bulk_id)
    known = bulk_changes.find_undo(connection, bulk_id)
    if change is None or known is not None:
        return known
    applied = [row for row in bulk_changes.list_rows(connection, bulk_id, after=-1, limit=MAX_ROWS) if row.entry_id]
    if not change.may_be_undone(now) or not applied:
        return None
    rows = [
        row._replace(tokens=-(row.tokens or 0), reason=f"Undo: {row.reason}"[:MAX_REASON], entry_id=None)
        for row in applied
    ]
    made = BulkChange(new_id(), store.id, admin.email, change.source, State.RUNNING, now, now, undo_of=bulk_id)
    bulk_changes.add(connection, made, rows)
    return made


def list_running(connection: Connection) -> list[int]:
    """Return the ids of all bulk changes that are being applied."""
    return bulk_changes.list_running(connection)


def apply(transaction: Transaction, bulk_id: int, *, now: datetime) -> bool:
    """Apply the next rows of a confirmed bulk change in one transaction; True once none is left."""
    return not in_transaction(transaction, partial(apply_batch, bulk_id=bulk_id, now=now))


def apply_batch(connection: Connection, bulk_id: int, *, now: datetime) -> bool:
    """Apply the next rows of a confirmed bulk change; False once none is left or it was cancelled."""
    change = bulk_changes.lock(connection, bulk_id)
    if change is None or change.state is not State.RUNNING:
        return False
    rows = bulk_changes.list_waiting(connection, bulk_id, limit=BATCH)
    places = {row.position: (change.store_id, row.user_id or 0) for row in rows}
    located = accounts.locate(connection, places.values())
    locked = accounts.lock(connection, list(located.values()))
    adjusted: dict[int, tuple[Account, Adjustment]] = {}
    failed: list[tuple[int, str]] = []
    taken: set[int] = set()
    for row in rows:
        account = locked.get(located.get(places[row.position], 0))
        if account is not None and account.id in taken:
            # Two users who were merged: an account is adjusted once in a batch, so this row is in the next one.
            continue
        taken.update({account.id} if account is not None else ())
        error = _error(row, account.balance if account else None)
        if error or account is None:
            failed.append((row.position, error))
        else:
            reference = row_reference(bulk_id, row.position)
            adjusted[row.position] = account, Adjustment(row.reason, tokens=row.tokens, reference=reference)
    entries = profiles.adjust_locked(connection, change.store_id, list(adjusted.values()), actor=change.actor, now=now)
    applied = [(position, entry.id) for position, entry in zip(adjusted, entries, strict=True)]
    bulk_changes.set_entries(connection, bulk_id, applied)
    bulk_changes.set_errors(connection, bulk_id, failed)
    if len(rows) == BATCH or len(adjusted) + len(failed) < len(rows):
        return True
    bulk_changes.set_state(connection, bulk_id, State.DONE, finished_at=now)
    return False
