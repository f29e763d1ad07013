"""The view of the Deliveries page: what the shop sent, and what became of it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from bridge.domain.errors import UnknownDelivery
from bridge.domain.orders.comparing import Comparison
from bridge.domain.shop.inbox import Delivery, State
from bridge.domain.stores.stores import Store
from bridge.services.orders import comparisons
from bridge.services.shop import inbox
from bridge.storage.engine.database import Connection
from bridge.web.admin import shop_links
from bridge.web.admin.navigation import count_exceptions
from bridge.web.admin.sync_view import SyncBadge, badge
from bridge.web.i18n import formatting
from bridge.web.i18n.formatting import LocalTime, local_time

PAGE = 50
SHOWN_BODY = 200_000
"""How many characters of a body are shown."""
_TOKENS = re.compile(r"(?<!\S)[+-]?\d{1,19}(?= tokens)")
_STATES = {
    State.RECEIVED: ("Waiting", "warn", "It is processed within seconds, or was tried and will be tried again."),
    State.PROCESSED: ("Processed", "good", "Its content was applied."),
    State.IGNORED: ("Ignored", "quiet", "Nothing in it concerns tokens."),
    State.HELD: ("On hold", "warn", "Another site sent it. Accept the site on the Connection page."),
    State.REJECTED: ("Rejected", "bad", "Its body is not a JSON object, so it cannot be processed."),
}


@dataclass(frozen=True, slots=True)
class StateView:
    """A state in words, with the class of its badge and what it means."""

    key: str
    label: str
    tone: str
    meaning: str


@dataclass(frozen=True, slots=True)
class DeliveryRow:
    """One line of the list.

    `number` is the resource's, `tokens` what is granted for an order now, None if
    unknown. `sync` is the last comparison of an order with the shop, None for others.
    """

    id: int
    received: LocalTime
    topic: str
    number: int | None
    subject: str
    subject_url: str
    state: StateView
    outcome: str
    attempts: int
    repeats: int
    tokens: int | None
    sync: SyncBadge | None = None


@dataclass(frozen=True, slots=True)
class DeliveriesPage:
    """A page of the list; `older` is the id the next page begins below, None at the end."""

    store: Store
    rows: tuple[DeliveryRow, ...]
    states: tuple[StateView, ...]
    state: str
    order: str
    is_first: bool
    older: int | None
    open_questions: str


@dataclass(frozen=True, slots=True)
class DeliveryPage:
    """One delivery with its body, which is cut where it is long."""

    store: Store
    row: DeliveryRow
    details: tuple[tuple[str, str], ...]
    processed: LocalTime | None
    next_attempt: LocalTime | None
    body: str
    body_bytes: int
    is_cut: bool
    can_replay: bool
    open_questions: str


def deliveries_page(
    connection: Connection, store: Store, *, state: State | None, order: int | None, before: int | None
) -> DeliveriesPage:
    """Return a page of the store's deliveries, the newest first."""
    found = inbox.list_deliveries(
        connection, store_id=store.id, state=state, resource_id=order, before=before, limit=PAGE + 1
    )
    shown = found[:PAGE]
    tokens = inbox.tokens_of_orders(connection, store, shown)
    compared = comparisons.find(connection, store.id, _orders(shown))
    return DeliveriesPage(
        store=store,
        rows=tuple(_row(store, delivery, tokens, compared) for delivery in shown),
        states=tuple(_state(each) for each in _STATES),
        state=state.value if state else "",
        order=str(order) if order is not None else "",
        is_first=before is None,
        older=shown[-1].id if len(found) > PAGE else None,
        open_questions=count_exceptions(connection, store),
    )


def delivery_page(connection: Connection, store: Store, delivery_id: int) -> DeliveryPage:
    """Return one delivery of the store; raises `UnknownDelivery`."""
    delivery = inbox.find_delivery(connection, delivery_id)
    if delivery is None or delivery.store_id != store.id:
        raise UnknownDelivery(f"This store has no delivery {delivery_id}.")
    body = _readable(delivery.body)
    details = (
        ("Site", delivery.source),
        ("Webhook", delivery.webhook_id),
        ("Delivery ID of the shop", delivery.shop_delivery),
        ("Waits for site", delivery.held_for or ""),
    )
    return DeliveryPage(
        store=store,
        row=_row(
            store,
            delivery,
            inbox.tokens_of_orders(connection, store, [delivery]),
            comparisons.find(connection, store.id, _orders([delivery])),
        ),
        details=tuple((name, value) for name, value in details if value),
        processed=_time(store, delivery.processed_at),
        next_attempt=_time(store, delivery.next_attempt_at),
        body=body[:SHOWN_BODY],
        body_bytes=len(delivery.body),
        is_cut=len(body) > SHOWN_BODY,
        can_replay=delivery.state is not State.REJECTED,
        open_questions=count_exceptions(connection, store),
    )


def _orders(deliveries: Iterable[Delivery]) -> set[int]:
    """Return the orders that deliveries are about."""
    return {each.resource_id for each in deliveries if each.topic.startswith("order.") and each.resource_id}


def _row(
    store: Store, delivery: Delivery, tokens: Mapping[int, int], compared: Mapping[int, Comparison]
) -> DeliveryRow:
    number = delivery.resource_id
    kind = delivery.topic.partition(".")[0]
    subject, url = "", ""
    if number is not None and kind == "order":
        subject, url = f"Order {number}", shop_links.order_url(store, number)
    elif number is not None and kind == "product":
        subject, url = f"Product {number}", shop_links.product_url(store, number)
    elif number is not None and kind == "customer":
        subject, url = f"User {number}", shop_links.user_url(store, number)
    return DeliveryRow(
        id=delivery.id,
        received=local_time(delivery.received_at, store.calendar.zone),
        topic=delivery.topic,
        number=number,
        subject=subject,
        subject_url=url,
        state=_state(delivery.shown_state),
        outcome=_TOKENS.sub(_shown, delivery.outcome),
        attempts=delivery.attempts,
        repeats=delivery.repeats,
        tokens=tokens.get(number) if kind == "order" and number is not None else None,
        sync=badge(compared.get(number), store.calendar.zone) if kind == "order" and number is not None else None,
    )


def _shown(amount: re.Match[str]) -> str:
    """Return an amount of a recorded outcome, such as -150000, as pages show it."""
    plus = "+" if amount[0].startswith("+") else ""
    return f"{plus}{formatting.number(int(amount[0]))}"


def _state(state: State) -> StateView:
    label, tone, meaning = _STATES[state]
    return StateView(state.value, label, tone, meaning)


def _time(store: Store, moment: datetime | None) -> LocalTime | None:
    return None if moment is None else local_time(moment, store.calendar.zone)


def _readable(body: bytes) -> str:
    """Return a body as indented JSON where it is JSON and not too large, else as text."""
    text = body.decode("utf-8", "replace")
    if len(body) > SHOWN_BODY:
        return text
    try:
        return json.dumps(json.loads(text), ensure_ascii=False, indent=2)
    except (ValueError, RecursionError):
        return text
