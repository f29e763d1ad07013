"""Deliveries: one webhook as the shop sent it, and its processing state."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from bridge.domain.ops.clock import TOLERANCE

MAX_BODY_BYTES = 10 * 1024 * 1024
"""The largest delivery that is stored, 10 MiB; of a larger one only the id is stored."""

HARD_LIMIT_BYTES = 24 * 1024 * 1024
"""The largest delivery that is read at all."""

REPEAT_SPAN = timedelta(minutes=10)
"""How long after a delivery the same bytes count as a repeat."""

MANY_REPEATS = 20
"""The number of repeats of one delivery at which the owner is notified."""

PATIENCE = timedelta(minutes=10)
"""How long a delivery waits for a shop that does not respond about missing details."""

LONG_PATIENCE = timedelta(days=1)
"""How long a delivery of an order waits that the shop did not have before: only the shop can say if it has it again."""

LONGEST_RETRY = timedelta(hours=1)
"""The longest wait between two attempts at one delivery."""


class State(StrEnum):
    """The processing state of a delivery."""

    RECEIVED = "received"
    PROCESSED = "processed"
    HELD = "held"
    """Another site sent it: it waits for the owner. Stored as received, with `held_for`."""
    IGNORED = "ignored"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class Delivery:
    """One signed webhook, byte for byte.

    `shop_delivery` is the shop's own delivery id: a hash of webhook and second,
    shared by different deliveries, and so never a key. `attempts` counts how
    often processing was tried. `held_for` is the address of another site that
    sent it. `repeats` counts how often the same bytes came again.
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
    held_for: str | None = None
    digest: str | None = None
    repeats: int = 0
    repeated_at: datetime | None = None

    @property
    def shown_state(self) -> State:
        """The state for display."""
        is_waiting = self.state is State.RECEIVED and self.held_for is not None and self.next_attempt_at is None
        return State.HELD if is_waiting else self.state


class NoticeKind(StrEnum):
    """The kinds of notices that signed deliveries give about a shop."""

    OTHER_SITE = "other_site"
    OTHER_FORM = "other_form"
    ACTION_ONLY = "action_only"
    """A webhook of a WordPress action, which carries an order's ID alone, without REST keys to read the order."""
    TOO_LARGE = "too_large"
    CONSUMER_SECRET = "consumer_secret"  # noqa: S105 -- a kind of notice
    REPEATED = "repeated"
    DATED_AHEAD = "dated_ahead"


@dataclass(frozen=True, slots=True)
class Notice:
    """A notice: when it last occurred, and the values its sentence names."""

    kind: NoticeKind
    at: datetime
    detail: str


def may_wait(received_at: datetime, *, now: datetime, patience: timedelta = PATIENCE) -> bool:
    """Return whether a delivery may still wait for its shop; one from the future was dated by a wrong clock."""
    return -TOLERANCE <= now - received_at < patience


def retry_delay(attempts: int) -> timedelta:
    """Return how long to wait after this many failed attempts: from 5 seconds, doubling, to an hour."""
    return min(LONGEST_RETRY, timedelta(seconds=5 * 2 ** min(attempts, 12)))
