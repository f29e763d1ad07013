"""JSON documents of events and of the endpoints that receive them."""

from __future__ import annotations

from bridge.domain.events.events import Endpoint, Event
from bridge.rendering.documents import Document, format_timestamp
from bridge.rendering.ids import encode_id


def event_document(event: Event) -> Document:
    """Return an event as the body of its delivery has it; the ID is a header there."""
    user = None if event.user_id is None else {"id": event.user_id}
    return {
        "type": event.type.value,
        "timestamp": format_timestamp(event.created_at),
        "data": {"store": event.store, "user": user, **event.payload},
    }


def endpoint_document(endpoint: Endpoint) -> Document:
    """Return an endpoint without its secret; `types` is null where it gets all."""
    return {
        "id": encode_id("ep", endpoint.id),
        "url": endpoint.url,
        "types": None if endpoint.types is None else sorted(type_.value for type_ in endpoint.types),
        "created_at": format_timestamp(endpoint.created_at),
    }
