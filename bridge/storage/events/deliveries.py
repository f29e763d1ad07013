"""Event deliveries: the state of each event for each endpoint, and the next one to send.

Of the pending events of an account for one endpoint, only the first has a time
for its next attempt; the others wait until it is settled. Code that adds, settles
or renews deliveries locks the endpoint first and calls `promote` afterwards.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    bindparam,
    delete,
    exists,
    func,
    literal_column,
    select,
    update,
)

from bridge.domain.events.events import LONGEST_RETRY, DeliveryState, Event
from bridge.storage.engine.bulk import Writer, among
from bridge.storage.engine.ids import first_id_at
from bridge.storage.engine.moments import is_due
from bridge.storage.engine.types import Instant
from bridge.storage.events.outbox import select_events, to_event
from bridge.storage.events.tables import event_deliveries, event_endpoints, outbox

# Written out, not bound: with a parameter, an engine would not use the partial indexes.
_PENDING: ColumnElement[str] = literal_column("'pending'")
IS_PENDING = event_deliveries.c.state == _PENDING
"""The condition that a delivery is pending."""
# Written so that no partial index is used: rows with known ids are found by the primary key.
_IS_STILL_PENDING = event_deliveries.c.state.not_in((DeliveryState.DELIVERED.value, DeliveryState.DEAD.value))

_INSERT = Writer(event_deliveries, ("endpoint_id", "event_id", "account_id"), keys=("endpoint_id", "event_id"))
_OUTCOME = ("state", "attempts", "next_attempt_at", "last_status", "last_error", "delivered_at")
_SETTLE = Writer(
    event_deliveries,
    ("endpoint_id", "event_id", *_OUTCOME),
    keys=("endpoint_id", "event_id"),
    replace=_OUTCOME,
    is_update=True,
)
_OF_ENDPOINT = event_deliveries.c.endpoint_id == bindparam("endpoint")


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of one attempt; `attempts` counts it, and `next_attempt_at` is None unless there is another."""

    event_id: int
    state: DeliveryState
    attempts: int
    next_attempt_at: datetime | None
    last_status: int | None
    last_error: str
    delivered_at: datetime | None


def add(connection: Connection, deliveries: Iterable[tuple[int, int, int]]) -> None:
    """Add deliveries, each as endpoint, event and account; existing ones are left unchanged."""
    _INSERT.write(connection, deliveries)


def promote(connection: Connection, endpoint_id: int, event_ids: Collection[int], *, now: datetime) -> None:
    """Make the first pending event of each account of these events due, unless one is due already."""
    if not event_ids:
        return
    found = connection.execute(_NEXT_IN_LINE, {"endpoint": endpoint_id, "events": list(event_ids)}).scalars()
    heads = list(filter(None, found))
    if heads:
        connection.execute(_PROMOTE, {"endpoint": endpoint_id, "events": heads, "now": now})


def list_due(connection: Connection, endpoint_id: int, *, now: datetime, limit: int) -> list[Event]:
    """Return the events due for an endpoint, the longest due first, at most one of each account."""
    statement = (
        select_events()
        .join(event_deliveries, event_deliveries.c.event_id == outbox.c.id)
        .where(
            event_deliveries.c.endpoint_id == endpoint_id,
            IS_PENDING,
            is_due(event_deliveries.c.next_attempt_at, now=now, longest=LONGEST_RETRY),
        )
        .order_by(event_deliveries.c.next_attempt_at, event_deliveries.c.event_id)
        .limit(limit)
    )
    return [to_event(row) for row in connection.execute(statement)]


def pending_attempts(connection: Connection, endpoint_id: int, event_ids: Collection[int]) -> dict[int, int]:
    """Return the number of attempts of each pending delivery; settled ones are left out."""
    rows = connection.execute(_ATTEMPTS, {"endpoint": endpoint_id, "events": list(event_ids)})
    return {row.event_id: row.attempts for row in rows}


def settle(connection: Connection, endpoint_id: int, outcomes: Iterable[Outcome]) -> None:
    """Store the results of attempts with one statement."""
    _SETTLE.write(
        connection,
        [
            (
                endpoint_id,
                outcome.event_id,
                outcome.state.value,
                outcome.attempts,
                outcome.next_attempt_at,
                outcome.last_status,
                outcome.last_error,
                outcome.delivered_at,
            )
            for outcome in outcomes
        ],
    )


def renew(connection: Connection, endpoint_id: int, event_ids: Collection[int], *, now: datetime) -> None:
    """Make these deliveries pending again, whatever their state; the first of each account is due now."""
    values = {"endpoint": endpoint_id, "events": list(event_ids)}
    connection.execute(_RENEW_HEADS, {**values, "now": now})
    connection.execute(_RENEW_SETTLED, values)


