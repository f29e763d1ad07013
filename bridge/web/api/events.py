"""The API of events out: who gets them, what was told, and sending it again."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from flask import Blueprint, Response
from pydantic import AwareDatetime, Field, field_validator

from bridge.domain.errors import FieldError, InvalidRequest
from bridge.domain.events.events import EventType
from bridge.runtime import runtime
from bridge.services.events import dispatch, endpoints
from bridge.services.events.endpoints import Replayed
from bridge.web.api.auth import caller, store_key
from bridge.web.api.parsing import Body, cursor, page_limit, read_body
from bridge.web.api.responses import json_response, list_response
from bridge.web.context import in_transaction, reading, utcnow

bp = Blueprint("api_events", __name__, url_prefix="/v1")

_YEARS = range(2000, 3000)

OpaqueId = Annotated[str, Field(strict=True, min_length=1, max_length=40)]


class EndpointIn(Body):
    """An address that gets events; without types, all of them."""

    url: Annotated[str, Field(strict=True, min_length=1, max_length=2000)]
    types: Annotated[list[EventType], Field(min_length=1, max_length=50)] | None = None


class ReplayIn(Body):
    """Which events to send again: those since a moment, or one."""

    since: AwareDatetime | None = None
    event: OpaqueId | None = None
    cursor: OpaqueId | None = None

    @field_validator("since")
    @classmethod
    def _of_our_time(cls, since: datetime | None) -> datetime | None:
        # At the ends of the calendar a moment in another zone is none in ours.
        if since is not None and since.year not in _YEARS:
            raise ValueError("give a moment from the year 2000 on")
        return since


@bp.post("/event-endpoints")
@store_key
def create_endpoint() -> Response:
    """Let an address have the store's events; the answer alone holds the secret they are signed with."""
    body = read_body(EndpointIn)
    store_id, now, own = caller().store_id, utcnow(), runtime()
    created = in_transaction(
        lambda connection: endpoints.create(
            connection,
            store_id,
            url=body.url,
            types=body.types,
            public_url=own.config.public_url,
            vault_=own.vault,
            now=now,
        )
    )
    return json_response({**endpoints.endpoint_document(created.endpoint), "secret": created.secret}, 201)


@bp.get("/event-endpoints")
@store_key
def list_endpoints() -> Response:
    """The store's event endpoints, and how it goes with each."""
    with reading() as connection:
        return list_response(endpoints.list_endpoints(connection, caller().store_id), next_cursor=None)


@bp.delete("/event-endpoints/<endpoint_id>")
@store_key
def delete_endpoint(endpoint_id: str) -> Response:
    """Send an address nothing any more."""
    store_id = caller().store_id
    in_transaction(lambda connection: endpoints.delete(connection, store_id, endpoint_id))
    return Response(status=204)


@bp.post("/event-endpoints/<endpoint_id>/replay")
@store_key
def replay(endpoint_id: str) -> Response:
    """Send an endpoint one event again, or those since a moment, a thousand in each call."""
    body = read_body(ReplayIn)
    store_id, now = caller().store_id, utcnow()
    if body.since is not None and body.event is None:
        since = body.since
        replayed: Replayed = in_transaction(
            lambda connection: endpoints.replay_since(
                connection, store_id, endpoint_id, since=since, after=body.cursor, now=now
            )
        )
    elif body.event is not None and body.since is None:
        event = body.event
        replayed = in_transaction(
            lambda connection: endpoints.replay_event(connection, store_id, endpoint_id, event, now=now)
        )
    else:
        raise InvalidRequest(fields=[FieldError("since", "name exactly one of since and event")])
    return json_response({"replayed": replayed.events, "next": replayed.next_cursor})


@bp.get("/events")
@store_key
def list_events() -> Response:
    """The store's events, the newest first, sent or not."""
    with reading() as connection:
        found, more = dispatch.list_events(connection, caller().store_id, before=cursor(), limit=page_limit())
    return list_response(found, next_cursor=more)
