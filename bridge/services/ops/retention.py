"""Pruning: what served its time is removed, in small transactions; the books are never pruned.

Entries, spends, refunds, orders and the days of history stay for good. A key
is kept for as long as any caller may still repeat its request; a delivery for
as long as somebody may want to look at it or replay it (the order it told of
stays); an event for as long, and until nobody waits for it; the use of a window
for longer than any page looks back.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

from bridge.storage.engine.database import Connection
from bridge.storage.events import deliveries
from bridge.storage.jobs import retention

KEYS_KEPT = timedelta(days=90)
DELIVERIES_KEPT = timedelta(days=90)
EVENTS_KEPT = timedelta(days=90)
USES_KEPT = timedelta(days=400)
BATCH = 1000
"""The most rows one step removes in its transaction."""

KINDS = {"events": EVENTS_KEPT, "keys": KEYS_KEPT, "deliveries": DELIVERIES_KEPT, "windows": USES_KEPT}
"""How long rows of each kind are kept."""

Step = Callable[[Connection], int]


def count_old(connection: Connection, kind: str, *, now: datetime, limit: int) -> int:
    """Return the number of rows of a kind that are old enough to be deleted, counted up to `limit`."""
    return retention.count_old(connection, kind, before=now - KINDS[kind], limit=limit)


def steps(*, now: datetime) -> dict[str, Step]:
    """Return what there is to prune, by name; each step removes one batch and says how many rows it was, 0 for none."""
    return {
        "events": partial(deliveries.forget_events, before=now - EVENTS_KEPT, limit=BATCH),
        "keys": partial(retention.forget_keys, before=now - KEYS_KEPT, limit=BATCH),
        "deliveries": partial(retention.forget_deliveries, before=now - DELIVERIES_KEPT, limit=BATCH),
        "windows": partial(retention.forget_uses, before=now - USES_KEPT, limit=BATCH),
    }
