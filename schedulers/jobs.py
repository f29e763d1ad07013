"""The jobs: each processes a limited batch of ids, one transaction per id, and may run twice or late."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from datetime import datetime
from functools import partial

from bridge.services.events import dispatch
from bridge.services.metering import expiry, opened_windows
from bridge.services.ops import nightly_audit, prune_guard, retention
from bridge.services.orders import late_packages, pending
from bridge.services.secrets import Vault
from bridge.services.shop import inbox, processing
from bridge.services.shop.rest import Shops
from bridge.services.stores import settings
from bridge.services.transactions import in_transaction
from schedulers.context import JobContext, pause

log = logging.getLogger(__name__)

BATCH = 200
AUDIT_EVERY = 3600
"""How many seconds lie between two checks whether the nightly audit is due, or continues."""
_MOST_FAILED = 1000
"""How many failed holds end a run: each costs a transaction, and the next run retries it."""


def retry_deliveries(context: JobContext, *, shops: Shops | None = None) -> str:
    """Process the deliveries that are due: those that failed, were interrupted, or were replayed."""
    now = context.clock()
    with context.database.reading() as connection:
        due = inbox.list_due(connection, now=now, limit=BATCH)
    done = failed = 0
    for delivery_id in due:
        if not context.may_go_on():
            break
        is_done = processing.process_stored(context.database.transaction, delivery_id, now=now, shops=shops)
        context.metrics.note_processed(is_done)
        if is_done:
            done += 1
        else:
            failed += 1
    return _outcome(done, "processed", failed)


def settle_open_orders(context: JobContext) -> str:
    """Process orders whose buyer or package is known by now, without a new delivery from the shop."""
    now = context.clock()
    with context.database.reading() as connection:
        unpaid = pending.list_unpaid(connection, now=now, limit=BATCH)
    done, failed = _settle_orders(context, unpaid, now=now)
    after = pending.START
    while context.may_go_on():
        with context.database.reading() as connection:
            ready = pending.list_ready(connection, after=after, limit=BATCH)
        if not ready:
            break
        more, worse = _settle_orders(context, ready, now=now)
        done, failed = done + more, failed + worse
        after = ready[-1]
    return _outcome(done, "settled", failed)


def _settle_orders(context: JobContext, places: Sequence[tuple[int, int]], *, now: datetime) -> tuple[int, int]:
    """Process orders one by one, so that a failure stops no other; return how many succeeded and failed."""
    failed = 0
    for place in places:
        try:
            in_transaction(context.database.transaction, partial(pending.settle, place=place, now=now))
        except Exception:
            log.exception("order %d of store %d could not be processed", place[1], place[0])
            failed += 1
    return len(places) - failed, failed


def settle_past_orders(context: JobContext) -> str:
    """Process orders from before their product was a package, if the owner has decided about them."""
    done = failed = 0
    with context.database.reading() as connection:
        found = settings.list_stores(connection)
    for store in found:
        if not context.may_go_on():
            break
        try:
            done += late_packages.settle_store(
                context.database.transaction, store, now=context.clock(), may_go_on=context.may_go_on
            )
        except Exception:
            log.exception("the past orders of store %s could not be processed", store.slug)
            failed += 1
    return _outcome(done, "settled", failed)


def expire_holds(context: JobContext) -> str:
    """Mark expired holds, and send events about balances that are available again."""
    expired, failed = 0, frozenset[int]()
    while context.may_go_on():
        began = time.monotonic()
        batch = expiry.expire_due(context.database.transaction, now=context.clock(), limit=BATCH, skip=failed)
        failed |= batch.failed
        expired += batch.found - len(batch.failed)
        if batch.found < BATCH or len(failed) >= _MOST_FAILED:
            break
        pause(began)
    return _outcome(expired, "expired", len(failed))


def due_windows(context: JobContext) -> str:
    """Record the windows that opened, and notify users who had used up the previous one."""
    now = context.clock()
    with context.database.reading() as connection:
        due = opened_windows.list_due(connection, now=now)
    done = failed = 0
    for key in due:
        try:
            act = partial(opened_windows.announce, key=key, now=now)
            while context.may_go_on() and not in_transaction(context.database.transaction, act):
                log.debug("more users of store %d to notify of %s", *key[:2])
            done += 1
        except Exception:
            log.exception("a window of %s in store %d could not be announced", key[1], key[0])
            failed += 1
    return _outcome(done, "announced", failed)


def audit_records(context: JobContext) -> str:
    """Check all records once a night, a bounded time in each run; the Connection pages report faults."""
    with context.database.reading() as connection:
        if not nightly_audit.is_due(connection, now=context.clock()):
            return "not due"
    result = nightly_audit.go_on(context.database, clock=context.clock, may_go_on=context.may_go_on, pause=pause)
    return "continues" if result is None else f"{result.faults} faults"


def send_events(context: JobContext, *, vault: Vault, public_url: str) -> str:
    """Assign waiting events to endpoints, and send those that are due."""
    sent = dispatch.send_events(
        context.database.transaction,
        vault_=vault,
        public_url=public_url,
        clock=context.clock,
        may_go_on=context.may_go_on,
    )
    return f"{sent} attempts"


def prune_and_record(context: JobContext) -> str:
    """Prune, and record the numbers deleted: a later run that would delete far more is refused."""
    return prune(context, is_recorded=True)


def prune(context: JobContext, *, is_recorded: bool = False, is_forced: bool = False) -> str:
    """Delete expired rows in small transactions, between which others may write; nothing if the clock looks wrong."""
    if not is_forced:
        with context.database.reading() as connection:
            reason = prune_guard.find_refusal(connection, now=context.clock(), is_regular=is_recorded)
        if reason:
            log.error("nothing was pruned: %s", reason)
            return f"{prune_guard.REFUSED}: {reason}"
    removed: dict[str, int] = {}
    for name, step in retention.steps(now=context.clock()).items():
        removed[name] = 0
        while context.may_go_on():
            began = time.monotonic()
            count = in_transaction(context.database.transaction, step)
            removed[name] += count
            if count == 0:
                break
            pause(began)
    if is_recorded:
        in_transaction(
            context.database.transaction,
            lambda connection: prune_guard.record(connection, removed, now=context.clock()),
        )
    return ", ".join(f"{count} {name}" for name, count in removed.items())


def _outcome(done: int, verb: str, failed: int) -> str:
    return f"{done} {verb}, {failed} failed" if failed else f"{done} {verb}"
