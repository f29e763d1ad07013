"""A shop with a clock that the test moves, and a listener that stores what it sends."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from fakeshop.model.shop import FakeShop

RECORDINGS = Path(__file__).resolve().parent.parent / "recordings"
TOPICS = (
    "order.created",
    "order.updated",
    "order.deleted",
    "order.restored",
    "action.woocommerce_order_status_completed",
    "action.woocommerce_order_refunded",
    "product.updated",
    "customer.created",
    "customer.updated",
    "customer.deleted",
)
SECRET = "test-secret"


@dataclass
class Listener:
    """A listener: it stores requests; `status` answers deliveries, `ping_status` pings, None refuses."""

    status: int | None = 200
    ping_status: int | None = 200
    received: list[tuple[str, tuple[tuple[str, str], ...], bytes]] = field(default_factory=list)

    def __call__(self, url, headers, body):
        """Receive one request."""
        self.received.append((url, tuple(headers), body))
        status = self.ping_status if body.startswith(b"webhook_id=") else self.status
        if status is None:
            raise ConnectionRefusedError
        return status


@dataclass
class ManualShop:
    """A shop, its clock and its listener."""

    seed: int = 1
    now: datetime = datetime(2026, 11, 21, 8, 58, 4, tzinfo=UTC)
    duplicates: float = 0.0
    listener: Listener = field(default_factory=Listener)

    def __post_init__(self) -> None:
        """Open the shop."""
        self.shop = FakeShop(self.seed, clock=lambda: self.now, send=self.listener, duplicates=self.duplicates)

    def listen(self, *topics: str, secret: str = SECRET) -> None:
        """Create a webhook for each topic, all where none is named, in the recorded order."""
        for topic in topics or TOPICS:
            self.shop.create_webhook(topic, f"http://127.0.0.1:8981/cap/{topic}", secret=secret, name=topic)
        self.listener.received.clear()

    def later(self, seconds: float = 1) -> None:
        """Move the time on."""
        self.now += timedelta(seconds=seconds)

    def delivered(self) -> list[str]:
        """Run the queue and return the topics delivered, with the status of the order where there is one."""
        return [f"{sent.topic} {json.loads(sent.body).get('status', '')}".strip() for sent in self.shop.run_queue()]


def recorded_rest(name: str) -> dict[str, Any]:
    """Return a recorded REST exchange."""
    return json.loads((RECORDINGS / "rest" / f"{name}.json").read_text())


def recorded_webhook(name: str) -> dict[str, Any]:
    """Return a recorded delivery: its request, with `body` as bytes."""
    request = json.loads((RECORDINGS / "webhooks" / f"{name}.json").read_text())["request"]
    return {**request, "body": base64.b64decode(request["body_base64"])}


def shape(value: Any) -> Any:
    """Return the keys of a document in their order, at every depth; of a list its first element's."""
    if isinstance(value, dict):
        return [(key, shape(part)) for key, part in value.items()]
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return None
