"""The ledger: entries are added, never changed or deleted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, bindparam, func, or_, select, text

from bridge.domain.accounts.ledger import Entry, Kind
from bridge.storage.accounts.tables import accounts, entries
from bridge.storage.engine.bulk import Writer, among
from bridge.storage.engine.ids import first_id_at

_COLUMNS = (
    "account_id",
    "id",
    "kind",
    "tokens",
    "debt",
    "forgiven",
    "balance_after",
    "debt_after",
    "actor",
    "reason",
    "reference",
    "store_id",
    "order_number",
    "line_id",
    "posting",
    "spend_id",
    "created_at",
)
_INSERT = Writer(entries, _COLUMNS)
_REFERENCES = select(entries.c.reference, entries.c.tokens).where(
    among(entries.c.account_id, "ids"),
    entries.c.kind == Kind.ADJUSTMENT.value,
    among(entries.c.reference, "references"),
)
_GRANTED = (
    select(entries.c.order_number, func.sum(entries.c.tokens - entries.c.debt).label("tokens"))
    .where(
        entries.c.store_id == bindparam("store"),
        among(entries.c.order_number, "numbers"),
        or_(
            entries.c.account_id == bindparam("account"),
            entries.c.account_id.in_(select(accounts.c.id).where(accounts.c.merged_into == bindparam("account"))),
        ),
        entries.c.kind == Kind.GRANT.value,
    )
    .group_by(entries.c.order_number)
)
_NET_BY_ORDER = (
    select(entries.c.order_number, func.sum(entries.c.tokens - entries.c.debt - entries.c.forgiven).label("tokens"))
    .where(entries.c.store_id == bindparam("store"), among(entries.c.order_number, "numbers"))
    .group_by(entries.c.order_number)
)
_PURCHASE = Writer(accounts, ("id", "purchased"), keys=("id",), add=("purchased",), is_update=True)
_LATE = timedelta(minutes=1)
"""How much later than its entry's moment an id may be made: a batch waits for the database in between."""
_PURCHASES = frozenset({Kind.GRANT, Kind.REVERSAL})


@dataclass(frozen=True, slots=True)
class Posting:
    """The difference of an order line that an entry posts; the database accepts each once."""

    store_id: int
    order_number: int
    line_id: int
    posting: int


def add(connection: Connection, added: Iterable[tuple[Entry, Posting | None]]) -> None:
    """Write entries with one statement; grants and reversals also change `purchased`."""
    added = list(added)
    _INSERT.write(connection, [_to_row(entry, posting) for entry, posting in added])
    moved: Counter[int] = Counter()
    for entry, _ in added:
        if entry.kind in _PURCHASES:
            moved[entry.account_id] += entry.tokens - entry.debt - entry.forgiven
    _PURCHASE.write(connection, sorted(moved.items()))


def list_page(connection: Connection, account_id: int, *, before: int | None, limit: int) -> list[Entry]:
    """Return an account's entries, newest first, at most `limit`, older than the id `before`."""
    statement = select(entries).where(entries.c.account_id == account_id)
    if before is not None:
        statement = statement.where(entries.c.id < before)
    rows = connection.execute(statement.order_by(entries.c.id.desc()).limit(limit))
    return [_to_entry(row) for row in rows]


def find_before(connection: Connection, account_id: int, *, at: datetime) -> Entry | None:
    """Return an account's last entry before a moment."""
    statement = (
        select(entries)
        .where(entries.c.account_id == account_id, entries.c.id < first_id_at(at + _LATE), entries.c.created_at < at)
        .order_by(entries.c.id.desc())
        .limit(1)
    )
    row = connection.execute(statement).one_or_none()
    return None if row is None else _to_entry(row)


def list_credits(
    connection: Connection, account_ids: Collection[int], *, before: int | None, limit: int
) -> list[Entry]:
    """Return entries of these accounts that no spend made, newest first, at most `limit`, older than id `before`."""
    statement = select(entries).where(
        among(entries.c.account_id, "ids"),
        # Written out as the partial index has it, so that both databases use it.
        text("entries.kind not in ('spend','refund')"),
    )
    if before is not None:
        statement = statement.where(entries.c.id < before)
    rows = connection.execute(statement.order_by(entries.c.id.desc()).limit(limit), {"ids": list(account_ids)})
    return [_to_entry(row) for row in rows]


def list_of_order(connection: Connection, store_id: int, order_number: int, *, limit: int) -> list[Entry]:
    """Return the entries of an order's lines, newest first, at most `limit`."""
    statement = select(entries).where(entries.c.store_id == store_id, entries.c.order_number == order_number)
    rows = connection.execute(statement.order_by(entries.c.id.desc()).limit(limit))
    return [_to_entry(row) for row in rows]


def find(connection: Connection, account_id: int, entry_id: int) -> Entry | None:
    """Return one entry of an account."""
    found = select(entries).where(entries.c.account_id == account_id, entries.c.id == entry_id)
    row = connection.execute(found).one_or_none()
    return None if row is None else _to_entry(row)


def find_references(
    connection: Connection, account_ids: Collection[int], references: Collection[str]
) -> dict[str, int]:
    """Return which of these references an adjustment of these accounts already has, each with its tokens."""
    found = connection.execute(_REFERENCES, {"ids": list(account_ids), "references": list(references)})
    return {row.reference: row.tokens for row in found}


def granted_by_order(connection: Connection, store_id: int, account_id: int, numbers: Sequence[int]) -> dict[int, int]:
    """Return the tokens that grants of these orders added to an account, without those that paid debt.

    Grants to accounts that were merged into it count as well.
    """
    rows = connection.execute(_GRANTED, {"store": store_id, "account": account_id, "numbers": list(numbers)})
    return {row.order_number: int(row.tokens) for row in rows}


def net_by_order(connection: Connection, store_id: int, numbers: Collection[int]) -> dict[int, int]:
    """Return the tokens granted now for each of these orders; orders without tokens are left out."""
    rows = connection.execute(_NET_BY_ORDER, {"store": store_id, "numbers": sorted(numbers)})
    return {row.order_number: int(row.tokens) for row in rows}


def _to_row(entry: Entry, posting: Posting | None) -> tuple[Any, ...]:
    return (
        entry.account_id,
        entry.id,
        entry.kind.value,
        entry.tokens,
        entry.debt,
        entry.forgiven,
        entry.balance_after,
        entry.debt_after,
        entry.actor,
        entry.reason,
        entry.reference,
        posting.store_id if posting else None,
        posting.order_number if posting else None,
        posting.line_id if posting else None,
        posting.posting if posting else None,
        entry.spend_id,
        entry.created_at,
    )


def _to_entry(row: Row[Any]) -> Entry:
    return Entry(
        id=row.id,
        account_id=row.account_id,
        kind=Kind(row.kind),
        tokens=row.tokens,
        debt=row.debt,
        balance_after=row.balance_after,
        debt_after=row.debt_after,
        actor=row.actor,
        reason=row.reason,
        created_at=row.created_at,
        order_number=row.order_number,
        line_id=row.line_id,
        spend_id=row.spend_id,
        reference=row.reference,
        forgiven=row.forgiven,
    )
