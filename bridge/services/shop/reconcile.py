"""Reconciliation: read the shop's orders, and make the ledger agree with them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta

from bridge.domain.errors import NoShopKeys, ShopUnreachable, UnknownOrder
from bridge.domain.shop.errors import ShopCannotFilter
from bridge.domain.shop.health import Scan
from bridge.domain.shop.reconciliation import Report
from bridge.domain.stores.stores import Store
from bridge.services.orders import apply
from bridge.services.orders.settling import Settled
from bridge.services.shop import customers, health, ingest, paging, rest
from bridge.services.shop.ingest import SyncContext, always
from bridge.services.shop.paging import PAGE, Document, Progress
from bridge.services.shop.rest import Shops
from bridge.services.transactions import Transaction, in_transaction
from bridge.storage.engine import analyze
from bridge.storage.engine.database import Connection
from bridge.storage.shop import sync_state
from bridge.storage.stores import stores

log = logging.getLogger(__name__)

MOST_REQUESTS = 1_000_000
MOST_SECONDS = 24 * 3600.0
"""The limits of a run that a person started; runs of the scheduler have much lower ones."""
_LOOKED_AT = 500
"""After this many orders, and each ten times as many, the database refreshes its table statistics."""
_TRASH = ("trash",)
_BEHIND = timedelta(hours=26)
_CLOCKS_AGREE = timedelta(minutes=1)


def open_reading(
    transaction: Transaction,
    shops_: Shops,
    store: Store,
    *,
    is_dry: bool = False,
    may_go_on: Callable[[], bool] = always,
    requests: int = MOST_REQUESTS,
    seconds: float = MOST_SECONDS,
) -> SyncContext:
    """Return the store's shop, ready to be read; close its `shop` after use.

    It sends at most `requests` requests, and none after `seconds` seconds. Raises
    `NoShopKeys` without REST keys, and a `ShopUnreachable` if the keys or the address
    cannot be used.
    """
    with transaction() as connection:
        client = shops_.client_of(connection, store)
        aside = sync_state.find(connection, store.id).set_aside
    if client is None:
        raise NoShopKeys(
            f"the store {store.slug} has no REST keys, so its shop cannot be read;"
            f" set them with: flask stores keys {store.slug} --consumer-key ck_… --consumer-secret cs_…"
        )
    client.limit(requests=requests, seconds=seconds)
    client.leave_out([one.number for one in aside if one.kind == "order" and one.number])
    return SyncContext(transaction, store, client, is_dry, may_go_on)


def poll(sync: SyncContext, *, since: datetime | None, now: datetime, progress: Progress | None = None) -> Report:
    """Apply every order that changed in the shop since the cursor, or since a moment.

    The cursor follows what is proved complete and applied, so an interrupted run
    continues from there; it never passes an order that was not applied. If the shop
    stops responding, the report has the reason.
    """
    report = Report()
    with sync.transaction() as connection:
        known = sync_state.find(connection, sync.store.id)
    limit: ShopUnreachable | None = None
    try:
        if known.polled_at is None and sync.store.history != "grant":
            sync = _by_the_shops_clock(sync)
            with sync.transaction() as connection:
                known = sync_state.find(connection, sync.store.id)
        _poll(sync, None, "cursor_at", known.cursor_at, report, since=since, now=now, progress=progress)
        if not report.interruption:
            _poll(sync, _TRASH, "trash_cursor_at", known.trash_cursor_at, report, since=since, now=now)
    except ShopCannotFilter as error:
        limit = _read_all(sync, error, report, now=now, progress=progress)
    except ShopUnreachable as error:
        limit = error
        report.interruption = error.detail
        log.warning("the shop of store %s could not be read completely: %s", sync.store.slug, error.detail)
    if not sync.is_dry:
        health.note_run(sync, "poll", limit, report, now=now)
        if since is None and not report.interruption:
            ingest.note_position(sync, polled_at=now, unapplied=list(report.failures))
    return report


def _read_all(
    sync: SyncContext, fault: ShopCannotFilter, report: Report, *, now: datetime, progress: Progress | None
) -> ShopUnreachable:
    """Read all orders of a shop that cannot list changed ones, or only the newest between two full reads.

    The cursor does not move. Returns why the read is incomplete, which is `fault` if
    nothing else failed.
    """
    with sync.transaction() as connection:
        scan = sync_state.find(connection, sync.store.id).scan
    try:
        if not scan.is_due(now):
            newest = sync.shop.list_newest(per_page=PAGE)
            _apply_batch(sync, newest.items, report, now=now, progress=progress)
            return fault
        for number, page in paging.list_all_orders(sync.shop, first=scan.page, counted=scan.total):
            health.set_aside(sync, [("order", one) for one in page.broken], report, now=now)
            if not _apply_batch(sync, page.items, report, now=now, progress=progress, left=page.total):
                return fault
            ingest.note_position(sync, scan=Scan(number + 1, page.total))
        ingest.note_position(sync, scan=Scan(done_at=now))
    except ShopUnreachable as error:
        report.interruption = error.detail
        return error
    return fault


def _poll(
    sync: SyncContext,
    statuses: Sequence[str] | None,
    column: str,
    cursor: datetime | None,
    report: Report,
    *,
    since: datetime | None,
    now: datetime,
    progress: Progress | None = None,
) -> None:
    """Read one list of changes and apply it; the cursor in `column` follows."""
    failed_before, done = report.blocking, 0
    # Changes between the cursor and a later moment are not read, so the cursor must not skip them.
    moves = not sync.is_dry and (since is None or (cursor is not None and since <= cursor))
    changes = paging.list_changes(sync.shop, statuses, since=since or cursor, now=now)
    with closing(paging.read_ahead(changes)) as batches:
        for batch in batches:
            broken = [("order", one) for one in batch.broken]
            health.set_aside(sync, broken, report, now=now, after=batch.after, until=batch.until)
            if not _apply_batch(sync, batch.documents, report, now=now, progress=progress, done=done, left=batch.left):
                return
            health.give_up(sync, report, now=now)
            done += len(batch.documents)
            if moves and batch.complete_to is not None and report.blocking == failed_before:
                cursor = _move_cursor(sync, column, batch.complete_to, seen=cursor, now=now)


def _apply_batch(
    sync: SyncContext,
    documents: Sequence[Document],
    report: Report,
    *,
    now: datetime,
    progress: Progress | None,
    done: int = 0,
    left: int = 0,
) -> bool:
    """Apply some orders, a few at a time; False if the run was stopped before the last."""
    total = done + left
    for some in ingest.in_parts(documents):
        if not sync.may_go_on():
            report.interruption = "the run was stopped; the next run continues from here"
            return False
        ingest.apply_documents(sync, some, report, now=now)
        if not sync.is_dry and any(done < _LOOKED_AT * 10**times <= done + len(some) for times in range(4)):
            in_transaction(sync.transaction, analyze.refresh)
        done += len(some)
        if progress is not None:
            progress(done, max(done, total))
    return True


def read_one(sync: SyncContext, number: int, *, now: datetime) -> Report:
    """Read one order again and apply it, or reverse it if the shop no longer has it.

    Raises `UnknownOrder` if neither the shop nor the store has it, and a
    `ShopUnreachable`.
    """
    report = Report()
    with sync.transaction() as connection:
        is_known = apply.is_known(connection, sync.store, number)
    document = sync.shop.get_order(number)
    if document is not None:
        ingest.apply_documents(sync, [document], report, now=now)
        if waiting := customers.look_for(sync, [number], now=now):
            apply.check_all(sync.transaction, sync.store, [other for other in waiting if other != number], now=now)
            if number in waiting:
                # The buyer is known now: the report is of the order as it is granted.
                report = Report()
                ingest.apply_documents(sync, [document], report, now=now)
    elif is_known:
        ingest.apply_removal(sync, number, report, now=now)
    else:
        raise UnknownOrder(f"there is no order {number}")
    if not sync.is_dry:
        if not report.failed:
            health.withdraw(sync, number, now=now)
        rest.keep_access(sync.transaction, sync.store, sync.shop)
    return report


def check_order(transaction: Transaction, shops_: Shops, store: Store, number: int, *, now: datetime) -> Settled | None:
    """Read one order again and process it; without REST keys, process its stored state.

    None if neither the shop nor the store has the order. Raises a
    `ShopUnreachable`, and the reason why the order could not be applied.
    """
    with transaction() as connection:
        client = shops_.client_of(connection, store)
        is_known = apply.is_known(connection, store, number)
    if client is None:
        if not is_known:
            return None
        return in_transaction(transaction, lambda connection: apply.check_again(connection, store, number, now=now))
    with client as shop:
        sync = SyncContext(transaction, store, shop)
        document = shop.get_order(number)
        if document is None:
            if not is_known:
                return None
            return in_transaction(transaction, lambda connection: ingest.remove(connection, store, number, now=now))
        wanted = ingest.look_into(sync, document, requested_at=now)
        # At once: after any other request, the document may be outdated.
        settled = in_transaction(
            transaction, lambda connection: ingest.apply_document(connection, sync, wanted, now=now)
        )
        health.withdraw(sync, number, now=now)
        waiting = customers.look_for(sync, [number], now=now)
        rest.keep_access(transaction, store, shop)
    if number in waiting:
        settled = in_transaction(transaction, lambda connection: apply.check_again(connection, store, number, now=now))
    apply.check_all(transaction, store, [other for other in waiting if other != number], now=now)
    return settled


def _move_cursor(
    sync: SyncContext, column: str, complete_to: datetime, *, seen: datetime | None, now: datetime
) -> datetime | None:
    """Move a cursor forward and return it, not beyond our own clock: a future date would hide later changes."""
    goal = min(complete_to, now)

    def move(connection: Connection) -> datetime | None:
        known: datetime | None = getattr(sync_state.find(connection, sync.store.id), column)
        # A cursor that was reset meanwhile, so that everything is read again, stays reset.
        if (known is None and seen is not None) or (known is not None and known >= goal):
            return known
        sync_state.change(connection, sync.store.id, **{column: goal})
        return goal

    return in_transaction(sync.transaction, move)


def _by_the_shops_clock(sync: SyncContext) -> SyncContext:
    """Return the context with the moment of connecting in the shop's time, before it is used.

    Only if the shop's clock is behind: its first orders would otherwise seem to be
    placed before the connection.
    """
    offset = timedelta(seconds=sync.shop.clock().offset_seconds or 0)
    if sync.is_dry or not -_BEHIND <= offset <= -_CLOCKS_AGREE:
        return sync

    def shift(connection: Connection) -> Store:
        store, known = stores.get(connection, sync.store.id), sync_state.find(connection, sync.store.id)
        if known.polled_at is not None:
            return store
        moments = {"grants_from": store.grants_from, "asks_from": store.asks_from}
        stores.change(connection, store.id, {name: at + offset for name, at in moments.items() if at is not None})
        for column in ("cursor_at", "trash_cursor_at"):
            if (cursor := getattr(known, column)) is not None:
                sync_state.change(connection, store.id, **{column: cursor + offset})
        return stores.get(connection, store.id)

    return replace(sync, store=in_transaction(sync.transaction, shift))
