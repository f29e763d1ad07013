"""The tokens of paid orders that wait, because the shop has not sent their customer."""

from __future__ import annotations

from dataclasses import dataclass

from bridge.domain.accounts.accounts import Account
from bridge.domain.orders.grants import tokens_owed
from bridge.domain.stores.stores import Store
from bridge.storage.engine.database import Connection
from bridge.storage.orders import orders

MAX_ORDERS = 20
"""The most waiting orders that are read."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """Orders under a buyer's email that wait for a decision, and the tokens they would grant."""

    orders: int = 0
    tokens: int = 0


def waiting_for(connection: Connection, store: Store, account: Account) -> Waiting:
    """Return the orders parked under an account's email; at most `MAX_ORDERS` are counted."""
    if not account.email:
        return Waiting()
    numbers = orders.list_parked(connection, store_id=store.id, emails=[account.email], limit=MAX_ORDERS)
    known = orders.find_all(connection, store.id, numbers)
    return Waiting(len(known), sum(tokens_owed(order, line) for order in known.values() for line in order.lines))
