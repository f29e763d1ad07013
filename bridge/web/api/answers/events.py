"""Responses about events and their endpoints."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from bridge.domain.events.events import EventType
from bridge.web.api.answers.parts import Count, Time, example_id
from bridge.web.api.operations import Answer


class EndpointOut(Answer):
    """A URL that receives events."""

    id: Annotated[str, Field(examples=[example_id("ep")])]
    """ID of the endpoint."""
    url: Annotated[str, Field(examples=["https://receiver.example/events"])]
    """URL that receives the events."""
    types: Annotated[list[EventType] | None, Field(examples=[["balance.low"]])]
    """Event types; null for all."""
    created_at: Time
    """Time of creation."""


class NewEndpoint(EndpointOut):
    """A new endpoint with its secret."""

    secret: Annotated[str, Field(examples=["whsec_c2VjcmV0IG9mIGFuIGV4YW1wbGU="])]
    """Signing secret; shown only here."""


class ListedEndpoint(EndpointOut):
    """An endpoint with the results of its deliveries."""

    pending: Annotated[Count, Field(examples=[0])]
    """Events waiting, counted up to 10,000."""
    last_attempt_at: Time | None
    """Time of the last attempt."""
    last_delivered_at: Time | None
    """Time of the last success."""
    last_status: Annotated[int | None, Field(examples=[200])]
    """HTTP status of the last attempt."""
    last_error: Annotated[str | None, Field(examples=[None])]
    """Error of the last attempt."""
    disabled_at: Time | None
    """Time at which the endpoint was disabled."""
    disabled_reason: Annotated[str | None, Field(examples=[None])]
    """Why it was disabled."""


class ReplayOut(Answer):
    """Events that are sent again."""

    replayed: Count
    """Number of events."""
    next: Annotated[str | None, Field(examples=[None])]
    """Cursor for the next request; null when all are sent."""


class EventOut(Answer):
    """An event of the store."""

    id: Annotated[str, Field(examples=[example_id("evt")])]
    """ID of the event."""
    type: Annotated[EventType, Field(examples=["balance.low"])]
    """Type of the event."""
    timestamp: Time
    """Time of the event."""
    data: Annotated[dict[str, Any], Field(examples=[{"store": "shop", "user": {"id": 42}}])]
    """The store, the user and values of this type."""
