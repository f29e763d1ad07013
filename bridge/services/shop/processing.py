"""Process a stored delivery: read missing details from the shop, apply it once, retry after failures."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bridge.clients.woocommerce import documents
from bridge.clients.woocommerce.api import ShopClient
from bridge.clients.woocommerce.documents import Customer, Product
from bridge.clients.woocommerce.erased_bodies import without_person
from bridge.clients.woocommerce.webhook_events import Kind, WebhookEvent, parse_body, read_event
from bridge.domain.errors import BridgeError, InvalidRequest, ShopUnreachable
from bridge.domain.orders.dates import ahead_of
from bridge.domain.orders.merge import Order
from bridge.domain.shop.inbox import LONG_PATIENCE, PATIENCE, Delivery, Notice, NoticeKind, State, may_wait, retry_delay
from bridge.domain.stores.stores import Store
from bridge.rendering import amounts
from bridge.services.orders import apply, packages
from bridge.services.shop import customers as buyers
from bridge.services.shop import rest
from bridge.services.shop.inbox import Stored
from bridge.services.shop.rest import Shops
from bridge.services.transactions import Transaction, in_transaction
from bridge.storage.accounts import accounts
from bridge.storage.engine.database import Connection
from bridge.storage.orders import orders
from bridge.storage.shop import inbox, sync_state
from bridge.storage.stores import stores

log = logging.getLogger(__name__)

_PROMPT = timedelta(seconds=5)
"""A delivery processed later than this after its arrival was held, interrupted or retried."""


@dataclass(frozen=True, slots=True)
class Processed:
    """The result of a delivery, and the orders that can be processed because of it."""

    state: State
    outcome: str
    store: Store
    waiting_orders: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Enriched:
    """The answer of the shop's REST API about a delivery, read before any transaction is open.

    `order` is the order with its refunds' lines, or its current state if the
    delivery does not prove it; `is_gone` means that the shop no longer has it.
    `customers` and `products` are in their current state.
    """

    order: Order | None = None
    products: tuple[Product, ...] = ()
    customers: tuple[Customer, ...] = ()
    is_gone: bool = False


@dataclass(frozen=True, slots=True)
class _Pending:
    """A delivery that is not processed yet, with its store and its event."""

    delivery: Delivery
    store: Store
    event: WebhookEvent


def process_received(transaction: Transaction, stored: Stored, *, now: datetime, shops: Shops | None = None) -> bool:
    """Process a delivery that was just stored, as `process_stored` does, without reading it again."""
    return _attempt(transaction, stored.delivery.id, stored, shops, now=now)


def process_stored(transaction: Transaction, delivery_id: int, *, now: datetime, shops: Shops | None = None) -> bool:
    """Process a stored delivery and the orders that waited for it; return whether that succeeded.

    Missing details are read through `shops`. A delivery waits ten minutes for a shop
    that does not respond, and a day if it is of an order that the shop did not have
    when it was last asked. Then it is applied as it is, as without REST keys, and
    the next sync adds the rest.

    Failures are logged and retried later, never raised: the delivery is stored, and
    the shop does not have to send it again.
    """
    return _attempt(transaction, delivery_id, None, shops, now=now)


def _attempt(
    transaction: Transaction, delivery_id: int, stored: Stored | None, shops: Shops | None, *, now: datetime
) -> bool:
    try:
        pending = _load(transaction, delivery_id) if stored is None else _pending_of(stored)
        if pending is None:
            return True
        enriched = Enriched() if shops is None else _enrich_or_wait(transaction, pending, shops, now=now)
        done = in_transaction(transaction, lambda connection: _process(connection, pending, enriched, now=now))
        if done is not None:
            apply.check_all(transaction, done.store, done.waiting_orders, now=now)
    except Exception as error:
        if isinstance(error, ShopUnreachable):
            log.warning("delivery %d waits for the shop: %s", delivery_id, error.detail)
        else:
            log.exception("delivery %d failed; it will be retried", delivery_id)
        reason = error
        try:
            in_transaction(transaction, lambda connection: _postpone(connection, delivery_id, reason, now=now))
        except Exception:
            # It is due anyway: the time of its first retry was set when it was received.
            log.exception("the retry of delivery %d could not be scheduled", delivery_id)
        return False
    return True


def _pending_of(stored: Stored) -> _Pending | None:
    if stored.delivery.state is not State.RECEIVED:
        return None
    return _Pending(stored.delivery, stored.store, read_event(stored.delivery.topic, stored.document))


def _load(transaction: Transaction, delivery_id: int) -> _Pending | None:
    """Return the delivery with its event, read from its body; None if it is processed or does not exist."""
    with transaction() as connection:
        delivery = inbox.find(connection, delivery_id)
        if delivery is None or delivery.state is not State.RECEIVED:
            return None
        store = stores.get(connection, delivery.store_id)
    return _Pending(delivery, store, read_event(delivery.topic, parse_body(delivery.body)))


def _enrich_or_wait(transaction: Transaction, pending: _Pending, shops: Shops, *, now: datetime) -> Enriched:
    try:
        return _enrich(transaction, pending, shops, now=now)
    except ShopUnreachable as error:
        patience = LONG_PATIENCE if _is_absent(transaction, pending) else PATIENCE
        if may_wait(pending.delivery.received_at, now=now, patience=patience):
            raise
        log.warning("delivery %d is processed without reading the shop: %s", pending.delivery.id, error.detail)
        return Enriched()


def _is_absent(transaction: Transaction, pending: _Pending) -> bool:
    """Return whether the shop did not have the order of a delivery when it was last asked."""
    number = pending.event.number if pending.event.kind in {Kind.ORDER, Kind.ACTION} else None
    if number is None:
        return False
    with transaction() as connection:
        return apply.is_absent(connection, pending.store, number)


def _enrich(transaction: Transaction, pending: _Pending, shops_: Shops, *, now: datetime) -> Enriched:
    """Read the missing details of a delivery from the shop; nothing if it is complete or there are no REST keys.

    Raises a `ShopUnreachable` if the shop does not respond; the delivery then waits.
    """
    event, store = pending.event, pending.store
    is_proof = pending.delivery.held_for is None and not event.fault
    is_about_order = event.kind in {Kind.ORDER, Kind.ACTION}
    if event.number is None or (is_proof and not is_about_order):
        return Enriched()
    with transaction() as connection:
        client = shops_.client_of(connection, store)
        questions = (
            None
            if event.order is None
            else rest.questions_of(connection, store, event.order, received_at=pending.delivery.received_at)
        )
    if client is None:
        return Enriched()
    if not is_about_order:
        return _enrich_resource(client, event)
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
                questions = rest.questions_of(connection, store, order, received_at=now)
        found = rest.ask(shop, questions) if questions.are_open else rest.Answers()
        rest.keep_access(transaction, store, shop)
    return Enriched(rest.with_answers(order, found), tuple(map(documents.read_product, found.products)))


def _enrich_resource(client: ShopClient, event: WebhookEvent) -> Enriched:
    """Return the shop's own document of a product or customer that a delivery does not prove."""
    if event.number is None or event.kind not in {Kind.PRODUCT, Kind.CUSTOMER}:
        return Enriched()
    with client as shop:
        if event.kind is Kind.CUSTOMER:
            return Enriched(customers=tuple(map(documents.read_customer, shop.list_customers([event.number]))))
        product = shop.get_product(event.number)
    return Enriched(is_gone=True) if product is None else Enriched(products=(documents.read_product(product),))


