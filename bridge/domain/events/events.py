"""Events sent to endpoints: types, balance alerts, and the retry schedule."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple

from bridge.domain.stores.thresholds import Line

RETRY_SECONDS = (5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
"""The wait after each failed attempt: three days and three and a half hours in all, then the delivery is dead."""
JITTER = 0.2
"""The largest share of a wait that jitter adds or removes."""
LONGEST_RETRY = timedelta(seconds=max(RETRY_SECONDS) * (1 + JITTER))
"""The longest wait between two attempts at one event."""
LEASE = timedelta(minutes=2)
"""How long a sender holds a claimed endpoint; well above its time budget and one request."""
MOST_REST_SECONDS = 300
"""The longest pause of an endpoint that cannot be reached at all."""
SIGNING_PREFIX = "whsec_"
"""The prefix of an endpoint's secret, so that leak scanners find it."""


class EventType(StrEnum):
    """The types of events."""

    BALANCE_LOW = "balance.low"
    BALANCE_EXHAUSTED = "balance.exhausted"
    BALANCE_REPLENISHED = "balance.replenished"
    ALLOWANCE_EXHAUSTED = "allowance.exhausted"
    ALLOWANCE_RESET = "allowance.reset"
    GRANT_CREATED = "grant.created"
    GRANT_REVERSED = "grant.reversed"
    USER_MERGED = "user.merged"
    USER_ERASED = "user.erased"
    WEBHOOK_SILENT = "store.webhook_silent"


class Alert(StrEnum):
    """The last alert recorded for an account's available balance; new until it first has tokens."""

    NEW = "new"
    OK = "ok"
    LOW = "low"
    EXHAUSTED = "exhausted"


class DeliveryState(StrEnum):
    """The state of one event for one endpoint; dead means that no attempt is left."""

    PENDING = "pending"
    DELIVERED = "delivered"
    DEAD = "dead"


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An event to write in the same transaction as the change it reports.

    `account_id` is the account's own id, or None when the event is the store's.
    `payload` is the `data` that is sent, without the store and the user, which
    are added on sending.
    """

    id: int
    store_id: int
    account_id: int | None
    type: EventType
    payload: Mapping[str, Any]
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Event:
    """An event as it is sent: the store by its slug, the user by the shop's id, None if it concerns no user."""

    id: int
    store: str
    user_id: int | None
    type: EventType
    payload: Mapping[str, Any]
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An event endpoint: its address, the sealed secret that signs its events, and its state.

    `types` None means all. `failures` counts consecutive attempts without
    any response, and `resting_until` is the earliest next attempt. A
    disabled endpoint receives no more events.
    """

    id: int
    store_id: int
    url: str
    secret: str
    types: frozenset[EventType] | None
    created_at: datetime
    claimed_until: datetime | None = None
    failures: int = 0
    resting_until: datetime | None = None
    last_attempt_at: datetime | None = None
    last_delivered_at: datetime | None = None
    last_status: int | None = None
    last_error: str = ""
    disabled_at: datetime | None = None
    disabled_reason: str = ""

    def wants(self, type_: EventType) -> bool:
        """Return whether the endpoint receives events of that type."""
        return self.types is None or type_ in self.types


class Announcement(NamedTuple):
    """An event to send about a balance, and the level it fell below; None for an event without one."""

    type: EventType
    line: Line | None = None


class AlertChange(NamedTuple):
    """The alert to record, the lowest level the balance is below (None for none), and the events to send."""

    alert: Alert
    below: int | None
    announced: tuple[Announcement, ...] = ()


_ABOVE_EVERY_LEVEL = AlertChange(Alert.OK, None)


def alert_after(before: Alert, below: int | None, *, available: int, lines: Sequence[Line]) -> AlertChange:
    """Return what to record and to send for an account's available tokens.

    `below` is the lowest level that was announced before. Low is `0 < available <
    line`. Each level is announced once, the highest first, and again only after
    the balance was at or above it. An account that never had tokens gets no event
    for having none, and its first tokens send no alert: the grant has its own event.
    A balance that rises from 0 is replenished, and the levels it is still below are
    not announced.
    """
    if available <= 0:
        if before in {Alert.NEW, Alert.EXHAUSTED}:
            return AlertChange(before, None)
        return AlertChange(Alert.EXHAUSTED, None, (Announcement(EventType.BALANCE_EXHAUSTED),))
    under = [line for line in lines if available < line.tokens]
    if not under and before is not Alert.EXHAUSTED:
        return _ABOVE_EVERY_LEVEL
    now, lowest = (Alert.LOW, min(line.tokens for line in under)) if under else (Alert.OK, None)
    if before is Alert.NEW:
        return AlertChange(now, lowest)
    if before is Alert.EXHAUSTED:
        return AlertChange(now, lowest, (Announcement(EventType.BALANCE_REPLENISHED),))
    fresh = sorted((line for line in under if below is None or line.tokens < below), reverse=True)
    return AlertChange(now, lowest, tuple(Announcement(EventType.BALANCE_LOW, line) for line in fresh))


def retry_wait(failures: int, *, draw: float) -> timedelta | None:
    """Return the wait after this many failures (1 or more); None after the last attempt.

    `draw` is a number in [0, 1) drawn by the caller: it moves the wait by up
    to a fifth either way, so that the deliveries a dead receiver collected are
    not all sent again in one second.
    """
    if failures > len(RETRY_SECONDS):
        return None
    return timedelta(seconds=RETRY_SECONDS[failures - 1] * (1 + JITTER * (2 * draw - 1)))


def rest(failures: int, *, draw: float) -> timedelta:
    """Return the pause of an endpoint that could not be reached this many times in a row (1 or more)."""
    seconds = min(MOST_REST_SECONDS, 5 * 2 ** min(failures - 1, 10))
    return timedelta(seconds=seconds * (1 - JITTER * draw))
