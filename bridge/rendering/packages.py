"""The JSON document of a product, for the API and the commands."""

from __future__ import annotations

from typing import Any

from bridge.domain.accounts.amounts import Unreadable
from bridge.domain.orders.packages import Package
from bridge.rendering import amounts


def document(package: Package, *, orders_waiting: int) -> dict[str, Any]:
    """Return a product as JSON.

    `source` says who set the amount, `unreadable` the shop's amount that is not
    clear. `orders_waiting` counts the orders that wait for an amount or a
    decision, up to a thousand.
    """
    return {
        **amount_document(package),
        "orders_waiting": orders_waiting,
        "decision": package.late,
    }


def amount_document(package: Package) -> dict[str, Any]:
    """Return what one unit of a product grants, and who set it, as JSON."""
    return {
        "product": package.product_id,
        "variation": package.variation_id or None,
        "tokens": package.tokens,
        "source": "shop" if package.admin_tokens is None else "admin",
        "shop_tokens": package.shop_tokens,
        "plan": package.plan,
        "months": package.months,
        "name": package.name,
        "sku": package.sku,
        "state": package.state,
        "unreadable": None if package.unreadable is None else _unreadable(package.unreadable),
    }


def _unreadable(value: Unreadable) -> dict[str, str]:
    sentence = amounts.describe(value)
    return {"key": value.key, "value": value.value, "reason": value.reason.value, "sentence": sentence}
