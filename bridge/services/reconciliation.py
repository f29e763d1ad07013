"""Reconciliation: the shop's orders are read back, and the books made to agree with them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from bridge.clients import payloads
from bridge.clients.woocommerce import ShopClient
from bridge.domain.errors import BridgeError, InvalidRequest, ShopUnreachable
from bridge.domain.stores import Store
from bridge.services import catalog, orders, shops
from bridge.services.orders import Settled
from bridge.services.shops import Shops
from bridge.services.transactions import Transaction, in_transaction
from bridge.storage import shop_reads
from bridge.storage.database import Connection

log = logging.getLogger(__name__)

PAGE = 100
OVERLAP = timedelta(seconds=2)
"""The shop's `modified_after` excludes its very second: a cursor looks that much further back."""
SWEEP_SPAN = timedelta(days=60)
_TRASH = ("trash",)

Progress = Callable[[int, int], None]
"""Told how many orders were read by now, and how many there are in all as far as the shop says."""


class _DryRun(Exception):
    """Ends a transaction that was only for looking."""


@dataclass(slots=True)
class Report:
    """What a reconciliation found: orders read, orders whose books changed, tokens granted and taken back.

    `differences` names the first orders that differed, `failures` those that
    could not be applied; what failed is read again by the next run.
    """

    seen: int = 0
    changed: int = 0
    granted: int = 0
    reversed: int = 0
    parked: int = 0
    differences: list[dict[str, Any]] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def add(self, number: int, settled: Settled) -> None:
        """Count one order."""
        self.seen += 1
        self.parked += settled.is_parked
        moved = [entry.tokens - entry.debt - entry.forgiven for entry in settled.entries]
        self.granted += sum(tokens for tokens in moved if tokens > 0)
        self.reversed -= sum(tokens for tokens in moved if tokens < 0)
        if moved:
            self.changed += 1
            if len(self.differences) < PAGE:
                self.differences.append({"order": number, "expected": settled.owed, "posted": sum(moved)})


@dataclass(frozen=True, slots=True)
class Reading:
    """One shop being read: its store, its client and what opens a transaction."""

    transaction: Transaction
    store: Store
    shop: ShopClient
    is_dry: bool = False


def poll(reading: Reading, *, since: datetime | None, now: datetime, progress: Progress | None = None) -> Report:
    """Apply every order the shop changed since the cursor, or since a moment.

    After each page the cursor is moved to the last change applied, so a run
    that is cut off goes on from there; it never passes an order that was not
    applied. Raises a `ShopUnreachable` where the shop stops answering.
    """
    report = Report()
    with reading.transaction() as connection:
        known = shop_reads.find(connection, reading.store.id)
    for statuses, cursor, column in (
        (None, known.cursor_at, "cursor_at"),
        (_TRASH, known.trash_cursor_at, "trash_cursor_at"),
    ):
        for page, last in _changes(reading.shop, statuses, since=since or cursor, progress=progress):
            for document in page:
                _apply(reading, document, report, now=now)
            if not reading.is_dry and not report.failures and last is not None:
                _move_cursor(reading, column, last)
    if not reading.is_dry:
        with reading.transaction() as connection:
            shop_reads.change(connection, reading.store.id, polled_at=now)
    return report


def sweep(reading: Reading, *, now: datetime, limit: int, progress: Progress | None = None) -> tuple[Report, bool]:
    """Read again the orders of the last weeks that have grants, refunds or open questions, `limit` at most.

    Some changes reach nobody: a deleted refund, a permanent deletion. Goes on
    where the last call stopped; the report, and whether the sweep is through.
    """
    report = Report()
    with reading.transaction() as connection:
        after = shop_reads.find(connection, reading.store.id).swept_to or 0
        numbers = shop_reads.list_to_sweep(
            connection, reading.store.id, since=now - SWEEP_SPAN, after=after, limit=limit
        )
    for start in range(0, len(numbers), PAGE):
        some = numbers[start : start + PAGE]
        found = reading.shop.list_orders(modified_after=None, statuses=None, page=1, per_page=PAGE, include=some)
        documents = {document["id"]: document for document in found.items}
        for number in some:
            document = documents.get(number) or reading.shop.get_order(number)
            if document is None:
                _apply_gone(reading, number, report, now=now)
            else:
                _apply(reading, document, report, now=now)
        if progress is not None:
            progress(min(start + PAGE, len(numbers)), len(numbers))
        if not reading.is_dry:
            with reading.transaction() as connection:
                shop_reads.change(connection, reading.store.id, swept_to=some[-1])
    is_through = len(numbers) < limit
    if is_through and not reading.is_dry:
        with reading.transaction() as connection:
            shop_reads.change(connection, reading.store.id, swept_to=None, swept_at=now)
    return report, is_through