def end_pending(connection: Connection, endpoint_id: int, *, reason: str) -> None:
    """Give up every pending delivery of an endpoint."""
    connection.execute(
        update(event_deliveries)
        .where(event_deliveries.c.endpoint_id == endpoint_id, IS_PENDING)
        .values(state=DeliveryState.DEAD.value, next_attempt_at=None, last_error=reason)
    )


def count_pending(connection: Connection, endpoint_id: int, *, most: int) -> int:
    """Return how many deliveries to an endpoint are pending, counted up to `most`."""
    waiting = select(event_deliveries.c.event_id).where(event_deliveries.c.endpoint_id == endpoint_id, IS_PENDING)
    return connection.execute(select(func.count()).select_from(waiting.limit(most).subquery())).scalar_one()


def state_of(connection: Connection, endpoint_id: int, event_id: int) -> DeliveryState | None:
    """Return the state of an event for an endpoint; None if the endpoint does not receive it."""
    statement = select(event_deliveries.c.state).where(
        event_deliveries.c.endpoint_id == endpoint_id, event_deliveries.c.event_id == event_id
    )
    state = connection.execute(statement).scalar_one_or_none()
    return None if state is None else DeliveryState(state)


def forget_events(connection: Connection, *, before: datetime, limit: int) -> int:
    """Delete at most `limit` events from before a moment that are not pending, with their deliveries."""
    ours = select(event_endpoints.c.id).where(event_endpoints.c.store_id == outbox.c.store_id).correlate(outbox)
    waiting = exists().where(
        event_deliveries.c.endpoint_id.in_(ours), event_deliveries.c.event_id == outbox.c.id, IS_PENDING
    )
    # The id contains the time, so no further index is needed to find old rows.
    old = (
        select(outbox.c.id)
        .where(
            outbox.c.id < first_id_at(before),
            outbox.c.created_at < before,
            outbox.c.fanned_out_at.is_not(None),
            ~waiting,
        )
        .order_by(outbox.c.id)
        .limit(limit)
    )
    ids = list(connection.execute(old).scalars())
    for endpoint_id in connection.execute(select(event_endpoints.c.id)).scalars().all() if ids else []:
        connection.execute(_FORGET, {"endpoint": endpoint_id, "events": ids})
    return connection.execute(delete(outbox).where(among(outbox.c.id, "events")), {"events": ids}).rowcount


def _next_in_line() -> Select[tuple[int | None]]:
    touched, head, waiting = (event_deliveries.alias(name) for name in ("touched", "head", "waiting"))
    # Counted and not tested with EXISTS, which PostgreSQL might turn into a join over all due rows of the endpoint.
    heads = (
        select(func.count())
        .where(
            head.c.endpoint_id == bindparam("endpoint"),
            head.c.account_id == touched.c.account_id,
            head.c.state == _PENDING,
            head.c.next_attempt_at.is_not(None),
        )
        .scalar_subquery()
    )
    first = (
        select(func.min(waiting.c.event_id))
        .where(
            waiting.c.endpoint_id == bindparam("endpoint"),
            waiting.c.account_id == touched.c.account_id,
            waiting.c.state == _PENDING,
        )
        .scalar_subquery()
    )
    return (
        select(first)
        .select_from(touched)
        .where(touched.c.endpoint_id == bindparam("endpoint"), among(touched.c.event_id, "events"), heads == 0)
        .distinct()
    )


_NEXT_IN_LINE = _next_in_line()
_PROMOTE = (
    update(event_deliveries)
    .where(_OF_ENDPOINT, among(event_deliveries.c.event_id, "events"))
    .values(next_attempt_at=bindparam("now", type_=Instant()))
)
_ATTEMPTS = select(event_deliveries.c.event_id, event_deliveries.c.attempts).where(
    _OF_ENDPOINT, among(event_deliveries.c.event_id, "events"), _IS_STILL_PENDING
)
_FORGET = delete(event_deliveries).where(_OF_ENDPOINT, among(event_deliveries.c.event_id, "events"))
_RENEW_HEADS = (
    update(event_deliveries)
    .where(
        _OF_ENDPOINT,
        among(event_deliveries.c.event_id, "events"),
        _IS_STILL_PENDING,
        event_deliveries.c.next_attempt_at.is_not(None),
    )
    .values(attempts=0, next_attempt_at=bindparam("now", type_=Instant()))
)
_RENEW_SETTLED = (
    update(event_deliveries)
    .where(
        _OF_ENDPOINT,
        among(event_deliveries.c.event_id, "events"),
        ~_IS_STILL_PENDING,
    )
    .values(state=DeliveryState.PENDING.value, attempts=0, delivered_at=None)
)