def _process(connection: Connection, pending: _Pending, enriched: Enriched, *, now: datetime) -> Processed | None:
    """Apply a stored delivery and record the result, in one transaction.

    Returns None if it is already processed, waits for its site to be accepted, or is
    being processed by another process. Raises on failure; the delivery is then
    retried later.
    """
    delivery = inbox.lock(connection, pending.delivery.id)
    if delivery is None or delivery.state is not State.RECEIVED:
        return None
    # Read again, because the settings may have changed while the shop was read.
    store = stores.get(connection, delivery.store_id)
    for product in enriched.products:
        packages.merge_product(connection, store.id, product, now=now)
    if delivery.held_for is not None:
        sync_state.note(connection, store.id, Notice(NoticeKind.OTHER_SITE, now, delivery.held_for))
        if not (enriched.order or enriched.products or enriched.customers or enriched.is_gone):
            inbox.hold(connection, delivery.id, outcome=f"waits: {delivery.held_for} is not the store's site")
            return None
    processed = _dispatch(connection, store, delivery, pending.event, enriched, now=now)
    inbox.settle(connection, delivery.id, state=processed.state, outcome=processed.outcome[:500], now=now)
    if store.has_erased and _is_of_erased(connection, store, pending.event):
        inbox.set_body(connection, delivery.id, without_person(delivery.body, delivery.topic))
    return processed