def open_reading(transaction: Transaction, shops_: Shops, store: Store, *, is_dry: bool = False) -> Reading | None:
    """The store's shop, ready to be read; None where no REST keys were given. Close its `shop` after use."""
    with transaction() as connection:
        client = shops_.client_of(connection, store)
    return None if client is None else Reading(transaction, store, client, is_dry)


def _changes(
    shop: ShopClient, statuses: tuple[str, ...] | None, *, since: datetime | None, progress: Progress | None
) -> Iterator[tuple[tuple[dict[str, Any], ...], datetime | None]]:
    """The changed orders page by page, in the order of their changes, each page with the last change in it.

    Each page begins at the last change seen and not at a page number: an order
    that changes in between moves to the end, and none slips past.
    """
    after = None if since is None else since - OVERLAP
    page, done = 1, 0
    while True:
        found = shop.list_changes(modified_after=after, statuses=statuses, page=page, per_page=PAGE)
        moments = [moment for item in found.items if (moment := _modified(item)) is not None]
        last = max(moments, default=None)
        done += len(found.items)
        if progress is not None:
            progress(done, max(done, done + found.total - len(found.items)))
        yield found.items, last
        if len(found.items) < PAGE or last is None:
            return
        following = last - timedelta(seconds=1)
        # A whole page within one second: only then is there nothing to begin at but the next page.
        page, after = (1, following) if after is None or following > after else (page + 1, after)


def _modified(document: dict[str, Any]) -> datetime | None:
    try:
        return datetime.fromisoformat(str(document.get("date_modified_gmt"))).replace(tzinfo=UTC)
    except ValueError:
        return None


def _move_cursor(reading: Reading, column: str, last: datetime) -> None:
    def forward(connection: Connection) -> None:
        known = getattr(shop_reads.find(connection, reading.store.id), column)
        if known is None or last > known:
            shop_reads.change(connection, reading.store.id, **{column: last})

    in_transaction(reading.transaction, forward)


def _apply(reading: Reading, document: dict[str, Any], report: Report, *, now: datetime) -> None:
    """Apply one order as it is now; a fault of this order alone is noted and stops no other."""
    try:
        order = replace(payloads.read_order(document), is_current=True)
    except InvalidRequest as error:
        report.failures.append(error.detail)
        return
    with reading.transaction() as connection:
        questions = shops.questions_of(connection, reading.store, order)
    found = shops.ask(reading.shop, questions) if questions.are_open else shops.Answers()
    order = shops.with_answers(order, found)

    def act(connection: Connection) -> Settled:
        for product in found.products:
            catalog.learn_product(connection, reading.store.id, payloads.read_product(product), now=now)
        return orders.apply_order(connection, reading.store, order, received_at=now, now=now)

    _settle(reading, order.number, act, report)


def _apply_gone(reading: Reading, number: int, report: Report, *, now: datetime) -> None:
    _settle(
        reading,
        number,
        lambda connection: orders.trash_order(connection, reading.store, number, delivery="", received_at=now, now=now),
        report,
    )


def _settle(reading: Reading, number: int, act: Callable[[Connection], Settled], report: Report) -> None:
    try:
        report.add(number, _looked(reading, act) if reading.is_dry else in_transaction(reading.transaction, act))
    except ShopUnreachable:
        raise
    except BridgeError as error:
        log.warning("order %d of store %s could not be applied: %s", number, reading.store.slug, error.detail)
        report.failures.append(f"order {number}: {error.detail}")


def _looked(reading: Reading, act: Callable[[Connection], Settled]) -> Settled:
    """What would be posted: the transaction is undone."""
    settled: list[Settled] = []
    try:
        with reading.transaction() as connection:
            settled.append(act(connection))
            raise _DryRun
    except _DryRun:
        return settled[0]
