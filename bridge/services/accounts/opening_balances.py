"""Import opening balances: each row of the file once, however often the file is imported."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from bridge.domain.accounts.accounts import MAX_TOKENS, Account
from bridge.domain.accounts.ledger import Entry, Kind
from bridge.domain.accounts.opening_balances import Opening
from bridge.domain.errors import BalanceOutOfRange
from bridge.domain.stores.stores import Store
from bridge.services.accounts.opening_files import MAX_FAULTS, read
from bridge.storage.accounts import accounts, ledger
from bridge.storage.engine.database import Connection, TryAgain
from bridge.storage.engine.ids import new_ids

__all__ = ["BATCH", "MAX_FAULTS", "Imported", "post", "preview", "read"]

BATCH = 500
"""The most rows in one transaction."""

_ACTOR = "import"


_MAX_REASONS = 20


@dataclass(frozen=True, slots=True)
class Imported:
    """The result of importing the rows of a file.

    `posted` balances with `tokens` in total; `known` rows that were already
    imported, `changed` of them with a different balance in the file; `empty` rows
    with a balance of 0, which post nothing. `reasons` explains the first rows that
    were not posted.
    """

    posted: int = 0
    tokens: int = 0
    known: int = 0
    empty: int = field(default=0, compare=False)
    changed: int = field(default=0, compare=False)
    reasons: tuple[str, ...] = field(default=(), compare=False)

    def __add__(self, other: Imported) -> Imported:
        """Return both together."""
        return Imported(
            self.posted + other.posted,
            self.tokens + other.tokens,
            self.known + other.known,
            self.empty + other.empty,
            self.changed + other.changed,
            (*self.reasons, *other.reasons)[:_MAX_REASONS],
        )


def post(connection: Connection, store: Store, rows: Sequence[Opening], *, now: datetime) -> Imported:
    """Add at most `BATCH` opening balances and the profiles of their users; one entry for each.

    The entry's reference prevents a second opening balance for the same user,
    permanently, also after the user was merged. Raises `BalanceOutOfRange`.
    """
    places = {row.user_id: (store.id, row.user_id) for row in rows}
    located = accounts.locate_or_add(connection, places.values(), follow=False, now=now)
    persons = accounts.locate(connection, places.values())
    locked = accounts.lock(connection, {*located.values(), *persons.values()}, with_merged=True)
    if any(locked[id_].merged_into is not None for id_ in persons.values()):
        raise TryAgain("an account was merged into another one meanwhile")
    known = ledger.find_references(connection, locked.keys(), [_reference(store, row) for row in rows])
    before: dict[int, Account] = {}
    for row in rows:
        account = locked[located[places[row.user_id]]]
        updated = account.with_profile(email=row.email, name=row.name, roles=row.roles)
        if updated != account:
            locked[account.id] = updated
            before.setdefault(account.id, account)
    accounts.set_profiles(connection, [locked[id_] for id_ in sorted(before)], before=before, now=now)
    new = [row for row in rows if row.balance and _reference(store, row) not in known]
    entries = []
    for id_, row in zip(new_ids(len(new)), new, strict=True):
        account = locked[persons[places[row.user_id]]]
        entries.append(_entry(id_, account, row, store, now=now))
        locked[account.id] = account._replace(balance=entries[-1].balance_after)
    paid = sorted({entry.account_id for entry in entries})
    accounts.set_balances(connection, [locked[id_] for id_ in paid], now=now)
    ledger.add(connection, [(entry, None) for entry in entries])
    return _imported(store, rows, known)


def preview(connection: Connection, store: Store, rows: Sequence[Opening]) -> Imported:
    """Return what `post` would do with these rows; nothing is written."""
    places = [(store.id, row.user_id) for row in rows]
    ids = {*accounts.locate(connection, places).values(), *accounts.locate(connection, places, follow=False).values()}
    known = ledger.find_references(connection, ids, [_reference(store, row) for row in rows])
    return _imported(store, rows, known)


def _imported(store: Store, rows: Sequence[Opening], known: Mapping[str, int]) -> Imported:
    """Return the result for the rows, given the balances already imported, by reference."""
    new = [row for row in rows if row.balance and _reference(store, row) not in known]
    empty = [row for row in rows if not row.balance and _reference(store, row) not in known]
    before = [(row, known[_reference(store, row)]) for row in rows if _reference(store, row) in known]
    reasons = [(row.line, f"user {row.user_id} has a balance of 0, so there is nothing to add") for row in empty]
    for row, tokens in before:
        differs = "" if tokens == row.balance else f"; the file now says {row.balance:,}, which is ignored"
        reasons.append((row.line, f"user {row.user_id} was already imported with {tokens:,} tokens{differs}"))
    return Imported(
        posted=len(new),
        tokens=sum(row.balance for row in new),
        known=len(before),
        empty=len(empty),
        changed=sum(tokens != row.balance for row, tokens in before),
        reasons=tuple(f"line {line}: {reason}" for line, reason in sorted(reasons)[:_MAX_REASONS]),
    )


def _reference(store: Store, row: Opening) -> str:
    return f"import:{store.first_slug}:{row.user_id}"


def _entry(entry_id: int, account: Account, row: Opening, store: Store, *, now: datetime) -> Entry:
    balance = account.balance + row.balance
    if balance > MAX_TOKENS:
        raise BalanceOutOfRange(f"user {row.user_id} would have {balance} tokens, more than 2^53-1")
    return Entry(
        id=entry_id,
        account_id=account.id,
        kind=Kind.ADJUSTMENT,
        tokens=row.balance,
        debt=0,
        balance_after=balance,
        debt_after=account.debt,
        actor=_ACTOR,
        reason="Opening balance",
        created_at=now,
        reference=_reference(store, row),
    )
