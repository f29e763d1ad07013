"""Pruning: delete expired rows in small transactions; ledger rows are never deleted.

Entries, spends, refunds, orders and daily usage are kept permanently. An
idempotency key is kept as long as a caller may retry its request; a delivery as
long as people may inspect or replay it (its order is kept); an event for the same
time, and until no endpoint waits for it; the usage of a window longer than any
page shows; the roles of a user before a change as long as decisions can be
explained; a pass and the session of a buyer for a day, so that a used pass is
told from an unknown one.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

from bridge.services.metering.past import ROLES_KEPT
from bridge.storage.engine.database import Connection
from bridge.storage.events import deliveries
from bridge.storage.jobs import retention

KEYS_KEPT = timedelta(days=90)
DELIVERIES_KEPT = timedelta(days=90)
EVENTS_KEPT = timedelta(days=90)
USES_KEPT = timedelta(days=400)
PASSES_KEPT = timedelta(days=1)
BULK_KEPT = timedelta(days=90)
BATCH = 1000
"""The most rows that one step deletes in its transaction."""

KINDS = {
    "events": EVENTS_KEPT,
    "keys": KEYS_KEPT,
    "deliveries": DELIVERIES_KEPT,
    "windows": USES_KEPT,
    "passes": PASSES_KEPT,
    "bulk": BULK_KEPT,
    "roles": ROLES_KEPT,
}
"""How long rows of each kind are kept."""

Step = Callable[[Connection], int]


def count_old(connection: Connection, kind: str, *, now: datetime, limit: int) -> int:
    """Return the number of rows of a kind that are old enough to be deleted, counted up to `limit`."""
    return retention.count_old(connection, kind, before=now - KINDS[kind], limit=limit)


def steps(*, now: datetime) -> dict[str, Step]:
    """Return the steps of pruning by name; each deletes one batch and returns the number of rows."""
    return {
        "events": partial(deliveries.forget_events, before=now - EVENTS_KEPT, limit=BATCH),
        "keys": partial(retention.forget_keys, before=now - KEYS_KEPT, limit=BATCH),
        "deliveries": partial(retention.forget_deliveries, before=now - DELIVERIES_KEPT, limit=BATCH),
        "windows": partial(retention.forget_uses, before=now - USES_KEPT, limit=BATCH),
        "passes": partial(retention.forget_passes, before=now - PASSES_KEPT, limit=BATCH),
        "bulk": partial(retention.forget_bulk, before=now - BULK_KEPT, limit=BATCH),
        "roles": partial(retention.forget_roles, before=now - ROLES_KEPT, limit=BATCH),
    }
