"""The history of an account as rows of a table, the headings first; read on demand."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from bridge.domain.accounts.ledger import Entry
from bridge.rendering.documents import format_timestamp
from bridge.rendering.ids import encode_id
from bridge.services.ops.exports import UsageRow
from bridge.services.orders.purchases import Purchase

Row = tuple[str | int, ...]

_PURCHASE_HEADINGS = (
    *("order", "date", "status", "product", "quantity", "tokens_each", "tokens"),
    *("order_total", "currency", "number"),
)


def usage_table(used: Iterable[UsageRow]) -> Iterator[Row]:
    """Yield use by day, one row for each day, module, operation, site and source."""
    yield ("date", "module", "operation", "site", "source", "units", "tokens")
    for row in used:
        yield (row.day.isoformat(), row.module, row.operation, row.site, row.source, row.units, row.tokens)


def entry_table(entries: Iterable[Entry]) -> Iterator[Row]:
    """Yield entries of the ledger."""
    yield ("id", "created_at", "kind", "tokens", "balance_after", "debt_after", "actor", "reason", "order", "reference")
    for entry in entries:
        yield (
            encode_id("en", entry.id),
            format_timestamp(entry.created_at),
            entry.kind.value,
            entry.tokens,
            entry.balance_after,
            entry.debt_after,
            entry.actor,
            entry.reason,
            entry.order_number or "",
            entry.reference or "",
        )


def purchase_table(bought: Iterable[Purchase]) -> Iterator[Row]:
    """Yield purchases, one row for each line."""
    yield _PURCHASE_HEADINGS
    for purchase in bought:
        for line in purchase.lines:
            yield (
                purchase.order_number,
                format_timestamp(purchase.placed_at) or "",
                purchase.status,
                line.name,
                str(line.quantity),
                line.tokens_each,
                line.granted,
                str(purchase.total),
                purchase.currency,
                purchase.shown_number,
            )
