"""Past orders: placed before a store began to grant, and waiting for the owner's decision."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from bridge.domain.orders.review_items import GRANT, LEAVE, Question
from bridge.domain.orders.state import Effect, Order, OrderState
from bridge.domain.stores.stores import Store

BEHIND = timedelta(hours=26)
"""The most by which a shop's clock is taken to be behind."""
_ASKED = (Question.PAID_LATER, Question.PLACED_UNCLEAR)
"""The review items of withheld orders."""


def is_past(store: Store, placed_at: datetime | None) -> bool:
    """Return whether an order was placed before the moment from which the store grants."""
    return store.grants_from is not None and placed_at is not None and placed_at < store.grants_from


def effect_for(store: Store, known: OrderState, order: Order, effect: Effect) -> Effect:
    """Return the effect of a document for this store: a granting one of a past order changes nothing.

    It still grants if the order was granted before, or if it was paid later and the
    owner's decision about the order, or else the store's setting, says so.
    """
    is_new = effect is Effect.GRANTS and known.account_id is None and known.effect is not Effect.GRANTS
    decided = _decision_of(known)
    if is_new and decided == LEAVE:
        return Effect.KEEPS
    placed_at = order.placed_at or known.placed_at or order.modified_at
    if not is_new or decided == GRANT or not is_past(store, placed_at):
        return effect
    paid_at = max(filter(None, (known.paid_at, order.paid_at)), default=None)
    is_released = store.past_orders_paid_later == GRANT and _is_later(store, paid_at)
    created_at = order.modified_at if order.is_created else known.created_at
    is_released = is_released or _is_dated_early(store, placed_at, created_at)
    return Effect.GRANTS if is_released else Effect.KEEPS


def is_withheld(store: Store, known: OrderState) -> bool:
    """Return whether an order would grant, if it had not been placed before the store began to, or been left."""
    is_granting = known.effect is Effect.KEEPS and known.status in store.grant_statuses
    return is_granting and (is_past(store, known.placed_at) or _decision_of(known) == LEAVE)


def is_paid_later(store: Store, known: OrderState) -> bool:
    """Return whether a withheld order was paid or completed after the store began to grant."""
    return is_withheld(store, known) and _is_later(store, known.paid_at)


def is_placing_unclear(store: Store, known: OrderState) -> bool:
    """Return whether a withheld order was sent after the store was connected by a document dated before that.

    The shop's clock is behind then, so the order may have been placed afterwards.
    """
    return is_withheld(store, known) and _is_dated_early(store, known.placed_at, known.sent_at)


def released(store: Store, known: OrderState) -> OrderState:
    """Return the order as granting, if it was withheld and the owner granted it or all past orders."""
    decided = _decision_of(known)
    is_new = decided == GRANT or _is_dated_early(store, known.placed_at, known.created_at)
    is_released = (is_withheld(store, known) and is_new) or _is_covered(store, known)
    if decided == LEAVE or not is_released:
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


def _decision_of(known: OrderState) -> str:
    """Return what a person decided about the withheld order; empty for nothing."""
    made = [one.choice for one in known.decisions if one.kind in _ASKED]
    return made[-1] if made else ""


def _is_dated_early(store: Store, placed_at: datetime | None, sent_at: datetime | None) -> bool:
    """Return whether the shop dated a delivery, which it can only have sent since, before the store's beginning."""
    begin = store.grants_from
    if begin is None or placed_at is None or sent_at is None:
        return False
    return begin - BEHIND <= placed_at and sent_at < begin


def _is_later(store: Store, paid_at: datetime | None) -> bool:
    return store.grants_from is not None and paid_at is not None and paid_at >= store.grants_from
