"""The full scan: read recent orders again each night, because some changes are never delivered."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta

from bridge.clients.woocommerce import documents as payloads
from bridge.clients.woocommerce.lists import Broken
from bridge.domain.errors import InvalidRequest, ShopUnreachable
from bridge.domain.ops.clock import TOLERANCE
from bridge.domain.orders.past_orders import BEHIND
from bridge.domain.shop.errors import ShopBroken, ShopPageBroken
from bridge.domain.shop.reconciliation import Report, last_night
from bridge.domain.stores.stores import Store
from bridge.services.orders import apply
from bridge.services.shop import customers, health, ingest
from bridge.services.shop.ingest import SyncContext
from bridge.services.shop.paging import PAGE, Document, Progress
from bridge.storage.engine.database import Connection
from bridge.storage.shop import sync_state
from bridge.storage.stores import stores

log = logging.getLogger(__name__)

FULL_SCAN_SPAN = timedelta(days=60)
MOST_GONE = 10
"""If more orders than this, and more than half of those requested, are missing, it is another shop or an old copy."""
_COMPARED = 200  # The orders of one part of a whole comparison.


def run_full_scan(
    sync: SyncContext, *, now: datetime, limit: int, progress: Progress | None = None
) -> tuple[Report, bool]:
    """Read the orders of the last weeks with grants, refunds or review items again, `limit` at most.

    Some changes are never delivered: a deleted refund, a permanent deletion. New
    orders that a sync by date cannot find are read as well, see `_read_unknown`.
    Continues where the last call stopped; returns the report, and whether it is done.
    """
    report = Report()
    with sync.transaction() as connection:
        after = sync_state.find(connection, sync.store.id).swept_to or 0
        numbers = sync_state.list_due_for_full_scan(
            connection, sync.store.id, since=now - FULL_SCAN_SPAN, after=after, limit=limit
        )
    try:
        if not after:
            health.retry(sync, report, now=now)
            _read_unknown(sync, report, now=now)
        for start in range(0, len(numbers), PAGE):
            if not sync.may_go_on():
                return report, False
            some = numbers[start : start + PAGE]
            if not _scan(sync, some, report, now=now):
                ingest.note_position(sync, swept_to=None, swept_at=now)
                health.note_run(sync, "sweep", ShopBroken(report.failures[-1]), report, now=now)
                return report, True
            if progress is not None:
                progress(start + len(some), len(numbers))
            ingest.note_position(sync, swept_to=some[-1])
            # Recorded first: missing customer data must not stop orders from being read.
            waiting = customers.look_for(sync, some, now=now, sparingly=True)
            apply.check_all(sync.transaction, sync.store, waiting, now=now)
    except ShopUnreachable as error:
        report.interruption = error.detail
        log.warning("the full scan of store %s stopped: %s", sync.store.slug, error.detail)
        health.note_run(sync, "sweep", error, report, now=now)
        return report, False
    is_through = len(numbers) < limit
    if is_through:
        ingest.note_position(sync, swept_to=None, swept_at=now)
        health.note_run(sync, "sweep", None, report, now=now)
    return report, is_through


def _read_unknown(sync: SyncContext, report: Report, *, now: datetime) -> None:
    """Apply the newest orders that are not known: their delivery was lost, and a clock set back dated them too early.

    Orders from before the shop was connected are left to the owner's decision about them.
    """
    try:
        newest = sync.shop.list_newest(per_page=PAGE)
    except ShopPageBroken:
        # One of them fails in the shop: the sync names it and sets it aside.
        return
    with sync.transaction() as connection:
        begin = stores.connected_at(connection, sync.store.id)
        unknown = [one for one in newest.items if not apply.is_known(connection, sync.store, one["id"])]
    if begin is not None:
        missed = [one for one in unknown if _is_placed_after(one, begin - BEHIND)]
        for some in ingest.in_parts(missed):
            ingest.apply_documents(sync, some, report, now=now)


def _is_placed_after(document: Document, moment: datetime) -> bool:
    try:
        order = payloads.read_order(document)
    except InvalidRequest:
        return False
    return (order.placed_at or order.modified_at) >= moment


def compare_all(sync: SyncContext, *, now: datetime, progress: Progress | None = None) -> Report:
    """Run the whole nightly comparison now, from its first order on."""
    if not sync.is_dry:
        ingest.note_position(sync, swept_to=None)
        total, is_through = Report(), False
        while not is_through and sync.may_go_on() and not total.interruption:
            report, is_through = run_full_scan(sync, now=now, limit=_COMPARED, progress=progress)
            total.join(report)
        return total
    return _compare_dry(sync, now=now, progress=progress)


def _compare_dry(sync: SyncContext, *, now: datetime, progress: Progress | None) -> Report:
    """Return what the comparison would post; a dry run stores no position, so it is kept here."""
    report, after = Report(), 0
    try:
        while True:
            with sync.transaction() as connection:
                numbers = sync_state.list_due_for_full_scan(
                    connection, sync.store.id, since=now - FULL_SCAN_SPAN, after=after, limit=PAGE
                )
            if not numbers or not _scan(sync, numbers, report, now=now):
                return report
            after = numbers[-1]
            if progress is not None:
                progress(report.seen, report.seen + 1)
    except ShopUnreachable as error:
        report.interruption = error.detail
        return report


def is_full_scan_due(connection: Connection, store: Store, *, now: datetime) -> bool:
    """Return whether a full scan was interrupted, or none ran since 3 a.m. in the store's time zone."""
    known = sync_state.find(connection, store.id)
    if known.swept_to is not None or known.swept_at is None:
        return True
    # A full scan in the future was recorded while the clock was ahead, and must not delay the next one.
    return not last_night(store.calendar.zone, now=now) <= known.swept_at <= now + TOLERANCE


def _scan(sync: SyncContext, numbers: Sequence[int], report: Report, *, now: datetime) -> bool:
    """Read these orders again; False if the shop is not plausible and nothing was done."""
    found = sync.shop.list_orders(modified_after=None, statuses=None, page=1, per_page=PAGE, include=numbers)
    health.set_aside(sync, [("order", one) for one in found.broken], report, now=now)
    hidden = {one.id for one in found.broken}
    documents: dict[int, Document | None] = {document["id"]: document for document in found.items}
    numbers = [number for number in numbers if number not in hidden]
    for number in numbers:
        if number not in documents:
            try:
                documents[number] = sync.shop.get_order(number)
            except ShopPageBroken as error:
                health.set_aside(sync, [("order", Broken(number, error.detail))], report, now=now)
                hidden.add(number)
    numbers = [number for number in numbers if number not in hidden]
    gone = [number for number in numbers if documents[number] is None]
    if len(gone) >= MOST_GONE and 2 * len(gone) > len(numbers):
        report.fail(
            f"the shop no longer has {len(gone)} of {len(numbers)} orders, {gone[0]} among them. It may be another"
            " shop or an old copy, so nothing was reversed; check an order by hand to confirm"
        )
        return False
    subscription_state = [document for number in numbers if (document := documents[number]) is not None]
    for some in ingest.in_parts(subscription_state):
        ingest.apply_documents(sync, some, report, now=now)
    for number in gone:
        ingest.apply_removal(sync, number, report, now=now)
    return True
