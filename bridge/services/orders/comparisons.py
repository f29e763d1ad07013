"""Comparisons of orders with the shop: made each time an order is read from the shop, and stored with their time.

A page shows the stored comparison and never calls the shop. Whatever changes an
order afterwards makes its comparison outdated.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import datetime

from bridge.domain.orders import past_orders, rivals
from bridge.domain.orders.comparing import (
    Compared,
    Comparison,
    Difference,
    DifferingOrder,
    SyncState,
    compare,
    state_of,
)
from bridge.domain.orders.grants import tokens_owed
from bridge.domain.orders.merge import Effect, Order, OrderState, effect_of, merge_document
from bridge.domain.stores.stores import Store
from bridge.services.orders.settling import Settled, decided
from bridge.storage.engine.database import Connection
from bridge.storage.orders import comparisons

COUNTED = 99
"""How far differing orders are counted."""


def note(connection: Connection, store: Store, read: Iterable[tuple[Order, Settled]], *, now: datetime) -> None:
    """Store how orders that were just read from the shop and applied differ from the books."""
    found = []
    for order, settled in read:
        differences = compare(order, settled.state, _expected(store, order, settled))
        state = state_of(differences, is_waiting=settled.is_parked or settled.has_questions)
        found.append((order.number, Comparison(state, now, differences)))
    comparisons.put(connection, store.id, found)


def note_gone(connection: Connection, store: Store, number: int, settled: Settled, *, now: datetime) -> None:
    """Store that the shop no longer has an order; in sync once the books have removed its tokens."""
    granted = sum(line.granted for line in settled.state.lines)
    differences = (Difference(Compared.TOKENS, "0", str(granted)),) if granted else ()
    state = state_of(differences, is_waiting=settled.has_questions)
    comparisons.put(connection, store.id, [(number, Comparison(state, now, differences))])


def find(connection: Connection, store_id: int, numbers: Collection[int]) -> Mapping[int, Comparison]:
    """Return the last comparison of each of these orders; those that were never compared are left out."""
    return comparisons.find(connection, store_id, numbers)


def list_differing(connection: Connection, store_id: int, *, before: int | None, limit: int) -> list[DifferingOrder]:
    """Return the orders that differ from the shop, the highest id first, below the id `before`."""
    return comparisons.list_differing(connection, store_id, before=before, limit=limit)


def count(connection: Connection, store_id: int) -> Mapping[SyncState, int]:
    """Return how many orders have a warning and a mismatch, each counted up to one more than `COUNTED`."""
    return {
        state: comparisons.count(connection, store_id, state, most=COUNTED + 1)
        for state in (SyncState.MISMATCH, SyncState.WARNING)
    }


def has_any(connection: Connection, store_id: int) -> bool:
    """Return whether the newest orders of the store were ever compared."""
    return comparisons.has_any(connection, store_id)


def _expected(store: Store, order: Order, settled: Settled) -> dict[int, int]:
    """Return the tokens by line that the shop's document alone grants, with the amounts that the books have fixed.

    Lines that wait for an amount are left out, and so are those above the maximum and those that a full balance
    cannot hold.
    """
    known = settled.state
    fresh = OrderState(known.store_id, known.number, decisions=known.decisions, refund_details=known.refund_details)
    fresh = merge_document(fresh, order, effect=_effect(store, order, known), received_at=order.modified_at)
    (fresh,) = decided(store, [fresh])
    amounts = {} if rivals.is_rival(known, order) else {line.line.id: line for line in known.lines}
    lines = fresh.lines if order.lines is not None and order.lines_are_complete else known.lines
    found = dict.fromkeys((line.line.id for line in known.lines), 0)
    too_many = settled.too_large | settled.over_balance.keys()
    for line in lines:
        amount = amounts.get(line.line.id)
        if amount is None or amount.tokens is None or line.line.id in too_many:
            found.pop(line.line.id, None)
        elif line.line.id not in settled.covered:
            found[line.line.id] = tokens_owed(fresh, replace(line, tokens=amount.tokens, months=amount.months))
    return found


def _effect(store: Store, order: Order, known: OrderState) -> Effect:
    """Return the effect of the shop's document; a status that decides nothing leaves what was decided before."""
    effect = effect_of(order.status, store.grant_statuses)
    if effect is Effect.KEEPS:
        return known.effect
    return Effect.KEEPS if effect is Effect.GRANTS and past_orders.is_withheld(store, known) else effect
