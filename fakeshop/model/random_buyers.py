"""Random buyers: the same purchases for the same seed."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from fakeshop.model.catalog import Refused
from fakeshop.model.orders import Item
from fakeshop.model.shop import FakeShop

_PACKAGES = (10, 10, 10, 11, 12, 16, 17, 14)
_NAMES = ("amira", "bastian", "carla", "dmitri", "elif", "farid", "greta", "hiro", "ines", "jonas", "kofi", "lena")
_RECENT = 12


class Calendar:
    """The shop's clock: a moment in the past during replay, then the real time."""

    def __init__(self) -> None:
        """Start at the real time."""
        self.past: datetime | None = None

    def __call__(self) -> datetime:
        """Return the current moment of the shop."""
        return self.past or datetime.now(UTC)


class Buyers:
    """A dozen users and occasional guests, who buy packages and sometimes ask for refunds."""

    def __init__(self, shop: FakeShop, calendar: Calendar, *, seed: int) -> None:
        """Create the users."""
        self._shop = shop
        self._calendar = calendar
        self._rng = random.Random(f"buyers {seed}")  # noqa: S311 -- the same for the same seed
        self._users = [shop.create_user(f"{name}@shop.example", first_name=name.title()).id for name in _NAMES]
        self._actions: tuple[tuple[int, Callable[[], str]], ...] = (
            (14, self._buy),
            (2, self._buy_as_guest),
            (2, self._ask_for_refund),
            (1, self._cancel),
        )

    def live(self, *, days: int, orders: int) -> None:
        """Replay this many actions over the last days."""
        start = datetime.now(UTC) - timedelta(days=days)
        moments = sorted(self._rng.uniform(0, days * 86_400) for _ in range(orders))
        for seconds in moments:
            self._calendar.past = start + timedelta(seconds=seconds)
            self.act()
        self._calendar.past = None

    def act(self) -> str:
        """Perform one random action and return it as a line of text."""
        weights = [weight for weight, _ in self._actions]
        (_, action) = self._rng.choices(self._actions, weights)[0]
        try:
            return action()
        except Refused as refused:
            return f"the shop refuses: {refused}"

    def pause(self, average: float) -> float:
        """Return how many seconds pass until the next action."""
        return min(8 * average, max(2.0, self._rng.expovariate(1 / average)))

    def _buy(self) -> str:
        return self._order(self._rng.choice(self._users))

    def _buy_as_guest(self) -> str:
        return self._order(0, email=f"guest{self._rng.randrange(1, 6)}@elsewhere.example")

    def _order(self, user_id: int, *, email: str | None = None) -> str:
        items = [
            Item(product, self._rng.choice((1, 1, 1, 2)))
            for product in self._rng.sample(_PACKAGES, self._rng.choice((1, 1, 2)))
        ]
        order = self._shop.place_order(user_id, items, email=email, via="store-api")
        if order.status != "completed" and self._rng.random() < 0.9:
            self._shop.complete(order.id)
        return f"order {order.id} of {order.email} is {order.status}"

    def _ask_for_refund(self) -> str:
        order_id = self._recent()
        order = self._shop.order(order_id)
        line = self._rng.choice(order.lines)
        self._shop.refund_lines(order_id, {line.id: 1})
        return f"a piece of order {order_id} is refunded"

    def _cancel(self) -> str:
        order_id = self._recent()
        self._shop.cancel(order_id)
        return f"order {order_id} is cancelled"

    def _recent(self) -> int:
        completed = [order.id for order in self._shop.orders.values() if order.status == "completed"]
        if not completed:
            raise Refused("there is no order yet")
        return self._rng.choice(completed[-_RECENT:])
