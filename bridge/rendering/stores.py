"""The JSON document of a store's settings."""

from __future__ import annotations

from bridge.domain.metering.limits import WEEKDAYS
from bridge.domain.stores.stores import Store
from bridge.rendering.documents import Document


def store_document(store: Store) -> Document:
    """Return a store's settings as the API and the commands show them."""
    return {
        "slug": store.slug,
        "name": store.name,
        "url": store.url,
        "time_zone": store.time_zone,
        "week_start": WEEKDAYS[store.week_start],
        "spend_order": [source.value for source in store.spend_order],
        "grant_statuses": list(store.grant_statuses),
        "purchase_url": store.purchase_url,
        "low_balance": store.low_balance,
        "low_balance_thresholds": [each.document for each in store.low_balance_thresholds],
        "reversal_policy": store.reversal_policy,
        "guest_policy": store.guest_policy,
        "accept_unknown_modules": store.accept_unknown_modules,
        "past_orders_paid_later": store.past_orders_paid_later,
        "require_reason": store.require_reason,
        "deliveries": store.deliveries,
        "seller_name": store.seller_name,
        "seller_address": store.seller_address,
        "seller_vat_id": store.seller_vat_id,
    }