def _is_of_erased(connection: Connection, store: Store, event: WebhookEvent) -> bool:
    """Return whether an event is about a user or an order whose person was erased."""
    if event.number is None:
        return False
    if event.kind is Kind.CUSTOMER:
        return accounts.is_erased(connection, store.id, event.number)
    return event.kind in {Kind.ORDER, Kind.ACTION} and orders.is_erased(connection, store.id, event.number)


def _dispatch(
    connection: Connection, store: Store, delivery: Delivery, event: WebhookEvent, enriched: Enriched, *, now: datetime
) -> Processed:
    if event.kind is Kind.ERROR:
        return _process_error(connection, store, delivery, event)
    if enriched.order is not None:
        return _apply(connection, store, delivery, enriched.order, now=now)
    if event.fault or delivery.held_for:
        return _process_unproven(connection, store, delivery, event, enriched, now=now)
    if event.number is None:
        return Processed(State.IGNORED, "nothing in it names an order, a product or a customer", store)
    if event.invalid:
        return Processed(State.IGNORED, event.invalid, store)
    try:
        if event.kind is Kind.ORDER:
            return _process_order(connection, store, delivery, event, enriched, now=now)
        if event.kind is Kind.PRODUCT:
            return _process_product(connection, store, event.product, now=now)
        if event.kind is Kind.CUSTOMER and event.customer is not None:
            is_gone = event.action == "deleted" or event.is_bare
            return _process_customer(connection, store, event.customer, is_gone=is_gone, now=now)
    except InvalidRequest as error:
        return Processed(State.IGNORED, error.detail, store)
    return _process_other(connection, store, delivery, event, now=now)


def _process_other(
    connection: Connection, store: Store, delivery: Delivery, event: WebhookEvent, *, now: datetime
) -> Processed:
    """Ignore a delivery; the owner is told if it names an order that cannot be read without REST keys."""
    if event.kind is Kind.ACTION and stores.credentials(connection, store.id).consumer_key is None:
        about = f"webhook {delivery.webhook_id or 'without a number'} ({delivery.topic})"
        sync_state.note(connection, store.id, Notice(NoticeKind.ACTION_ONLY, now, about))
    return Processed(State.IGNORED, f"nothing to do for {delivery.topic or 'no topic'}", store)


def _process_unproven(
    connection: Connection, store: Store, delivery: Delivery, event: WebhookEvent, enriched: Enriched, *, now: datetime
) -> Processed:
    """Process a delivery of another site or in another format, using only the shop's own data."""
    if enriched.is_gone:
        return Processed(State.IGNORED, f"the shop has no {event.kind} {event.number}", store)
    if enriched.products:
        return _process_product(connection, store, enriched.products[0], now=now)
    if enriched.customers:
        return _process_customer(connection, store, enriched.customers[0], now=now)
    about = f"webhook {delivery.webhook_id or 'without a number'} ({delivery.topic or 'no topic'})"
    sync_state.note(connection, store.id, Notice(NoticeKind.OTHER_FORM, now, about))
    return Processed(State.IGNORED, f"not as API version v3 writes it: {event.fault}", store)


