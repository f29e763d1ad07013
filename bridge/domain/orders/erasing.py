"""Erased persons: what is left of an order whose buyer was erased."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from bridge.domain.orders.merge import Effect, Order, OrderState


def without_contacts(known: OrderState) -> OrderState:
    """Return an order without email and name, its waiting documents included; its amounts stay."""
    sources = known.sources
    if sources.unplaced is not None:
        sources = replace(sources, unplaced=replace(sources.unplaced, order=_without_contacts(sources.unplaced.order)))
    rival = None if known.rival is None else _without_contacts(known.rival)
    sale = None if known.sale is None else known.sale.without_person()
    return replace(known, email="", name="", rival=rival, sources=sources, sale=sale, is_erased=True)


def is_of_erased(known: OrderState, erased_at: Mapping[int, datetime]) -> bool:
    """Return whether an order was placed before its user was erased; `erased_at` has the erased users."""
    moments = [erased_at[user] for user in (known.customer_id, known.keeper_id) if user in erased_at]
    return any(known.placed_at is None or known.placed_at <= moment for moment in moments)


def is_return(known: OrderState, erased_at: Mapping[int, datetime]) -> bool:
    """Return whether an erased user is a customer again: by an order placed since, which grants."""
    moment = erased_at.get(known.buyer_id)
    is_later = moment is not None and known.placed_at is not None and known.placed_at > moment
    return is_later and known.effect is Effect.GRANTS


def _without_contacts(order: Order) -> Order:
    return replace(order, email=None, name=None, sale=None if order.sale is None else order.sale.without_person())
