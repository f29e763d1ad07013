"""The jobs that keep the console's figures: the use of stores by day, and the figures of large stores."""

from __future__ import annotations

import logging

from bridge.services.admin import rollups
from bridge.services.stores import settings
from schedulers.context import JobContext

log = logging.getLogger(__name__)

ROLL_UP_EVERY, REFRESH_EVERY = 60, 60


def roll_up(context: JobContext) -> str:
    """Add up the use of all stores on the days that may have changed."""
    written = rollups.roll_up(
        context.database.reading, context.database.transaction, now=context.clock(), may_go_on=context.may_go_on
    )
    return f"{written} days"


def refresh_figures(context: JobContext) -> str:
    """Bring up to date what the users of large stores are sorted by; a store that fails stops no other."""
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
