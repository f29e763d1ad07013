"""Processing: what a stored delivery asks for, done once, with what the shop had to be asked first."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from math import isfinite
from typing import Any

from bridge.clients.woocommerce import documents
from bridge.clients.woocommerce.api import ShopClient
from bridge.domain.errors import InvalidRequest, MalformedBody
from bridge.domain.orders.merge import Order
from bridge.domain.shop.inbox import Delivery, Notice, NoticeKind, State
from bridge.domain.stores.stores import Store
from bridge.services.orders import apply, packages
from bridge.services.shop import customers as buyers
from bridge.services.shop import rest
from bridge.services.shop.rest import Shops
from bridge.services.transactions import Transaction
from bridge.storage.engine.database import Connection
from bridge.storage.shop import inbox, sync_state
from bridge.storage.stores import stores

log = logging.getLogger(__name__)

Document = dict[str, Any]

_PROMPT = timedelta(seconds=5)
"""A delivery that is processed later than this after it came was held, cut off or retried."""


@dataclass(frozen=True, slots=True)
class Processed:
    """What became of a delivery, and the orders that can be settled now because of it."""

    state: State
    outcome: str
    store: Store
    waiting_orders: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Enriched:
    """What the shop's REST said about a delivery, asked before any transaction was opened.

    `order` is the order with its refunds' lines, or as it is now where the
    delivery does not prove it; `is_gone` says that the shop no longer has it.
    `customers` and `products` are documents of the shop's own.
    """

    order: Order | None = None
    products: tuple[Document, ...] = ()
    customers: tuple[Document, ...] = ()
    is_gone: bool = False


@dataclass(frozen=True, slots=True)
class Event:
    """A delivery as it is understood: what it is about, and its order where it states one.

    `number` is the id of the order, or of the product or customer. `fault` says
    why a document that is about something cannot be read as wc/v3 writes it.
    """

    kind: str
    action: str
    document: Document
    number: int | None = None
    order: Order | None = None
    fault: str = ""


def parse(body: bytes) -> Document:
    """The JSON object in these bytes; raises `MalformedBody` with what is wrong."""
    try:
        document = json.loads(body, parse_float=_number)
    except (ValueError, RecursionError) as error:
        raise MalformedBody(f"the body is not JSON: {type(error).__name__}") from error
    if not isinstance(document, dict):
        raise MalformedBody("the body is JSON, but not an object")
    return document


def _number(text: str) -> float | Decimal:
    """A number of a body; one that a float would change is kept exactly."""
    value = float(text)
    try:
        exact = Decimal(text)
    except InvalidOperation:
        return value
    return value if not isfinite(value) or Decimal(repr(value)) == exact else exact


def read_event(delivery: Delivery) -> Event:
    """Return what a delivery is about; raises `MalformedBody`."""
    document = parse(delivery.body)
    kind, _, action = delivery.topic.partition(".")
    if documents.error_code(document) is not None:
        return Event("error", action, document)
    if kind == "action":
        return Event(kind, action, document, documents.action_order(document))
    older = documents.older_id(document)
    if older is not None:
        return Event(older[0], action, document, older[1], fault="an older API of WooCommerce wrote it")
    if kind not in {"order", "product", "customer", "subscription"} and documents.looks_like_order(document):
        kind = "order"
    number = documents.resource_id(document)
    if kind != "order" or documents.is_bare(document):
        return Event(kind, action, document, number)
    try:
        order = documents.read_order(document, is_restored=action == "restored")
    except InvalidRequest as error:
        return Event(kind, action, document, number, fault=error.detail)
    return Event(kind, action, document, order.number, order)


def enrich(transaction: Transaction, delivery_id: int, shops_: Shops, *, now: datetime) -> Enriched:
    """Ask the shop what the delivery leaves open; nothing where it says all, or no REST keys were given.

    Raises a `ShopUnreachable` where the shop does not answer: the delivery then waits.
    """
    with transaction() as connection:
        delivery = inbox.find(connection, delivery_id)
        if delivery is None or delivery.state is not State.RECEIVED:
            return Enriched()
        store, event = stores.get(connection, delivery.store_id), read_event(delivery)
        client = shops_.client_of(connection, store) if event.number is not None else None
        questions = rest.questions_of(connection, store, event.order) if event.order is not None else None
    if client is None or event.number is None:
        return Enriched()
    is_proof = delivery.held_for is None and not event.fault
    if event.kind not in {"order", "action"}:
        return Enriched() if is_proof else _enrich_resource(client, event)
    if is_proof and questions is not None and not questions.are_open:
        return Enriched()
    order = event.order
    with client as shop:
        if order is None or questions is None or questions.order or not is_proof:
            document = shop.get_order(event.number)
            if document is None:
                return Enriched(is_gone=True)
            order = replace(documents.read_order(document), requested_at=now)
            with transaction() as connection:
                questions = rest.questions_of(connection, store, order)
        found = rest.ask(shop, questions) if questions.are_open else rest.Answers()
    return Enriched(rest.with_answers(order, found), found.products)


def _enrich_resource(client: ShopClient, event: Event) -> Enriched:
    """The shop's own document of a product or customer that a delivery does not prove."""
    if event.number is None or event.kind not in {"product", "customer"}:
        return Enriched()
    with client as shop:
        if event.kind == "customer":
            return Enriched(customers=tuple(shop.list_customers([event.number])))
        product = shop.get_product(event.number)
    return Enriched(is_gone=True) if product is None else Enriched(products=(product,))


