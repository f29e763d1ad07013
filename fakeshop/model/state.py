"""The state of a shop: its records, its clock, its random numbers and its queue of webhooks."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from fakeshop.model.catalog import ApiKey, Meta, Product, Refused, User
from fakeshop.model.orders import Order
from fakeshop.model.site import Site
from fakeshop.webhooks.http_client import Send, send_over_http
from fakeshop.webhooks.subscriptions import Delivery, Webhook

T = TypeVar("T")
Clock = Callable[[], datetime]

FIRST_NUMBER = 20
"""Orders, refunds and products share one sequence of ids; lower ids belong to the initial products."""


@dataclass(slots=True)
class Outage:
    """Failing deliveries: how many are left, and the status they get; None for a refused connection."""

    left: int = 0
    status: int | None = None


class ShopState:
    """The state that every part of the shop shares; one thread at a time may change it, others may read."""

    def __init__(
        self,
        seed: int,
        *,
        clock: Clock,
        url: str = "http://127.0.0.1:8980",
        timezone: str = "America/New_York",
        send: Send = send_over_http,
        duplicates: float = 0.0,
    ) -> None:
        """Create an empty shop.

        `clock` returns aware UTC moments; `duplicates` is the probability that a
        delivery of order.updated is sent twice, byte for byte.
        """
        self.rng = random.Random(seed)  # noqa: S311 -- the same shop for the same seed
        self.clock = clock
        self.site = Site(url, ZoneInfo(timezone))
        self.send = send
        self.duplicates = duplicates
        self.products: dict[int, Product] = {}
        self.users: dict[int, User] = {}
        self.orders: dict[int, Order] = {}
        self.webhooks: dict[int, Webhook] = {}
        self.keys: dict[str, ApiKey] = {}
        self.queue: list[tuple[int, int]] = []
        self.deliveries: list[Delivery] = []
        self.outage = Outage()
        self._numbers = {"post": FIRST_NUMBER - 1, "user": 0, "line": 0, "meta": 500, "webhook": 0, "key": 0}

    def now(self) -> datetime:
        """Return the current moment, to the second, as the shop's tables store it."""
        return self.clock().replace(microsecond=0)

    def next_number(self, kind: str) -> int:
        """Return an unused id for a post (orders, refunds, products), user, line, meta, webhook or key."""
        self._numbers[kind] += 1
        return self._numbers[kind]

    def meta(self, key: str, value: Any) -> Meta:
        """Return a new meta entry; scalars become text, as WordPress stores them."""
        if isinstance(value, bool):
            value = "1" if value else ""
        return Meta(self.next_number("meta"), key, str(value) if isinstance(value, int | float) else value)

    def word(self, length: int) -> str:
        """Return random letters and digits, as in order keys."""
        alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
        return "".join(self.rng.choices(alphabet, k=length))

    def order(self, order_id: int) -> Order:
        """Return an order, in the trash or not; raises `Refused`."""
        return _found(self.orders, order_id, "order")

    def product(self, product_id: int) -> Product:
        """Return a product or variation; raises `Refused`."""
        return _found(self.products, product_id, "product")

    def user(self, user_id: int) -> User:
        """Return a user; raises `Refused`."""
        return _found(self.users, user_id, "user")

    def variations_of(self, product_id: int) -> list[Product]:
        """Return the variations of a variable product by id."""
        return [product for product in list(self.products.values()) if product.parent_id == product_id]

    def announce(self, topics: Iterable[str], resource_id: int) -> None:
        """Queue a resource for the active webhooks of these topics.

        A resource that a webhook has in its queue already is not queued again, and
        for paused or disabled webhooks the event is lost.
        """
        for topic in topics:
            for webhook in list(self.webhooks.values()):
                waiting = (webhook.id, resource_id)
                if webhook.topic == topic and webhook.status == "active" and waiting not in self.queue:
                    self.queue.append(waiting)


def _found(things: dict[int, T], number: int, name: str) -> T:
    try:
        return things[number]
    except KeyError:
        raise Refused(f"there is no {name} {number}") from None
