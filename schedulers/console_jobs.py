"""The jobs of the console: the use of stores by day, the figures of large stores, bulk changes and erasures."""

from __future__ import annotations

import logging
import time

from bridge.services.admin import bulk_changes, rollups
from bridge.services.ops import account_erasure
from bridge.services.stores import settings
from schedulers.context import JobContext, pause

log = logging.getLogger(__name__)

ROLL_UP_EVERY, GROUPS_EVERY, REFRESH_EVERY, BULK_EVERY, ERASE_EVERY = 60, 300, 60, 3, 20


def roll_up(context: JobContext) -> str:
    """Add up the use of all stores on the days that may have changed."""
    written = rollups.roll_up(
        context.database.reading, context.database.transaction, now=context.clock(), may_go_on=context.may_go_on
    )
    return f"{written} days"


def roll_up_groups(context: JobContext) -> str:
    """Add up the use of all stores by every property on the days that may have changed."""
    written = rollups.roll_up_groups(
        context.database.reading, context.database.transaction, now=context.clock(), may_go_on=context.may_go_on
    )
    return f"{written} days"


def refresh_figures(context: JobContext) -> str:
    """Update the figures by which users of large stores are sorted; a store that fails does not stop the others."""
    written = failed = 0
    with context.database.reading() as connection:
        found = settings.list_stores(connection)
    for store in found:
        if not context.may_go_on():
            break
        try:
            written += rollups.refresh(
                context.database.reading,
                context.database.transaction,
                store,
                now=context.clock(),
                may_go_on=context.may_go_on,
            )
        except Exception:
            log.exception("the figures of store %s could not be brought up to date", store.slug)
            failed += 1
    return f"{written} users" + (f", {failed} stores failed" if failed else "")


def apply_bulk_changes(context: JobContext) -> str:
    """Apply the rows of confirmed bulk changes; one that fails does not stop the others."""
    ended = failed = 0
    with context.database.reading() as connection:
        running = bulk_changes.list_running(connection)
    for bulk_id in running:
        has_ended = False
        try:
            while context.may_go_on() and not has_ended:
                began = time.monotonic()
                has_ended = bulk_changes.apply(context.database.transaction, bulk_id, now=context.clock())
                pause(began)
            ended += has_ended
        except Exception:
            log.exception("bulk change %d could not be applied", bulk_id)
            failed += 1
    return f"{ended} ended" + (f", {failed} failed" if failed else "")


def go_on_erasing(context: JobContext) -> str:
    """Search the texts of erased persons where a request did not wait for it."""
    ended = account_erasure.work(context.database, clock=context.clock, may_go_on=context.may_go_on, rest=pause)
    return f"{ended} ended"