def process(connection: Connection, delivery_id: int, enriched: Enriched, *, now: datetime) -> Processed | None:
    """Do what a stored delivery asks for, and note that it was done, in one transaction.

    None where it is done already, waits for its site to be accepted, or another
    process is at it. Raises what went wrong; the inbox then says when to try
    again.
    """
    delivery = inbox.lock(connection, delivery_id)
    if delivery is None or delivery.state is not State.RECEIVED:
        return None
    store = stores.get(connection, delivery.store_id)
    for product in enriched.products:
        packages.merge_product(connection, store.id, documents.read_product(product), now=now)
    event = read_event(delivery)
    if delivery.held_for is not None:
        sync_state.note(connection, store.id, Notice(NoticeKind.OTHER_SITE, now, delivery.held_for))
        if not (enriched.order or enriched.products or enriched.customers or enriched.is_gone):
            inbox.hold(connection, delivery_id, outcome=f"waits: {delivery.held_for} is not the store's site")
            return None
    processed = _process(connection, store, delivery, event, enriched, now=now)
    inbox.settle(connection, delivery_id, state=processed.state, outcome=processed.outcome[:500], now=now)
    return processed


def _process(
    connection: Connection, store: Store, delivery: Delivery, event: Event, enriched: Enriched, *, now: datetime
) -> Processed:
    if event.kind == "error":
        return _process_error(connection, store, delivery, event)
    if enriched.order is not None:
        return _apply(connection, store, delivery, enriched.order, now=now)
    if event.fault or delivery.held_for:
        return _process_unproven(connection, store, delivery, event, enriched, now=now)
    if event.number is None:
        return Processed(State.IGNORED, "nothing in it names an order, a product or a customer", store)
    try:
        if event.kind == "order":
            return _process_order(connection, store, delivery, event, enriched, now=now)
        if event.kind == "product":
            return _process_product(connection, store, event.document, event=event.action, now=now)
        if event.kind == "customer":
            return _process_customer(connection, store, event.document, event=event.action, now=now)
    except InvalidRequest as error:
        return Processed(State.IGNORED, error.detail, store)
    return Processed(State.IGNORED, f"nothing to do for {delivery.topic or 'no topic'}", store)


def _process_unproven(
    connection: Connection, store: Store, delivery: Delivery, event: Event, enriched: Enriched, *, now: datetime
) -> Processed:
    """A delivery that counts only for what the shop says itself: of another site, or in another form."""
    if enriched.is_gone:
        return Processed(State.IGNORED, f"the shop has no {event.kind} {event.number}", store)
    if enriched.products:
        return _process_product(connection, store, enriched.products[0], event="updated", now=now)
    if enriched.customers:
        return _process_customer(connection, store, enriched.customers[0], event="updated", now=now)
    about = f"webhook {delivery.webhook_id or 'without a number'} ({delivery.topic or 'no topic'})"
    sync_state.note(connection, store.id, Notice(NoticeKind.OTHER_FORM, now, about))
    return Processed(State.IGNORED, f"not as API version v3 writes it: {event.fault}", store)


def _process_error(connection: Connection, store: Store, delivery: Delivery, event: Event) -> Processed:
    if documents.is_refusal(event.document) and delivery.held_for is None:
        # The watchdog looks into it: the user who made the webhooks has lost the rights to what they tell of.
        sync_state.change(connection, store.id, shop_error_at=delivery.received_at, shop_error_topic=delivery.topic)
    return Processed(State.IGNORED, f"the shop sent an error: {documents.error_code(event.document)}", store)


def _apply(connection: Connection, store: Store, delivery: Delivery, order: Order, *, now: datetime) -> Processed:
    settled = apply.apply_order(connection, store, order, received_at=delivery.received_at, now=now)
    return Processed(State.PROCESSED, f"order {order.shown_number} {order.status}: {settled.outcome}", store)


def _process_order(
    connection: Connection, store: Store, delivery: Delivery, event: Event, enriched: Enriched, *, now: datetime
) -> Processed:
    if event.order is not None:
        return _apply(connection, store, delivery, event.order, now=now)
    if event.action != "deleted" or event.number is None:
        return Processed(State.IGNORED, f"only the number of order {event.number}", store)
    settled = apply.trash_order(
        connection,
        store,
        event.number,
        delivery=delivery.shop_delivery,
        received_at=delivery.received_at,
        now=now,
        # A delivery that is processed as it comes is judged without a clock, which may be wrong.
        is_late=delivery.attempts > 0 or now - delivery.received_at >= _PROMPT,
    )
    where = "is gone" if enriched.is_gone else "in the trash"
    return Processed(State.PROCESSED, f"order {event.number} {where}: {settled.outcome}", store)


def _process_product(
    connection: Connection, store: Store, document: Document, *, event: str, now: datetime
) -> Processed:
    if event == "deleted":
        return Processed(State.PROCESSED, "the product's amount is kept for the orders that have it", store)
    product = documents.read_product(document)
    packages.merge_product(connection, store.id, product, now=now)
    key = (product.parent_id, product.id) if product.parent_id else (product.id, 0)
    waiting = packages.list_settleable(connection, store, product_id=key[0], variation_id=key[1])
    brings = f"{product.tokens} tokens" if product.tokens else "no package"
    if product.unreadable is not None:
        brings = product.unreadable.sentence
    return Processed(State.PROCESSED, f"product {product.id}: {brings}", store, tuple(waiting))


def _process_customer(
    connection: Connection, store: Store, document: Document, *, event: str, now: datetime
) -> Processed:
    customer = documents.read_customer(document)
    if event == "deleted" or documents.is_bare(document):
        return Processed(State.PROCESSED, f"user {customer.user_id} left the shop; the balance stays", store)
    waiting = buyers.enrich(connection, store, customer, now=now)
    return Processed(State.PROCESSED, f"user {customer.user_id}", store, tuple(waiting))
