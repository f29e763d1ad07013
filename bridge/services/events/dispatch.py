"""The outbox: assign events to subscribed endpoints, and send each until it is delivered or given up."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime

from bridge.clients.event_sender import Answer, Receivers, is_loopback
from bridge.clients.event_signing import signed_headers
from bridge.domain.errors import BadSetting, FieldError, InvalidRequest
from bridge.domain.events.events import LEASE, DeliveryState, Endpoint, Event, rest, retry_wait
from bridge.rendering.events import event_document
from bridge.rendering.ids import encode_id
from bridge.services.secrets import Vault
from bridge.services.transactions import Transaction, in_transaction
from bridge.storage.engine.database import Connection
from bridge.storage.events import deliveries, outbox
from bridge.storage.events import endpoints as event_endpoints
from bridge.storage.events.deliveries import Outcome

Send = Callable[[str, bytes, Mapping[str, str]], Answer]
"""Posts a body with headers to an address, and raises nothing."""

_HANDED_OUT_AT_ONCE = 500
_ENDPOINTS_AT_ONCE = 16
_SENT_AT_ONCE = 8
_ROUNDS = 100
_BUDGET_SECONDS = 20.0
"""How long one endpoint may use its thread before others are served; one more request may exceed it."""
GONE = "the receiver answered 410 Gone"


@dataclass(frozen=True, slots=True)
class _Run:
    """The values that every thread of one `send_due` shares."""

    transaction: Transaction
    send: Send
    vault: Vault
    now: datetime
    limit: int
    draw: Callable[[], float]
    may_go_on: Callable[[], bool]


def send_events(
    transaction: Transaction,
    *,
    vault_: Vault,
    public_url: str,
    clock: Callable[[], datetime],
    may_go_on: Callable[[], bool] = lambda: True,
) -> int:
    """Assign waiting events and send those that are due; return the number of attempts.

    Safe to run twice or late. A service whose `public_url` is on loopback may send
    to loopback.
    """
    receivers = Receivers(may_loop=is_loopback(public_url))
    fan_out(transaction, now=clock())
    sent = 0
    for _ in range(_ROUNDS):
        if not may_go_on():
            break
        attempts = send_due(transaction, receivers.post, vault_=vault_, now=clock(), may_go_on=may_go_on)
        if attempts == 0:
            break
        sent += attempts
    return sent


def fan_out(transaction: Transaction, *, now: datetime) -> int:
    """Create one delivery of each waiting event for every subscribed endpoint; return the number of events."""
    total = 0
    for _ in range(_ROUNDS):
        count = in_transaction(transaction, lambda connection: _hand_out(connection, now=now))
        total += count
        if count < _HANDED_OUT_AT_ONCE:
            break
    return total


def send_due(
    transaction: Transaction,
    send: Send,
    *,
    vault_: Vault,
    now: datetime,
    limit: int = 500,
    draw: Callable[[], float] = random.random,
    may_go_on: Callable[[], bool] = lambda: True,
) -> int:
    """Send the due events, at most `limit` to each endpoint; return the number of attempts.

    An endpoint is claimed first and then served by this caller only. No transaction
    is open during a request. If the process ends before a result is recorded, the
    event is sent again with the same webhook-id when the claim expires.
    """
    claimed = in_transaction(
        transaction,
        lambda connection: event_endpoints.claim(connection, now=now, until=now + LEASE, limit=_ENDPOINTS_AT_ONCE),
    )
    if not claimed:
        return 0
    run = _Run(transaction, send, vault_, now, limit, draw, may_go_on)
    with ThreadPoolExecutor(len(claimed), thread_name_prefix="events") as pool:
        return sum(pool.map(lambda endpoint: _serve(run, endpoint), claimed))


def list_events(connection: Connection, store_id: int, *, before: int | None, limit: int) -> tuple[list[Event], bool]:
    """Return a page of a store's events, the newest first, and whether there are more.

    `before` is the last event of an earlier page. Raises `InvalidRequest` for an event that the store does not have.
    """
    place = None
    if before is not None:
        place = outbox.find_place(connection, store_id, before)
        if place is None:
            raise InvalidRequest(fields=[FieldError("cursor", "send the value of next from an earlier page")])
    events = outbox.list_page(connection, store_id, before=place, limit=limit + 1)
    return events[:limit], len(events) > limit


def _hand_out(connection: Connection, *, now: datetime) -> int:
    waiting = outbox.lock_waiting(connection, limit=_HANDED_OUT_AT_ONCE)
    if not waiting:
        return 0
    endpoints = event_endpoints.lock_open(connection, {event.store_id for event in waiting})
    for endpoint in endpoints:
        wanted = [event for event in waiting if event.store_id == endpoint.store_id and endpoint.wants(event.type)]
        deliveries.add(connection, [(endpoint.id, event.id, event.account_id) for event in wanted])
        deliveries.promote(connection, endpoint.id, [event.id for event in wanted], now=now)
    outbox.mark_handed_out(connection, [event.id for event in waiting], now=now)
    return len(waiting)


def _serve(run: _Run, endpoint: Endpoint) -> int:
    """Send the due events of one claimed endpoint, in rounds of different accounts; return the attempts."""
    try:
        secret = run.vault.open(endpoint.secret)
    except BadSetting as error:
        reason = error.detail
        in_transaction(run.transaction, lambda connection: _rest_and_release(connection, run, endpoint, reason))
        return 0
    sent, seconds = 0, 0.0
    due = in_transaction(run.transaction, lambda connection: _next_due(connection, run, endpoint, left=run.limit))
    with ThreadPoolExecutor(_SENT_AT_ONCE, thread_name_prefix="events") as pool:
        while due:
            got = list(pool.map(lambda event: _post(run, endpoint, event, secret), due))
            sent += len(got)
            seconds += max(answer.seconds for answer in got)
            left = run.limit - sent if seconds < _BUDGET_SECONDS and run.may_go_on() else 0
            attempts = list(zip(due, got, strict=True))
            due = in_transaction(run.transaction, _noting(run, endpoint, attempts, left=left))
    return sent


def _post(run: _Run, endpoint: Endpoint, event: Event, secret: str) -> Answer:
    body = json.dumps(event_document(event), ensure_ascii=False, separators=(",", ":")).encode()
    headers = signed_headers(body, event_id=encode_id("evt", event.id), secret=secret, now=run.now)
    return run.send(endpoint.url, body, headers)


def _next_due(connection: Connection, run: _Run, endpoint: Endpoint, *, left: int) -> list[Event]:
    """Return the events to send next; if there are none, release the endpoint."""
    due = deliveries.list_due(connection, endpoint.id, now=run.now, limit=min(left, _SENT_AT_ONCE))
    if not due:
        event_endpoints.release(connection, endpoint)
    return due


def _noting(
    run: _Run, endpoint: Endpoint, attempts: Sequence[tuple[Event, Answer]], *, left: int
) -> Callable[[Connection], list[Event]]:
    """Records the results of a round of attempts, and returns the next round."""

    def note(connection: Connection) -> list[Event]:
        known = event_endpoints.lock(connection, endpoint.id)
        if known is None:
            return []
        tried = deliveries.pending_attempts(connection, endpoint.id, [event.id for event, _ in attempts])
        outcomes = [_outcome(run, event, answer, tried[event.id]) for event, answer in attempts if event.id in tried]
        deliveries.settle(connection, endpoint.id, outcomes)
        if any(answer.is_gone for _, answer in attempts):
            deliveries.end_pending(connection, endpoint.id, reason=GONE)
            known = replace(known, disabled_at=known.disabled_at or run.now, disabled_reason=GONE)
        else:
            deliveries.promote(connection, endpoint.id, [event.id for event, _ in attempts], now=run.now)
        known = _with_health(run, known, [answer for _, answer in attempts])
        event_endpoints.set_health(connection, known)
        may_go_on = known.claimed_until == endpoint.claimed_until and not known.failures and not known.disabled_at
        return _next_due(connection, run, endpoint, left=left if may_go_on else 0)

    return note


def _outcome(run: _Run, event: Event, answer: Answer, tried: int) -> Outcome:
    attempts = tried + 1
    if answer.is_delivered:
        return Outcome(event.id, DeliveryState.DELIVERED, attempts, None, answer.status, "", run.now)
    wait = retry_wait(attempts, draw=run.draw())
    state = DeliveryState.DEAD if wait is None else DeliveryState.PENDING
    again_at = None if wait is None else run.now + wait
    return Outcome(event.id, state, attempts, again_at, answer.status, answer.error, None)


def _with_health(run: _Run, endpoint: Endpoint, got: Sequence[Answer]) -> Endpoint:
    """Return the endpoint after these responses; one that could not be reached is paused."""
    failed = [answer for answer in got if not answer.is_delivered]
    last = failed[-1] if failed else got[-1]
    unreachable = all(answer.is_unreachable for answer in got)
    failures = endpoint.failures + 1 if unreachable else 0
    return replace(
        endpoint,
        failures=failures,
        resting_until=run.now + rest(failures, draw=run.draw()) if unreachable else None,
        last_attempt_at=run.now,
        last_delivered_at=endpoint.last_delivered_at if len(failed) == len(got) else run.now,
        last_status=last.status,
        last_error=last.error,
    )


def _rest_and_release(connection: Connection, run: _Run, endpoint: Endpoint, reason: str) -> None:
    failures = endpoint.failures + 1
    resting_until = run.now + rest(failures, draw=run.draw())
    event_endpoints.set_health(
        connection, replace(endpoint, failures=failures, resting_until=resting_until, last_error=reason)
    )
    event_endpoints.release(connection, endpoint)
