"""Relations of orders: which are processed together, and how others affect one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from functools import partial

from bridge.domain.orders.state import Effect, OrderState
from bridge.domain.stores.stores import Store
from bridge.storage.engine.database import Connection
from bridge.storage.orders import orders, relations

_GENERATIONS = 5
"""The most generations of orders in a family."""


def lock_family(
    connection: Connection, store: Store, every: Sequence[OrderState], *, now: datetime
) -> list[OrderState]:
    """Lock and return the relatives of these locked orders, which are processed together.

    A relative processed without its own parent would be granted again.
    """
    return _relatives(connection, store, every, partial(orders.lock, now=now))


def list_family(connection: Connection, store: Store, every: Sequence[OrderState]) -> list[OrderState]:
    """Return the relatives of these orders as they are stored, without a lock."""
    return _relatives(connection, store, every, orders.find_all)


def _relatives(
    connection: Connection, store: Store, every: Sequence[OrderState], read: Callable[..., dict[int, OrderState]]
) -> list[OrderState]:
    family, found = {known.number: known for known in every}, []
    for _ in range(_GENERATIONS):
        parents = {known.parent_id for known in family.values() if known.parent_id}
        listed = relations.list_family(connection, store.id, parents, family)
        numbers = [number for number in listed if number not in family]
        if not numbers:
            break
        known = read(connection, store.id, numbers)
        family |= known
        found += [known[number] for number in numbers if number in known]
    return found


def list_same_payment(connection: Connection, store: Store, every: Iterable[OrderState]) -> dict[int, tuple[str, ...]]:
    """Return the other granting orders with each order's transaction id, without its own family, by order id."""
    paid = [known for known in every if known.transaction_id and known.effect is Effect.GRANTS]
    if not paid:
        return {}
    transactions = {known.transaction_id for known in paid}
    stored = relations.list_same_payment(connection, store.id, transactions)
    fresh = {known.number: known for known in paid}
    found = {}
    for known in paid:
        others = {number: (parent, shown) for number, parent, shown in stored.get(known.transaction_id, ())}
        others |= {
            number: (one.parent_id, one.shown_number)
            for number, one in fresh.items()
            if one.transaction_id == known.transaction_id
        }
        family = {known.number, known.parent_id} - {0}
        shown = [
            name for number, (parent, name) in sorted(others.items()) if number not in family and parent not in family
        ]
        if shown:
            found[known.number] = tuple(shown[:5])
    return found
