"""The count of open exceptions beside its link in the navigation."""

from __future__ import annotations

from bridge.domain.stores.stores import Store
from bridge.services.shop import review
from bridge.storage.engine.database import Connection


def count_exceptions(connection: Connection, store: Store) -> str:
    """Return how many orders and products need attention: empty for none, `99+` for more than 99."""
    found = review.count_open(connection, store.id)
    return "" if not found else str(found) if found <= review.COUNTED else f"{review.COUNTED}+"
