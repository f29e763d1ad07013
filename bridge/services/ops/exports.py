"""History of an account: its use by day, and its use, entries and purchases as rows of a table."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby

from bridge.domain.accounts.accounts import Account
from bridge.domain.metering.errors import UsageRangeTooLarge
from bridge.rendering import documents
from bridge.rendering.ids import encode_id
from bridge.services.orders import purchases
from bridge.storage.accounts import ledger
from bridge.storage.engine.database import Connection
from bridge.storage.metering import policies
from bridge.storage.metering.usage import UsageRow as UsageRow
from bridge.storage.ops import account_usage
from bridge.storage.ops.account_usage import WantedUse

SPANS = (30, 90, 365)
"""The permitted numbers of days."""

MOST_ROWS = 50_000
"""How many rows of use one answer has; a table has all."""
_PAGE = 200
"""How many rows of a table are read at a time."""

Row = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class DayOfUse:
    """The use of an account on one local day."""

    day: date
    rows: tuple[UsageRow, ...]


def usage_by_day(
    connection: Connection, account: Account, *, days: int, now: datetime, most: int = MOST_ROWS
) -> list[DayOfUse]:
    """Return an account's use on each of the last `days` local days that had any, today included, newest first.

    Raises `UsageRangeTooLarge` for more than `most` rows.
    """
    wanted = _wanted(connection, account, days=days, now=now)
    rows = list(account_usage.iterate_rows(connection, wanted, limit=most + 1))
    if len(rows) > most:
        raise UsageRangeTooLarge()
    return [DayOfUse(day, tuple(group)) for day, group in groupby(rows, key=lambda row: row.day)]


def usage_rows(connection: Connection, account: Account, *, days: int, now: datetime) -> Iterator[Row]:
    """Yield the same as rows of a table, the headings first, read on demand."""
    yield ("date", "module", "operation", "site", "source", "units", "tokens")
    for row in account_usage.iterate_rows(connection, _wanted(connection, account, days=days, now=now)):
        yield (row.day.isoformat(), row.module, row.operation, row.site, row.source, row.units, row.tokens)


def entry_rows(connection: Connection, account: Account) -> Iterator[Row]:
    """Yield an account's whole ledger as rows of a table, the newest entry first."""
    yield ("id", "created_at", "kind", "tokens", "balance_after", "debt_after", "actor", "reason", "order", "reference")
    before: int | None = None
    while page := ledger.list_page(connection, account.id, before=before, limit=_PAGE):
        for entry in page:
            yield (
                encode_id("en", entry.id),
                documents.format_timestamp(entry.created_at) or "",
                entry.kind.value,
                entry.tokens,
                entry.balance_after,
                entry.debt_after,
                entry.actor,
                entry.reason,
                entry.order_number or "",
                entry.reference or "",
            )
        before = page[-1].id


def purchase_rows(connection: Connection, account: Account) -> Iterator[Row]:
    """Yield an account's purchases as rows of a table, one for each line, the newest order first."""
    yield (
        "order",
        "date",
        "status",
        "product",
        "quantity",
        "tokens_each",
        "tokens",
        "order_total",
        "currency",
        "number",
    )
    before: int | None = None
    while True:
        page = purchases.list_purchases(connection, account, before=before, limit=_PAGE)
        for purchase in page.purchases:
            for line in purchase.lines:
                yield (
                    purchase.order_number,
                    documents.format_timestamp(purchase.placed_at) or "",
                    purchase.status,
                    line.name,
                    str(line.quantity),
                    line.tokens_each,
                    line.granted,
                    str(purchase.total),
                    purchase.currency,
                    purchase.shown_number,
                )
        if page.next_before is None:
            return
        before = page.next_before


def _wanted(connection: Connection, account: Account, *, days: int, now: datetime) -> WantedUse:
    zone = policies.for_store(connection, account.store_id).calendar.zone
    last = now.astimezone(zone).date()
    return WantedUse(account.id, last - timedelta(days=days - 1), last)
