"""The API of events: endpoints, the list of events, and replays."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, ClassVar

from flask import Blueprint, Response
from pydantic import AwareDatetime, Field, field_validator

from bridge.domain.errors import (
    AddressRefused,
    EndpointDisabled,
    FieldError,
    InvalidRequest,
    TooManyEndpoints,
    UnknownEndpoint,
    UnknownEvent,
)
from bridge.domain.events.events import EventType
from bridge.rendering.documents import Document, format_timestamp
from bridge.rendering.events import endpoint_document, event_document
from bridge.rendering.ids import decode_id, encode_id
from bridge.runtime import runtime
from bridge.services.events import dispatch, endpoints
from bridge.services.events.endpoints import EndpointStatus, Replayed
from bridge.web.api.answers.events import EventOut, ListedEndpoint, NewEndpoint, ReplayOut
from bridge.web.api.answers.parts import ItemList
from bridge.web.api.auth import caller, store_key
from bridge.web.api.operations import PAGE, operation
from bridge.web.api.parsing import Body, cursor, one_of, page_limit, read_body
from bridge.web.api.responses import json_response, list_response
from bridge.web.context import in_transaction, reading, utcnow

bp = Blueprint("api_events", __name__, url_prefix="/v1")

_YEARS = range(2000, 3000)

OpaqueId = Annotated[str, Field(strict=True, min_length=1, max_length=40)]


class EndpointIn(Body):
    """A URL that receives events, of all types or of some."""

    url: Annotated[str, Field(strict=True, min_length=1, max_length=2000)]
    """URL that receives the events."""
    types: Annotated[list[EventType], Field(min_length=1, max_length=50)] | None = None
    """Event types; left out or null, all."""


class ReplayIn(Body):
    """The events to send again: one, or those since a time."""

    conditions: ClassVar[tuple[dict[str, Any], ...]] = (one_of("since", "event"),)

    since: AwareDatetime | None = None
    """Send the events from this time on; exactly one of since and event."""
    event: OpaqueId | None = None
    """ID of one event."""
    cursor: OpaqueId | None = None
    """The value of `next` in the previous response."""

    @field_validator("since")
    @classmethod
    def _of_our_time(cls, since: datetime | None) -> datetime | None:
        # At the ends of the calendar, a time in another zone may not exist in UTC.
        if since is not None and since.year not in _YEARS:
            raise ValueError("must be in the year 2000 or later")
        return since


@bp.post("/event-endpoints")
@store_key
@operation(
    "Create an event endpoint",
    tag="Events",
    answer=NewEndpoint,
    status=201,
    body=EndpointIn,
    errors=(TooManyEndpoints, AddressRefused),
    example={"url": "https://receiver.example/events", "types": ["balance.low"]},
)
def create_endpoint() -> Response:
    """Register a URL for the store's events. The response contains the signing secret; store it."""
    body = read_body(EndpointIn)
    who, now, own = caller(), utcnow(), runtime()
    created = in_transaction(
        lambda connection: endpoints.create(
            connection,
            who.store_id,
            url=body.url,
            types=body.types,
            public_url=own.config.public_url,
            vault_=own.vault,
            actor=who.name,
            now=now,
        )
    )
    return json_response({**endpoint_document(created.endpoint), "secret": created.secret}, 201)


@bp.get("/event-endpoints")
@store_key
@operation("List the event endpoints", tag="Events", answer=ItemList[ListedEndpoint])
def list_endpoints() -> Response:
    """Return the event endpoints with the results of their deliveries."""
    with reading() as connection:
        found = endpoints.list_endpoints(connection, caller().store_id)
    return list_response([_status_document(status) for status in found], next_cursor=None)


@bp.delete("/event-endpoints/<endpoint_id>")
@store_key
@operation("Delete an event endpoint", tag="Events", answer=None, status=204, errors=(UnknownEndpoint,))
def delete_endpoint(endpoint_id: str) -> Response:
    """Stop sending events to a URL."""
    who, number, now = caller(), endpoint_number(endpoint_id), utcnow()
    in_transaction(lambda connection: endpoints.delete(connection, who.store_id, number, actor=who.name, now=now))
    return Response(status=204)


@bp.post("/event-endpoints/<endpoint_id>/replay")
@store_key
@operation(
    "Send events again",
    tag="Events",
    answer=ReplayOut,
    body=ReplayIn,
    errors=(UnknownEndpoint, UnknownEvent, EndpointDisabled),
    example={"since": "2026-11-26T00:00:00Z"},
)
def replay(endpoint_id: str) -> Response:
    """Send one event again, or the events since a time, up to 1000 in each request."""
    body = read_body(ReplayIn)
    store_id, now = caller().store_id, utcnow()
    if body.since is not None and body.event is None:
        since, number = body.since, endpoint_number(endpoint_id)
        after = None if body.cursor is None else event_number(body.cursor)
        replayed: Replayed = in_transaction(
            lambda connection: endpoints.replay_since(connection, store_id, number, since=since, after=after, now=now)
        )
    elif body.event is not None and body.since is None:
        event, number = event_number(body.event), endpoint_number(endpoint_id)
        replayed = in_transaction(
            lambda connection: endpoints.replay_event(connection, store_id, number, event, now=now)
        )
    else:
        raise InvalidRequest(fields=[FieldError("since", "send exactly one of since and event")])
    following = None if replayed.next_after is None else encode_id("evt", replayed.next_after)
    return json_response({"replayed": replayed.events, "next": following})


@bp.get("/events")
@store_key
@operation("List events", tag="Events", answer=ItemList[EventOut], query=PAGE)
def list_events() -> Response:
    """Return the store's events, newest first."""
    place, limit = cursor(), page_limit()
    before = None if place is None else event_number(place)
    with reading() as connection:
        found, more = dispatch.list_events(connection, caller().store_id, before=before, limit=limit)
    shown = [{"id": encode_id("evt", event.id), **event_document(event)} for event in found]
    return list_response(shown, next_cursor=shown[-1]["id"] if more else None)


def endpoint_number(visible_id: str) -> int:
    """Return the number of an endpoint; raises `UnknownEndpoint` for an ID of none."""
    number = decode_id("ep", visible_id)
    if number is None:
        raise UnknownEndpoint()
    return number


def event_number(visible_id: str) -> int:
    """Return the number of an event; 0, which no event has, for an ID of none."""
    return decode_id("evt", visible_id) or 0


def _status_document(status: EndpointStatus) -> Document:
    endpoint = status.endpoint
    return {
        **endpoint_document(endpoint),
        "pending": status.pending,
        "last_attempt_at": format_timestamp(endpoint.last_attempt_at),
        "last_delivered_at": format_timestamp(endpoint.last_delivered_at),
        "last_status": endpoint.last_status,
        "last_error": endpoint.last_error or None,
        "disabled_at": format_timestamp(endpoint.disabled_at),
        "disabled_reason": endpoint.disabled_reason or None,
    }
