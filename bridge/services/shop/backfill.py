"""Grant past orders: read the shop from its first order, in the background, with stored progress."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from bridge.domain.errors import NoShopKeys
from bridge.domain.shop.reconciliation import Report
from bridge.domain.stores.stores import Store
from bridge.services.orders import apply, late_packages
from bridge.services.shop import reconcile
from bridge.services.shop.ingest import always
from bridge.services.shop.paging import Progress
from bridge.services.shop.rest import Shops
from bridge.services.transactions import Transaction, in_transaction
from bridge.storage.engine.database import Connection
from bridge.storage.orders import pending
from bridge.storage.shop import sync_state

_TOGETHER = 50


def begin(connection: Connection, store_id: int) -> None:
    """Record that past orders are to be granted; `go_on` grants them."""
    sync_state.change(connection, store_id, past_done=0, past_total=0)


def stop(connection: Connection, store_id: int) -> None:
    """Record that past orders are no longer to be granted."""
    sync_state.change(connection, store_id, past_done=None, past_total=None)


def progress_of(connection: Connection, store_id: int) -> tuple[int, int] | None:
    """Return how many past orders a run has read, and how many there are (0 if unknown); None if none runs."""
    known = sync_state.find(connection, store_id)
    return None if known.past_done is None else (known.past_done, known.past_total)


def go_on(
    transaction: Transaction,
    shops: Shops,
    store: Store,
    *,
    now: datetime,
    may_go_on: Callable[[], bool] = always,
    seconds: float = reconcile.MOST_SECONDS,
    progress: Progress | None = None,
) -> Report | None:
    """Grant past orders from where the last run stopped; None if there is nothing to do.

    Safe to interrupt and repeat. Without REST keys, the stored orders are granted.
    Raises a `ShopUnreachable`.
    """
    with transaction() as connection:
        begun = progress_of(connection, store.id)
    if begun is None:
        return None
    before = begun[0]

    def note(done: int, total: int) -> None:
        _note(transaction, store, before + done, before + total)
        if progress is not None:
            progress(before + done, before + total)

    try:
        sync = reconcile.open_reading(transaction, shops, store, may_go_on=may_go_on, seconds=seconds)
    except NoShopKeys:
        report = Report()
        if not _release_known(transaction, store, now=now, may_go_on=may_go_on):
            return report
    else:
        with sync.shop:
            report = reconcile.poll(sync, since=None, now=now, progress=note)
        if report.interruption:
            return report
    late_packages.settle_store(transaction, store, now=now, may_go_on=may_go_on)
    if may_go_on():
        in_transaction(transaction, lambda connection: stop(connection, store.id))
    return report


def _note(transaction: Transaction, store: Store, done: int, total: int) -> None:
    def note(connection: Connection) -> None:
        # A run that was stopped meanwhile stays stopped.
        if progress_of(connection, store.id) is not None:
            sync_state.change(connection, store.id, past_done=done, past_total=max(done, total))

    in_transaction(transaction, note)


def _release_known(transaction: Transaction, store: Store, *, now: datetime, may_go_on: Callable[[], bool]) -> bool:
    """Process the stored past orders that were withheld; False if it was stopped before the last."""
    after = 0
    while may_go_on():
        with transaction() as connection:
            some = pending.list_withheld(connection, store, after=after, limit=_TOGETHER)
        if not some:
            return True
        apply.check_together(transaction, store, some, now=now)
        after = some[-1]
    return False
