"""The jobs that ask the shops: one that cannot be reached stops no other."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable, Iterator

from bridge.domain.errors import NoShopKeys, ShopUnreachable
from bridge.domain.reconciliation import Report
from bridge.domain.stores import Store
from bridge.services import backfill, catalog_import, reconciliation, stores, watchdog
from bridge.services.reconciliation import open_reading
from bridge.services.shops import Shops
from bridge.services.watchdog import Post
from schedulers.shift import Shift

log = logging.getLogger(__name__)

SWEPT_AT_ONCE = 200


def reconcile_orders(shift: Shift, *, shops: Shops) -> str:
    """Apply what changed in each store's shop since its cursor; a shop that cannot be reached stops no other."""

    def poll(store: Store) -> Report:
        reading = open_reading(shift.database.transaction, shops, store, may_go_on=shift.may_go_on)
        with reading.shop:
            return reconciliation.poll(reading, since=None, now=shift.clock())

    return _for_each_store(shift, poll)


def sweep_orders(shift: Shift, *, shops: Shops) -> str:
    """Read again each store's orders of the last weeks, once a night, where the last sweep stopped."""

    def sweep(store: Store) -> Report | None:
        with shift.database.reading() as connection:
            if not reconciliation.is_sweep_due(connection, store, now=shift.clock()):
                return None
        reading = open_reading(shift.database.transaction, shops, store, may_go_on=shift.may_go_on)
        total, is_through = Report(), False
        with reading.shop:
            while not is_through and shift.may_go_on() and not total.interruption:
                report, is_through = reconciliation.sweep(reading, now=shift.clock(), limit=SWEPT_AT_ONCE)
                total.join(report)
        return total

    return _for_each_store(shift, sweep)


def import_packages(shift: Shift, *, shops: Shops) -> str:
    """Go on with imports of products that were cut off, or are too long for the page that began them."""
    read = failed = 0
    for store in _stores(shift):
        with shift.database.reading() as connection:
            if not catalog_import.is_under_way(connection, store):
                continue
        try:
            reading = open_reading(shift.database.transaction, shops, store, may_go_on=shift.may_go_on)
            with reading.shop:
                read += catalog_import.go_on(reading, now=shift.clock()).products
        except (NoShopKeys, ShopUnreachable) as error:
            log.warning("the products of store %s could not be read: %s", store.slug, error.detail)
            failed += 1
        except Exception:
            log.exception("the products of store %s could not be read", store.slug)
            failed += 1
    words = f"{read} products read"
    return f"{words}, {failed} shops failed" if failed else words


def grant_past_orders(shift: Shift, *, shops: Shops) -> str:
    """Go on with granting past orders, where an owner decided so and not all of them were read."""

    def grant(store: Store) -> Report | None:
        return backfill.go_on(shift.database.transaction, shops, store, now=shift.clock(), may_go_on=shift.may_go_on)

    return _for_each_store(shift, grant)


def watch_webhooks(shift: Shift, *, shops: Shops, public_url: str) -> str:
    """See whether each shop still tells us of its orders; repair, read back and tell where it does not."""
    post = Post(shift.database.transaction, shops, public_url, shift.may_go_on)
    found = repaired = failed = 0
    for store in _stores(shift):
        try:
            watched = watchdog.watch(post, store, now=shift.clock())
            found, repaired = found + len(watched.found), repaired + watched.repaired
        except Exception:
            log.exception("store %s could not be watched", store.slug)
            failed += 1
    words = f"{found} faults, {repaired} repaired"
    return f"{words}, {failed} failed" if failed else words


def _stores(shift: Shift) -> Iterator[Store]:
    with shift.database.reading() as connection:
        found = stores.list_stores(connection)
    return itertools.takewhile(lambda _: shift.may_go_on(), found)


def _for_each_store(shift: Shift, read: Callable[[Store], Report | None]) -> str:
    total, failed = Report(), 0
    for store in _stores(shift):
        try:
            report = read(store)
        except NoShopKeys:
            continue
        except ShopUnreachable as error:
            log.warning("the shop of store %s could not be read: %s", store.slug, error.detail)
            failed += 1
        except Exception:
            log.exception("the shop of store %s could not be read", store.slug)
            failed += 1
        else:
            failed += bool(report and report.interruption)
            total.join(report or Report())
    words = f"{total.seen} orders read, {total.changed} changed, {total.failed} not applied"
    return f"{words}, {failed} shops failed" if failed else words
