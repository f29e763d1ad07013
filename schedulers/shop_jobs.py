"""The jobs that read the shops, all in parallel: a slow or failing shop delays no other."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field

from bridge.domain.errors import NoShopKeys, ShopUnreachable
from bridge.domain.shop.reconciliation import Report
from bridge.domain.stores.stores import Store
from bridge.services.ops import clock
from bridge.services.shop import backfill, full_scan, monitor, product_import, reconcile
from bridge.services.shop.ingest import SyncContext
from bridge.services.shop.monitor import MonitorContext
from bridge.services.shop.reconcile import open_reading
from bridge.services.shop.rest import Shops
from bridge.services.stores import settings
from bridge.services.transactions import in_transaction
from schedulers.context import JobContext
from schedulers.side_by_side import Slot, for_each

log = logging.getLogger(__name__)

POLL_EVERY, FULL_SCAN_EVERY, WATCH_EVERY, IMPORT_EVERY, GRANT_EVERY = 900, 3600, 300, 60, 15
"""How many seconds lie between two runs of each job."""
FULL_SCANS_AT_ONCE = 200
_REQUESTS = 5_000
_SECONDS = 300.0
"""The limits of one shop in one run; a longer read continues in the next run."""


@dataclass(slots=True)
class _Done:
    """The result for one store: how it was read, or that it failed or was not read."""

    report: Report = field(default_factory=Report)
    count: int = 0
    repaired: int = 0
    clock_offset_seconds: int | None = None
    has_failed: bool = False


def reconcile_orders(context: JobContext, *, shops: Shops, every_seconds: float = POLL_EVERY) -> str:
    """Apply what changed in each store's shop since its cursor, before the next run is due."""

    def poll(store: Store, slot: Slot) -> Report:
        reading = _open(context, shops, store, slot)
        with reading.shop:
            return reconcile.poll(reading, since=None, now=context.clock())

    return _read_each(context, poll, every_seconds=every_seconds)


def full_scan_orders(context: JobContext, *, shops: Shops) -> str:
    """Read each store's orders of the last weeks again, once a night, from where the last full scan stopped."""

    def run_full_scan(store: Store, slot: Slot) -> Report | None:
        with context.database.reading() as connection:
            if not full_scan.is_full_scan_due(connection, store, now=context.clock()):
                return None
        total, is_through = Report(), False
        reading = _open(context, shops, store, slot)
        with reading.shop:
            while not is_through and context.may_go_on() and not total.interruption:
                report, is_through = full_scan.run_full_scan(reading, now=context.clock(), limit=FULL_SCANS_AT_ONCE)
                total.join(report)
        return total

    return _read_each(context, run_full_scan, every_seconds=FULL_SCAN_EVERY)


def import_packages(context: JobContext, *, shops: Shops) -> str:
    """Continue product imports that were interrupted, or are too long for the page that started them."""
    with context.database.reading() as connection:
        under_way = [
            store for store in settings.list_stores(connection) if product_import.is_under_way(connection, store)
        ]

    def go_on(store: Store, slot: Slot) -> _Done:
        reading = _open(context, shops, store, slot)
        with reading.shop:
            return _Done(count=product_import.go_on(reading, now=context.clock()).products)

    done = for_each(
        context, under_way, _guarded(go_on), every_seconds=IMPORT_EVERY, requests=_REQUESTS, seconds=_SECONDS
    )
    words = f"{sum(one.count for one in done)} products read"
    failed = sum(one.has_failed for one in done)
    return f"{words}, {failed} shops failed" if failed else words


def grant_past_orders(context: JobContext, *, shops: Shops) -> str:
    """Continue granting past orders, if the owner decided so and not all of them were read."""

    def grant(store: Store, slot: Slot) -> Report | None:
        return backfill.go_on(
            context.database.transaction,
            shops,
            store,
            now=context.clock(),
            may_go_on=context.may_go_on,
            seconds=slot.seconds,
        )

    # A run may take longer than the interval, because owners wait for the first results.
    return _read_each(context, grant, every_seconds=WATCH_EVERY)


def watch_webhooks(context: JobContext, *, shops: Shops, public_url: str, installation: str = "") -> str:
    """Check that each shop still delivers its orders; if not, repair, read orders and report."""
    monitoring = MonitorContext(context.database.transaction, shops, public_url, context.may_go_on, installation)

    def watch(store: Store, _slot: Slot) -> _Done:
        watched = monitor.watch(monitoring, store, now=context.clock())
        return _Done(
            count=len(watched.found),
            repaired=watched.repaired,
            clock_offset_seconds=watched.clock_offset_seconds,
        )

    done = for_each(
        context, _stores(context), _guarded(watch), every_seconds=WATCH_EVERY, requests=_REQUESTS, seconds=_SECONDS
    )
    offsets = [one.clock_offset_seconds for one in done if one.clock_offset_seconds is not None]
    in_transaction(
        context.database.transaction, lambda connection: clock.record_shops(connection, offsets, now=context.clock())
    )
    words = f"{sum(one.count for one in done)} faults, {sum(one.repaired for one in done)} repaired"
    failed = sum(one.has_failed for one in done)
    return f"{words}, {failed} failed" if failed else words


def _open(context: JobContext, shops: Shops, store: Store, slot: Slot) -> SyncContext:
    return open_reading(
        context.database.transaction,
        shops,
        store,
        may_go_on=context.may_go_on,
        requests=slot.requests,
        seconds=slot.seconds,
    )


def _stores(context: JobContext) -> list[Store]:
    with context.database.reading() as connection:
        return settings.list_stores(connection)


def _guarded(work: Callable[[Store, Slot], _Done]) -> Callable[[Store, Slot], _Done]:
    """Return the work for one store, which raises nothing: a fault of a shop is logged and counted."""

    def guarded(store: Store, slot: Slot) -> _Done:
        try:
            return work(store, slot)
        except NoShopKeys:
            return _Done()
        except ShopUnreachable as error:
            log.warning("the shop of store %s could not be read: %s", store.slug, error.detail)
        except Exception:
            log.exception("the shop of store %s could not be read", store.slug)
        return _Done(has_failed=True)

    return guarded


def _read_each(context: JobContext, read: Callable[[Store, Slot], Report | None], *, every_seconds: float) -> str:
    def one(store: Store, slot: Slot) -> _Done:
        report = read(store, slot) or Report()
        return _Done(report, has_failed=bool(report.interruption))

    done = for_each(
        context, _stores(context), _guarded(one), every_seconds=every_seconds, requests=_REQUESTS, seconds=_SECONDS
    )
    total = Report()
    for each in done:
        total.join(each.report)
    failed = sum(each.has_failed for each in done)
    words = f"{total.seen} orders read, {total.changed} changed, {total.failed} not applied"
    return f"{words}, {failed} shops failed" if failed else words
