"""A webhook as the shop stores it, and the topics that exist."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

HOOKS = {
    "order.created": ("woocommerce_new_order",),
    "order.updated": ("woocommerce_update_order", "woocommerce_order_refunded"),
    "order.deleted": ("wp_trash_post", "woocommerce_trash_order"),
    "order.restored": ("untrashed_post", "woocommerce_untrash_order"),
    "product.created": ("woocommerce_process_product_meta", "woocommerce_new_product"),
    "product.updated": (
        "woocommerce_process_product_meta",
        "woocommerce_update_product",
        "woocommerce_update_product_variation",
    ),
    "product.deleted": ("wp_trash_post",),
    "customer.created": ("user_register", "woocommerce_created_customer", "woocommerce_new_customer"),
    "customer.updated": ("profile_update", "woocommerce_update_customer"),
    "customer.deleted": ("delete_user",),
}
COMPLETED = "action.woocommerce_order_status_completed"
REFUNDED = "action.woocommerce_order_refunded"
STATUSES = ("active", "paused", "disabled")
MOST_FAILURES = 6
"""The highest failure count: the failure at this count disables the webhook and leaves the count."""


@dataclass(slots=True)
class Webhook:
    """A webhook; payloads are built with the rights of `user_id`, and the secret is stored as given.

    `is_ping_due` holds until a ping was answered with exactly 200.
    """

    id: int
    topic: str
    delivery_url: str
    secret: str
    name: str
    user_id: int
    created_at: datetime
    modified_at: datetime
    status: str = "active"
    failures: int = 0
    is_ping_due: bool = True


@dataclass(frozen=True, slots=True)
class Delivery:
    """One request the shop sent.

    `status` is None without an answer; a ping has no resource and no
    signature. `is_lost` is set where an outage prevented the sending, whatever
    the status.
    """

    webhook_id: int
    topic: str
    resource_id: int
    url: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    status: int | None
    sent_at: datetime
    is_ping: bool = False
    is_lost: bool = False

    @property
    def is_success(self) -> bool:
        """Return whether WooCommerce counts the answer as a success: 200 to 302, though it follows no redirect."""
        return self.status is not None and 200 <= self.status < 303

    def header(self, name: str) -> str:
        """Return the value of a header; empty where there is none."""
        return next((value for key, value in self.headers if key.casefold() == name.casefold()), "")


def is_topic(topic: str) -> bool:
    """Return whether a webhook can have this topic: a known one, or any action."""
    return topic in HOOKS or (topic.startswith("action.") and len(topic) > len("action."))
