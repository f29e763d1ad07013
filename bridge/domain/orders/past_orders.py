"""Past orders: placed before a store began to grant, and waiting for the owner's decision."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from bridge.domain.orders.review_items import GRANT, Question, choice_of
from bridge.domain.orders.state import Effect, Order, OrderState
from bridge.domain.stores.stores import Store


def is_past(store: Store, placed_at: datetime | None) -> bool:
    """Return whether an order was placed before the moment from which the store grants."""
    return store.grants_from is not None and placed_at is not None and placed_at < store.grants_from


def effect_for(store: Store, known: OrderState, order: Order, effect: Effect) -> Effect:
    """Return the effect of a document for this store: a granting one of a past order changes nothing.

    It still grants if the order was granted before, or if it was paid later and the
    owner's decision about the order, or else the store's setting, says so.
    """
    is_new = effect is Effect.GRANTS and known.account_id is None and known.effect is not Effect.GRANTS
    if not is_new or not is_past(store, order.placed_at or known.placed_at or order.modified_at):
        return effect
    paid_at = max(filter(None, (known.paid_at, order.paid_at)), default=None)
    decided = choice_of(known.decisions, Question.PAID_LATER, "")
    is_released = store.past_orders_paid_later == GRANT and _is_later(store, paid_at)
    is_released = decided == GRANT if decided else is_released
    return Effect.GRANTS if is_released else Effect.KEEPS


def is_withheld(store: Store, known: OrderState) -> bool:
    """Return whether an order would grant, if it had not been placed before the store began to."""
    return known.effect is Effect.KEEPS and known.status in store.grant_statuses and is_past(store, known.placed_at)


def is_paid_later(store: Store, known: OrderState) -> bool:
    """Return whether a withheld order was paid or completed after the store began to grant."""
    return is_withheld(store, known) and _is_later(store, known.paid_at)


def released(store: Store, known: OrderState) -> OrderState:
    """Return the order as granting, if it was withheld and the owner granted it or all past orders."""
    is_released = is_withheld(store, known) and _is_granted_by_hand(known)
    if not is_released and not _is_covered(store, known):
        return known
    ranks = {**known.sources.ranks}
    if "status" in ranks:
        ranks["effect"] = ranks["status"]
    sources = replace(known.sources, effect=Effect.GRANTS, ranks=ranks)
    return replace(known, effect=Effect.GRANTS, decided_at=known.modified_at, sources=sources)


def _is_covered(store: Store, known: OrderState) -> bool:
    """Return whether an order was withheld before the owner decided to grant all past orders."""
    return (
        store.history == GRANT
        and known.effect is Effect.KEEPS
        and known.status in store.grant_statuses
        and store.connected_at is not None
        and known.placed_at is not None
        and known.placed_at < store.connected_at
    )


def _is_granted_by_hand(known: OrderState) -> bool:
    return choice_of(known.decisions, Question.PAID_LATER, "") == GRANT


def _is_later(store: Store, paid_at: datetime | None) -> bool:
    return store.grants_from is not None and paid_at is not None and paid_at >= store.grants_from
