"""Orders that can be processed now without a new delivery."""

from __future__ import annotations

from datetime import datetime

from bridge.domain.orders.review import UNPAID_FOR
from bridge.services.orders import apply
from bridge.storage.engine.database import Connection
from bridge.storage.orders import pending
from bridge.storage.orders.pending import Cursor
from bridge.storage.stores import stores

START: Cursor = (0, 0)
"""A position before every order."""


def list_ready(connection: Connection, *, after: Cursor, limit: int) -> list[Cursor]:
    """Return the next orders above `after` whose buyer or amount is known by now; empty at the end.

    These are parked orders whose email belongs to one account, and lines whose
    package has an amount now.
    """
    claimable = pending.list_claimable(connection, after=after, limit=limit)
    priceable = pending.list_priceable(connection, after=after, limit=limit)
    return sorted({*claimable, *priceable})[:limit]


def list_unpaid(connection: Connection, *, now: datetime, limit: int) -> list[Cursor]:
    """Return the granted orders that have had an unpaid status for so long that they need a person now."""
    return pending.list_unpaid(connection, before=now - UNPAID_FOR, limit=limit)


def settle(connection: Connection, place: Cursor, *, now: datetime) -> None:
    """Process one of these orders with current data."""
    store_id, number = place
    apply.check_again(connection, stores.get(connection, store_id), number, now=now)