def _process_error(connection: Connection, store: Store, delivery: Delivery, event: WebhookEvent) -> Processed:
    if event.is_refusal and delivery.held_for is None:
        # The monitor reports it: the user who created the webhooks may no longer read the objects.
        sync_state.change(connection, store.id, shop_error_at=delivery.received_at, shop_error_topic=delivery.topic)
    return Processed(State.IGNORED, f"the shop sent an error: {event.error}", store)


def _apply(connection: Connection, store: Store, delivery: Delivery, order: Order, *, now: datetime) -> Processed:
    if (ahead := ahead_of(order.modified_at, order.requested_at or delivery.received_at)) is not None:
        detail = str(int(ahead.total_seconds()))
        sync_state.note(connection, store.id, Notice(NoticeKind.DATED_AHEAD, now, detail))
    settled = apply.apply_order(connection, store, order, received_at=delivery.received_at, now=now)
    return Processed(State.PROCESSED, f"order {order.shown_number} {order.status}: {settled.outcome}", store)


def _process_order(
    connection: Connection, store: Store, delivery: Delivery, event: WebhookEvent, enriched: Enriched, *, now: datetime
) -> Processed:
    if enriched.is_gone and event.number is not None:
        return _process_absence(connection, store, event.number, is_deletion=event.action == "deleted", now=now)
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
        # A delivery processed on arrival does not depend on the clock, which may be wrong.
        is_late=delivery.attempts > 0 or now - delivery.received_at >= _PROMPT,
    )
    return Processed(State.PROCESSED, f"order {event.number} in the trash: {settled.outcome}", store)


def _process_absence(
    connection: Connection, store: Store, number: int, *, is_deletion: bool, now: datetime
) -> Processed:
    """Reverse an order that the shop, asked because of a delivery, no longer has."""
    if not is_deletion and not apply.is_known(connection, store, number):
        return Processed(State.IGNORED, f"the shop has no order {number}", store)
    settled = apply.remove_order(connection, store, number, now=now)
    return Processed(State.PROCESSED, f"order {number} is gone: {settled.outcome}", store)


def _process_product(connection: Connection, store: Store, product: Product | None, *, now: datetime) -> Processed:
    """Merge a product; None for one that was deleted."""
    if product is None:
        return Processed(State.PROCESSED, "the product's amount is kept for the orders that have it", store)
    packages.merge_product(connection, store.id, product, now=now)
    key = (product.parent_id, product.id) if product.parent_id else (product.id, 0)
    waiting = packages.list_settleable(connection, store, product_id=key[0], variation_id=key[1])
    brings = f"{product.tokens} tokens" if product.tokens else "no package"
    if product.unreadable is not None:
        brings = amounts.describe(product.unreadable)
    return Processed(State.PROCESSED, f"product {product.id}: {brings}", store, tuple(waiting))


def _process_customer(
    connection: Connection, store: Store, customer: Customer, *, is_gone: bool = False, now: datetime
) -> Processed:
    if is_gone:
        return Processed(State.PROCESSED, f"user {customer.user_id} left the shop; the balance stays", store)
    waiting = buyers.enrich(connection, store, customer, now=now)
    return Processed(State.PROCESSED, f"user {customer.user_id}", store, tuple(waiting))


def _postpone(connection: Connection, delivery_id: int, error: Exception, *, now: datetime) -> None:
    """Record that processing failed and when it is retried; a delivery is never given up."""
    delivery = inbox.lock(connection, delivery_id)
    if delivery is None or delivery.state is not State.RECEIVED:
        return
    reason = error.detail if isinstance(error, BridgeError) else type(error).__name__
    inbox.postpone(
        connection,
        delivery_id,
        outcome=f"failed: {reason}"[:500],
        next_attempt_at=now + retry_delay(delivery.attempts),
    )
