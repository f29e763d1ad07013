"""Event endpoints: create, list and delete them, and send earlier events again."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime

from bridge.clients import event_sender
from bridge.domain.errors import (
    EndpointDisabled,
    FieldError,
    InvalidRequest,
    TooManyEndpoints,
    UnknownEndpoint,
    UnknownEvent,
)
from bridge.domain.events.events import SIGNING_PREFIX, Endpoint, EventType
from bridge.rendering.events import endpoint_document
from bridge.services.secrets import Vault
from bridge.services.stores import changes
from bridge.services.stores.changes import Subject
from bridge.storage.engine.database import Connection
from bridge.storage.engine.ids import new_id
from bridge.storage.events import deliveries, endpoints, outbox
from bridge.storage.events.outbox import Addressed

MAX_ENDPOINTS = 20
"""How many endpoints a store may have: each event is sent once to each."""
REPLAYED_AT_ONCE = 1000
COUNTED = 10_000
"""How many pending deliveries are counted at most."""
_SECRET_BYTES = 32


@dataclass(frozen=True, slots=True)
class Created:
    """A new endpoint with its secret, which is shown only once."""

    endpoint: Endpoint
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class EndpointStatus:
    """An endpoint and its pending deliveries, counted up to 10 000."""

    endpoint: Endpoint
    pending: int


@dataclass(frozen=True, slots=True)
class Replayed:
    """How many events are sent again, and the last of them where more remain; None at the end."""

    events: int
    next_after: int | None


def create(
    connection: Connection,
    store_id: int,
    *,
    url: str,
    types: Collection[EventType] | None,
    public_url: str,
    vault_: Vault,
    actor: str,
    now: datetime,
) -> Created:
    """Create an endpoint for a store's events of these types, or of all types.

    Raises `InvalidRequest` for a URL that events must not be sent to. A service
    whose `public_url` is on loopback may send to loopback.
    """
    fault = event_sender.fault_of(url, may_loop=event_sender.is_loopback(public_url))
    if fault is not None:
        raise InvalidRequest(fields=[FieldError("url", fault)])
    if endpoints.count(connection, store_id) >= MAX_ENDPOINTS:
        raise TooManyEndpoints()
    secret = SIGNING_PREFIX + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()
    endpoint = Endpoint(
        id=new_id(),
        store_id=store_id,
        url=url,
        secret=vault_.seal(secret),
        types=None if types is None else frozenset(types),
        created_at=now,
    )
    endpoints.add(connection, endpoint)
    after = endpoint_document(endpoint)
    changes.record(connection, store_id, Subject.EVENT_ENDPOINT, url, before=None, after=after, actor=actor, now=now)
    return Created(endpoint, secret)


def list_endpoints(connection: Connection, store_id: int) -> list[EndpointStatus]:
    """Return a store's endpoints with what each still waits for."""
    return [
        EndpointStatus(endpoint, deliveries.count_pending(connection, endpoint.id, most=COUNTED))
        for endpoint in endpoints.list_for_store(connection, store_id)
    ]


def delete(connection: Connection, store_id: int, endpoint_id: int, *, actor: str, now: datetime) -> None:
    """Delete an endpoint and its waiting deliveries; raises `UnknownEndpoint`."""
    endpoint = _lock(connection, store_id, endpoint_id)
    endpoints.remove(connection, endpoint.id)
    before, name = endpoint_document(endpoint), endpoint.url
    changes.record(connection, store_id, Subject.EVENT_ENDPOINT, name, before=before, after=None, actor=actor, now=now)


def replay_since(
    connection: Connection, store_id: int, endpoint_id: int, *, since: datetime, after: int | None, now: datetime
) -> Replayed:
    """Send an endpoint the events since a moment again, whatever their state.

    This includes events from before the endpoint was created. At most a thousand
    in one call; `after` is the `next_after` of the call before.
    """
    endpoint = _lock_open(connection, store_id, endpoint_id)
    place = None
    if after is not None:
        place = outbox.find_place(connection, store_id, after)
        if place is None:
            raise InvalidRequest(fields=[FieldError("cursor", "send the value of next from the call before")])
    found = outbox.list_since(connection, store_id, since=since, after=place, limit=REPLAYED_AT_ONCE + 1)
    page = [event for event, _ in found[:REPLAYED_AT_ONCE]]
    wanted = [event for event in page if endpoint.wants(event.type)]
    _renew(connection, endpoint, wanted, now=now)
    more = len(found) > REPLAYED_AT_ONCE
    return Replayed(len(wanted), page[-1].id if more else None)


def replay_event(connection: Connection, store_id: int, endpoint_id: int, event_id: int, *, now: datetime) -> Replayed:
    """Send an endpoint one event again, whatever its type and state; raises `UnknownEvent`."""
    endpoint = _lock_open(connection, store_id, endpoint_id)
    event = outbox.find_addressed(connection, store_id, event_id)
    if event is None:
        raise UnknownEvent()
    _renew(connection, endpoint, [event], now=now)
    return Replayed(1, None)


def _renew(connection: Connection, endpoint: Endpoint, events: Collection[Addressed], *, now: datetime) -> None:
    ids = [event.id for event in events]
    deliveries.renew(connection, endpoint.id, ids, now=now)
    deliveries.add(connection, [(endpoint.id, event.id, event.account_id) for event in events])
    deliveries.promote(connection, endpoint.id, ids, now=now)
    endpoints.wake(connection, endpoint.id)


def _lock(connection: Connection, store_id: int, endpoint_id: int) -> Endpoint:
    endpoint = endpoints.lock(connection, endpoint_id)
    if endpoint is None or endpoint.store_id != store_id:
        raise UnknownEndpoint()
    return endpoint


def _lock_open(connection: Connection, store_id: int, endpoint_id: int) -> Endpoint:
    endpoint = _lock(connection, store_id, endpoint_id)
    if endpoint.disabled_at is not None:
        raise EndpointDisabled()
    return endpoint
