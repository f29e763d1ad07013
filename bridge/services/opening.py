"""Importing opening balances: each row of the file once, however often the file is imported."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from bridge.domain.accounts import MAX_TOKENS, Account
from bridge.domain.errors import BalanceOutOfRange, FieldError, InvalidRequest
from bridge.domain.ledger import Entry, Kind
from bridge.domain.opening import COLUMNS, REQUIRED, Opening, read_row
from bridge.domain.stores import Store
from bridge.storage import accounts, ledger
from bridge.storage.database import Connection
from bridge.storage.ids import new_ids

BATCH = 500
"""The most rows in one transaction."""
MAX_FAULTS = 20
"""Reading stops after this many faults: they are for somebody to read."""

_ACTOR = "import"


@dataclass(frozen=True, slots=True)
class Imported:
    """What one batch did: balances posted now, their tokens, and rows that had been imported before."""

    posted: int = 0
    tokens: int = 0
    known: int = 0

    def __add__(self, other: Imported) -> Imported:
        """Both together."""
        return Imported(self.posted + other.posted, self.tokens + other.tokens, self.known + other.known)


def read(lines: Iterable[str]) -> Iterator[Opening]:
    """The opening balances of a CSV file with a header line.

    Raises `InvalidRequest` with every fault, up to `MAX_FAULTS`, by line and
    column; so read it once to the end before anything is written.
    """
    reader = csv.DictReader(lines, strict=True)
    faults: list[FieldError] = []
    seen: dict[int, int] = {}
    try:
        _check_header(list(reader.fieldnames or ()))
        for row in reader:
            found = _read_row(row, reader.line_num, seen)
            if isinstance(found, Opening):
                yield found
            else:
                faults += found
            if len(faults) >= MAX_FAULTS:
                break
    except (csv.Error, UnicodeDecodeError) as error:
        faults.append(FieldError(f"line {reader.line_num + 1}", f"cannot be read: {error}"))
    if faults:
        raise InvalidRequest(fields=faults[:MAX_FAULTS])


def post(connection: Connection, store: Store, rows: Sequence[Opening], *, now: datetime) -> Imported:
    """Add opening balances, at most `BATCH`, and what the file says of the users; one entry for each.

    A user whose opening balance was imported before is not given another: the
    entry's reference tells, for good. Raises `BalanceOutOfRange`.
    """
    places = {row.user_id: (store.id, row.user_id) for row in rows}
    located = accounts.locate_or_add(connection, places.values(), now=now)
    locked = accounts.lock(connection, set(located.values()))
    known = ledger.find_references(connection, locked.keys(), [_reference(store, row) for row in rows])
    told = {
        row.user_id: locked[located[places[row.user_id]]].told(email=row.email, name=row.name, roles=row.roles)
        for row in rows
    }
    changed = [account for account in told.values() if account != locked[account.id]]
    accounts.set_profiles(connection, sorted(changed, key=lambda account: account.id), now=now)
    new = [row for row in rows if row.balance and _reference(store, row) not in known]
    entries = [
        _entry(id_, told[row.user_id], row, store, now=now) for id_, row in zip(new_ids(len(new)), new, strict=True)
    ]
    balances = [locked[entry.account_id]._replace(balance=entry.balance_after) for entry in entries]
    accounts.set_balances(connection, sorted(balances, key=lambda account: account.id), now=now)
    ledger.add(connection, [(entry, None) for entry in entries])
    return Imported(len(new), sum(row.balance for row in new), sum(_reference(store, row) in known for row in rows))


def preview(connection: Connection, store: Store, rows: Sequence[Opening]) -> Imported:
    """What `post` would do with these rows; nothing is written."""
    located = accounts.locate(connection, [(store.id, row.user_id) for row in rows])
    known = ledger.find_references(connection, located.values(), [_reference(store, row) for row in rows])
    new = [row for row in rows if row.balance and _reference(store, row) not in known]
    return Imported(len(new), sum(row.balance for row in new), sum(_reference(store, row) in known for row in rows))


def _check_header(header: list[str]) -> None:
    missing = [name for name in REQUIRED if name not in header]
    unknown = [name for name in header if name not in COLUMNS]
    if missing or unknown:
        message = f"must be {','.join(COLUMNS)}"
        if missing:
            message += f"; {' and '.join(missing)} is missing"
        if unknown:
            message += f"; {', '.join(map(repr, unknown))} is no such column"
        raise InvalidRequest(fields=[FieldError("line 1", message)])


def _read_row(row: dict[str, str], line: int, seen: dict[int, int]) -> Opening | list[FieldError]:
    if None in row or None in row.values():
        return [FieldError(f"line {line}", "has not as many columns as the header")]
    found = read_row(row, line=line)
    if isinstance(found, Opening):
        before = seen.setdefault(found.user_id, line)
        if before != line:
            return [FieldError(f"line {line}, column user_id", f"user {found.user_id} stands in line {before} already")]
    return found


def _reference(store: Store, row: Opening) -> str:
    return f"import:{store.first_slug}:{row.user_id}"


def _entry(entry_id: int, account: Account, row: Opening, store: Store, *, now: datetime) -> Entry:
    balance = account.balance + row.balance
    if balance > MAX_TOKENS:
        raise BalanceOutOfRange(f"user {row.user_id} would have {balance} tokens, past 2^53-1")
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
