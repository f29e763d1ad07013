"""Parts of a shop that could not be read: set aside, and retried each night."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

from bridge.clients.woocommerce import documents as payloads
from bridge.clients.woocommerce.lists import Broken
from bridge.domain.errors import ShopUnreachable
from bridge.domain.shop.errors import ShopBroken, ShopInMaintenance, ShopPageBroken, ShopSilent
from bridge.domain.shop.health import MAX_SET_ASIDE, SetAside, Stop, joined, without
from bridge.domain.shop.reconciliation import Report
from bridge.domain.stores.stores import Store
from bridge.services.orders import apply, packages
from bridge.services.shop import ingest, paging
from bridge.services.shop.ingest import SyncContext
from bridge.services.transactions import Transaction, in_transaction
from bridge.storage.engine.database import Connection
from bridge.storage.shop import sync_state

FAILING = "failing order"
"""The kind of an order that failed on its own in the last run and is not set aside yet."""
_PATIENCE = timedelta(hours=1)
_RECENT = timedelta(hours=2)
"""For how long a failure says something about the shop of now."""
_EPOCH = datetime.fromtimestamp(0, UTC)


def note_run(sync: SyncContext, kind: str, fault: ShopUnreachable | None, report: Report, *, now: datetime) -> None:
    """Record how a run ended: why it stopped, since when such runs stop, and how the shop was reached."""

    def note(connection: Connection) -> None:
        known = sync_state.find(connection, sync.store.id)
        stopped = dict(known.stopped)
        before = stopped.pop(kind, None)
        if fault is not None:
            stopped[kind] = Stop(before.since if before else now, fault.code, fault.detail)
        elif report.interruption and before is not None:
            # The run was stopped: the next run shows whether the problem is over.
            stopped[kind] = before
        values: dict[str, object] = {}
        if stopped != known.stopped:
            values["stopped"] = stopped
        if kind == "poll" and not report.interruption:
            failing = [SetAside(FAILING, number, why, now) for number, why in report.failing.items()]
            others = tuple(one for one in known.set_aside if one.kind != FAILING or one.number in report.failing)
            if (every := joined(others, failing)) != known.set_aside:
                values["set_aside"] = every
        if sync.shop.access != known.access:
            values["access"] = sync.shop.access
        if values:
            sync_state.change(connection, sync.store.id, **values)

    in_transaction(sync.transaction, note)


def is_away(connection: Connection, store: Store, *, now: datetime) -> bool:
    """Return whether the shop did not answer, or was in maintenance, when it was last read; nothing is sent to it."""
    known = sync_state.find(connection, store.id)
    tried_at = [known.tried_at] if known.tried_at is not None else []
    return any(
        stop.code in {ShopSilent.code, ShopInMaintenance.code} and now - max([stop.since, *tried_at]) < _RECENT
        for stop in known.stopped.values()
    )


def note_try(transaction: Transaction, store: Store, *, now: datetime) -> None:
    """Record the attempt of a store whose last run did not finish."""
    in_transaction(transaction, lambda connection: sync_state.change(connection, store.id, tried_at=now))


def in_lanes(connection: Connection, stores: Sequence[Store]) -> tuple[list[Store], list[Store]]:
    """Return the stores whose last run succeeded, and the others, the one that waited longest first."""
    known = {store.id: sync_state.find(connection, store.id) for store in stores}
    slow = [store for store in stores if known[store.id].stopped]
    quick = [store for store in stores if not known[store.id].stopped]
    return quick, sorted(slow, key=lambda store: known[store.id].tried_at or _EPOCH)


def give_up(sync: SyncContext, report: Report, *, now: datetime) -> None:
    """Set aside the orders of a report that have failed on their own for an hour, so that reading continues.

    Until then the cursor waits for them, because most failures are temporary.
    """
    if not report.failing or sync.is_dry:
        return
    with sync.transaction() as connection:
        known = sync_state.find(connection, sync.store.id).set_aside
    due = {one.number for one in known if one.kind == FAILING and now - one.since >= _PATIENCE}
    new = [SetAside("order", number, why, now) for number, why in report.failing.items() if number in due]
    for one in new:
        report.give_up(one.number)
    if new:
        _change(sync, lambda every: joined(every, new))


def set_aside(
    sync: SyncContext,
    broken: Sequence[tuple[str, Broken]],
    report: Report,
    *,
    now: datetime,
    after: datetime | None = None,
    until: datetime | None = None,
) -> None:
    """Store documents that the shop cannot return, so that reading continues after them.

    Raises `ShopBroken` if too many are set aside: then the whole shop fails.
    """
    new = [SetAside(kind, one.id, one.why, now, one.above, one.below, after, until) for kind, one in broken]
    for one in new:
        report.put_aside(f"{one.name} is set aside, because the shop cannot return it: {one.why}")
    if new and not sync.is_dry:
        _change(sync, lambda known: joined(known, new))


def withdraw(sync: SyncContext, number: int, *, now: datetime) -> None:
    """Remove an order that could be read after all, also where it was set aside without its number.

    The orders around one of an unknown number are read again: it is removed if the
    shop returns all of them.
    """
    with sync.transaction() as connection:
        known = sync_state.find(connection, sync.store.id).set_aside
    done = [one for one in known if one.kind == "order" and one.number == number]
    for one in known:
        if one.kind == "order" and one.may_be(number):
            with contextlib.suppress(ShopUnreachable):
                done += [one] if _retry_window(sync, one, Report(), now=now) else []
    if done:
        _change(sync, lambda known: without(known, done))


def retry(sync: SyncContext, report: Report, *, now: datetime) -> None:
    """Retry the documents set aside; apply and remove those that can be read. Raises a `ShopUnreachable`."""
    with sync.transaction() as connection:
        known = sync_state.find(connection, sync.store.id).set_aside
    for one in known:
        if one.kind == FAILING or not sync.may_go_on():
            continue
        if one.kind == "product":
            _retry_product(sync, one, now=now)
            continue
        try:
            is_done = (
                _retry_order(sync, one.number, report, now=now)
                if one.number
                else _retry_window(sync, one, report, now=now)
            )
        except ShopPageBroken as error:
            set_aside(sync, [("order", Broken(one.number, error.detail, one.above, one.below))], report, now=now)
            continue
        if is_done and not sync.is_dry:
            done = one
            _change(sync, lambda every: without(every, [done]))  # noqa: B023 -- called at once


def note_products(sync: SyncContext, broken: Sequence[Broken], *, now: datetime) -> None:
    """Store the products that the shop cannot return."""
    new = [SetAside("product", one.id, one.why, now, one.above, one.below) for one in broken]
    if new:
        _change(sync, lambda known: joined(known, new))


def _retry_product(sync: SyncContext, one: SetAside, *, now: datetime) -> None:
    """Read a product again; one with an unknown number is left to the next import."""
    try:
        document = sync.shop.get_product(one.number) if one.number else None
    except ShopPageBroken:
        return
    if document is not None:
        product = payloads.read_product(document)
        in_transaction(
            sync.transaction,
            lambda connection: packages.merge_product(connection, sync.store.id, product, now=now),
        )
    _change(sync, lambda every: without(every, [one]))


def _retry_order(sync: SyncContext, number: int, report: Report, *, now: datetime) -> bool:
    failed_before = report.failed
    document = sync.shop.get_order(number)
    if document is None:
        with sync.transaction() as connection:
            is_known = apply.is_known(connection, sync.store, number)
        if is_known:
            ingest.apply_removal(sync, number, report, now=now)
    else:
        ingest.apply_documents(sync, [document], report, now=now)
    return report.failed == failed_before


def _retry_window(sync: SyncContext, one: SetAside, report: Report, *, now: datetime) -> bool:
    """Read the orders around one with an unknown number again; return whether the shop returns all of them."""
    failed_before = report.failed
    for batch in paging.list_window(sync.shop, after=one.after, until=one.until):
        ingest.apply_documents(sync, batch.documents, report, now=now)
        if batch.broken:
            set_aside(
                sync, [("order", found) for found in batch.broken], report, now=now, after=one.after, until=one.until
            )
            return all(found.id for found in batch.broken)
    return report.failed == failed_before


def _change(sync: SyncContext, act: Callable[[tuple[SetAside, ...]], tuple[SetAside, ...]]) -> None:
    def change(connection: Connection) -> None:
        known = sync_state.find(connection, sync.store.id).set_aside
        every = act(known)
        if len(every) > max(MAX_SET_ASIDE, len(known)):
            raise ShopBroken(f"the shop cannot return more than {MAX_SET_ASIDE} of its documents")
        sync_state.change(connection, sync.store.id, set_aside=every)

    in_transaction(sync.transaction, change)
