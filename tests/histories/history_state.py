"""The state of a random history: the shop, and which of its documents were delivered."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from fakeshop.model.orders import Order
from fakeshop.model.shop import FakeShop
from fakeshop.webhooks.subscriptions import Delivery

_WITH_DOCUMENT = frozenset({"order.created", "order.updated", "order.restored"})
_RECENT = 8


@dataclass(slots=True)
class HistoryState:
    """A shop, a function that moves its clock on by seconds, and what was delivered so far.

    `delivered` holds the orders whose document arrived at least once, `completed_for` the
    customer of the last completed document that arrived of each. Both decide
    what a history may do: see `tests.histories.shop_actions`.
    """

    shop: FakeShop
    forward: Callable[[float], object]
    delivered: set[int] = field(default_factory=set)
    completed_for: dict[int, int] = field(default_factory=dict)
    guests: list[str] = field(default_factory=list)
    registered: set[int] = field(default_factory=set)

    def run_queue(self, *, limit: int | None = None) -> list[Delivery]:
        """Run the shop's queue and record what was delivered."""
        sent = self.shop.run_queue(limit=limit)
        for delivery in sent:
            self._note(delivery)
        return sent

    def would_arrive(self, topic: str) -> bool:
        """Return whether an event of this topic would arrive now: an active webhook, its owner's rights, no outage."""
        return not self.shop.outage.left and any(
            webhook.topic == topic and webhook.status == "active" and self._may_see_orders(webhook.user_id)
            for webhook in self.shop.webhooks.values()
        )

    def pick_order(self, rng: random.Random, wanted: Callable[[Order], bool]) -> Order | None:
        """Return one of the latest matching orders; None where none matches."""
        fitting = [order for order in self.shop.orders.values() if wanted(order)]
        return rng.choice(fitting[-_RECENT:]) if fitting else None

    def pick_user(self, rng: random.Random) -> int:
        """Return the id of a random user."""
        return rng.choice(sorted(self.shop.users))

    def _note(self, delivery: Delivery) -> None:
        order = self.shop.orders.get(delivery.resource_id)
        webhook = self.shop.webhooks.get(delivery.webhook_id)
        has_document = delivery.is_success and not delivery.is_lost and delivery.topic in _WITH_DOCUMENT
        if not has_document or order is None or webhook is None or not self._may_see_orders(webhook.user_id):
            return
        self.delivered.add(order.id)
        if order.status == "completed" and order.customer_id:
            self.completed_for[order.id] = order.customer_id

    def _may_see_orders(self, user_id: int) -> bool:
        owner = self.shop.users.get(user_id)
        return owner is not None and owner.may_see_orders
