"""Deliveries: one webhook as the shop sent it, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

MAX_BODY_BYTES = 1024 * 1024
"""The largest delivery taken: 1 MiB; a real order has about 4 KiB."""

PATIENCE = timedelta(minutes=10)
"""How long a delivery waits for a shop that does not say what the delivery leaves open."""

LONGEST_RETRY = timedelta(hours=1)
"""The longest wait between two attempts at one delivery."""


class State(StrEnum):
    """What became of a delivery."""

    RECEIVED = "received"
    PROCESSED = "processed"
    IGNORED = "ignored"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class Delivery:
    """One signed webhook, byte for byte.

    `shop_delivery` is the shop's own delivery id: a hash of webhook and second,
    shared by different deliveries, and so never a key. `attempts` counts how
    often processing was tried.
    """

    id: int
    store_id: int
    received_at: datetime
    topic: str
    source: str
    shop_delivery: str
    webhook_id: str
    resource_id: int | None
    body: bytes
    state: State = State.RECEIVED
    outcome: str = ""
    attempts: int = 0
    next_attempt_at: datetime | None = None
    processed_at: datetime | None = None


def retry_delay(attempts: int) -> timedelta:
    """How long to wait after this many failed attempts: from 5 seconds, doubling, to an hour."""
    return min(LONGEST_RETRY, timedelta(seconds=5 * 2 ** min(attempts, 12)))
