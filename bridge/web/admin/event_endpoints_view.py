"""The view of a store's event endpoints."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bridge.domain.events.events import Endpoint, EventType
from bridge.domain.stores.stores import Store
from bridge.rendering.documents import Document, format_timestamp
from bridge.rendering.ids import encode_id
from bridge.services.events import endpoints
from bridge.services.events.endpoints import EndpointStatus
from bridge.storage.engine.database import Connection
from bridge.web.admin.curl import Calls, call
from bridge.web.admin.navigation import count_exceptions
from bridge.web.i18n.formatting import LocalTime, local_time, number, zone_name

TYPES = {
    EventType.BALANCE_LOW: "a balance falls below the low balance",
    EventType.BALANCE_EXHAUSTED: "a balance is used up",
    EventType.BALANCE_REPLENISHED: "an empty balance has tokens again",
    EventType.ALLOWANCE_EXHAUSTED: "a free limit is used up",
    EventType.ALLOWANCE_RESET: "a free limit begins again",
    EventType.GRANT_CREATED: "an order granted tokens",
    EventType.GRANT_REVERSED: "granted tokens were reversed",
    EventType.USER_MERGED: "two users were merged",
    EventType.USER_ERASED: "the data of a user was erased",
    EventType.WEBHOOK_SILENT: "the shop stopped sending deliveries",
}
"""When each type of event is sent."""


@dataclass(frozen=True, slots=True)
class EndpointForm:
    """The typed endpoint, with the reasons by field for which it was refused."""

    url: str = ""
    types: frozenset[str] = frozenset()
    errors: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ReplayForm:
    """The typed time from which to send again, in the store's zone; `error` is why it was refused."""

    id: str
    since: str
    error: str


@dataclass(frozen=True, slots=True)
class EndpointRow:
    """An endpoint with its state in words."""

    id: str
    url: str
    types: str
    state: str
    mark: str
    error: str
    delivered: LocalTime | None
    attempted: LocalTime | None
    pending: str
    is_disabled: bool


@dataclass(frozen=True, slots=True)
class EventEndpointsPage:
    """The contents of the page of event endpoints; `secret` is that of a new endpoint, shown only once."""

    store: Store
    open_questions: str
    zone: str
    rows: tuple[EndpointRow, ...]
    types: tuple[tuple[str, str], ...]
    most: int
    form: EndpointForm
    replay: ReplayForm | None
    secret: str
    calls: Calls


def build(
    connection: Connection,
    store: Store,
    *,
    now: datetime,
    form: EndpointForm | None = None,
    replay: ReplayForm | None = None,
    secret: str = "",
) -> EventEndpointsPage:
    """Return the page; `form` and `replay` hold what was typed and refused."""
    found = endpoints.list_endpoints(connection, store.id)
    body = {"url": "https://receiver.example/events", "types": [EventType.BALANCE_LOW.value]}
    return EventEndpointsPage(
        store=store,
        open_questions=count_exceptions(connection, store),
        zone=zone_name(store.calendar.zone),
        rows=tuple(_row(store, status, now) for status in found),
        types=tuple((type_.value, TYPES[type_]) for type_ in EventType),
        most=endpoints.MAX_ENDPOINTS,
        form=form or EndpointForm(),
        replay=replay,
        secret=secret,
        calls=_calls(found[0].endpoint if found else None, body, now=now),
    )


def _calls(endpoint: Endpoint | None, body: Document, *, now: datetime) -> Calls:
    path, since = "/v1/event-endpoints", {"since": format_timestamp(now - timedelta(hours=1))}
    calls = (call("Create an endpoint", "POST", path, body), call("List the endpoints", "GET", path))
    if endpoint is None:
        return calls
    one = path + "/" + encode_id("ep", endpoint.id)
    return (
        *calls,
        call("Send the events of the last hour again", "POST", f"{one}/replay", since),
        call("Delete an endpoint", "DELETE", one),
    )


def _row(store: Store, status: EndpointStatus, now: datetime) -> EndpointRow:
    endpoint, zone = status.endpoint, store.calendar.zone
    state, mark = _state(endpoint, now)
    most = endpoints.COUNTED
    return EndpointRow(
        id=encode_id("ep", endpoint.id),
        url=endpoint.url,
        types="all" if endpoint.types is None else ", ".join(sorted(type_.value for type_ in endpoint.types)),
        state=state,
        mark=mark,
        error=endpoint.disabled_reason or endpoint.last_error or _status_words(endpoint),
        delivered=local_time(endpoint.last_delivered_at, zone) if endpoint.last_delivered_at else None,
        attempted=local_time(endpoint.last_attempt_at, zone) if endpoint.last_attempt_at else None,
        pending=f"{number(most)}+" if status.pending >= most else number(status.pending),
        is_disabled=endpoint.disabled_at is not None,
    )


def _state(endpoint: Endpoint, now: datetime) -> tuple[str, str]:
    """Return the state in words, and the color of its badge."""
    if endpoint.disabled_at is not None:
        return "Disabled", "bad"
    if endpoint.failures:
        is_resting = endpoint.resting_until is not None and endpoint.resting_until > now
        times = "once" if endpoint.failures == 1 else f"{number(endpoint.failures)} times"
        return f"Unreachable {times}{', paused' if is_resting else ''}", "bad"
    if endpoint.last_attempt_at is None:
        return "Not used yet", "quiet"
    return ("Last attempt failed", "warn") if _status_words(endpoint) or endpoint.last_error else ("Delivering", "good")


def _status_words(endpoint: Endpoint) -> str:
    status = endpoint.last_status
    return "" if status is None or 200 <= status < 300 else f"the receiver answered {status}"
