"""The inbox: a delivery is verified and stored, then processed, and tried again until it is."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from bridge.clients import payloads
from bridge.domain.errors import BadSignature, BridgeError, InvalidRequest, MalformedBody
from bridge.domain.inbox import Delivery, State, retry_delay
from bridge.domain.signatures import is_signed
from bridge.domain.stores import Store
from bridge.services import accounts, catalog, orders, stores
from bridge.services.transactions import Transaction, in_transaction
from bridge.services.vault import Vault
from bridge.storage import inbox
from bridge.storage import stores as store_rows
from bridge.storage.database import Connection
from bridge.storage.ids import new_id

log = logging.getLogger(__name__)

_FIRST_RETRY = timedelta(seconds=30)
"""When the job looks at a delivery whose processing was cut off before it could say so."""


@dataclass(frozen=True, slots=True)
class Received:
    """A webhook as it came in at the door, nothing of it believed yet."""

    body: bytes
    signature: str
    topic: str
    source: str
    shop_delivery: str
    webhook_id: str


@dataclass(frozen=True, slots=True)
class Processed:
    """What became of a delivery, and the orders that can be settled now because of it."""

    state: State
    outcome: str
    store: Store
    waiting_orders: tuple[int, ...] = ()


def receive(connection: Connection, slug: str, received: Received, *, vault: Vault, now: datetime) -> Delivery:
    """Verify a webhook on its raw bytes and store it; durable once the caller commits.

    Raises `UnknownStore`, and `BadSignature` for what the shop did not sign. A
    signed body that is not a JSON object is stored as rejected.
    """
    store = stores.get_store(connection, slug)
    secret = stores.webhook_secret(connection, store.id, vault_=vault)
    if not is_signed(received.body, received.signature, secret):
        raise BadSignature()
    try:
        document = parse(received.body)
        resource, state, outcome = payloads.resource_id(document), State.RECEIVED, ""
    except MalformedBody as error:
        resource, state, outcome = None, State.REJECTED, error.detail
    delivery = Delivery(
        id=new_id(),
        store_id=store.id,
        received_at=now,
        topic=received.topic[:100],
        source=received.source[:500],
        shop_delivery=received.shop_delivery[:100],
        webhook_id=received.webhook_id[:40],
        resource_id=resource,
        body=received.body,
        state=state,
        outcome=outcome,
        next_attempt_at=now + _FIRST_RETRY if state is State.RECEIVED else None,
    )
    inbox.add(connection, delivery)
    return delivery


def process(connection: Connection, delivery_id: int, *, now: datetime) -> Processed | None:
    """Do what a stored delivery asks for, and note that it was done, in one transaction.

    None where it is done already, or another process is at it. Raises what went
    wrong; `postpone` then says when to try again.
    """
    delivery = inbox.lock(connection, delivery_id)
    if delivery is None or delivery.state is not State.RECEIVED:
        return None
    store = store_rows.get(connection, delivery.store_id)
    processed = _process(connection, store, delivery, now=now)
    inbox.settle(connection, delivery_id, state=processed.state, outcome=processed.outcome[:500], now=now)
    return processed


def process_stored(transaction: Transaction, delivery_id: int, *, now: datetime) -> bool:
    """Process a stored delivery and settle what waited for it; whether that went well.

    What fails, whatever it is, is logged and put off, never raised: the
    delivery is safe by now, and the shop need not know.
    """
    try:
        done = in_transaction(transaction, lambda connection: process(connection, delivery_id, now=now))
        if done is not None:
            orders.check_all(transaction, done.store, done.waiting_orders, now=now)
    except Exception as error:
        log.exception("delivery %d failed; it is tried again", delivery_id)
        reason = error
        try:
            in_transaction(transaction, lambda connection: postpone(connection, delivery_id, reason, now=now))
        except Exception:
            # Even so it is due: receiving gave it the time of its first retry.
            log.exception("delivery %d could not be put off", delivery_id)
        return False
    return True


def postpone(connection: Connection, delivery_id: int, error: Exception, *, now: datetime) -> None:
    """Note that processing failed and when it is tried again; the delivery is never given up."""
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


def replay(connection: Connection, delivery_id: int, *, now: datetime) -> bool:
    """Make a delivery due again, whatever became of it; False where there is none or it cannot be read."""
    delivery = inbox.lock(connection, delivery_id)
    if delivery is None or delivery.state is State.REJECTED:
        return False
    inbox.postpone(connection, delivery_id, outcome="replayed", next_attempt_at=now)
    return True


def list_due(connection: Connection, *, now: datetime, limit: int) -> list[int]:
    """The deliveries whose next attempt is due, the oldest first."""
    return inbox.list_due(connection, now=now, limit=limit)


def list_deliveries(
    connection: Connection, *, store_id: int | None, state: State | None, before: int | None, limit: int
) -> list[Delivery]:
    """Deliveries, the newest first."""
    return inbox.list_page(connection, store_id=store_id, state=state, before=before, limit=limit)


def find_delivery(connection: Connection, delivery_id: int) -> Delivery | None:
    """One delivery, as it was received."""
    return inbox.find(connection, delivery_id)


def parse(body: bytes) -> dict[str, Any]:
    """The JSON object in these bytes; raises `MalformedBody` with what is wrong."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise MalformedBody(f"the body is not JSON: {type(error).__name__}") from error
    if not isinstance(document, dict):
        raise MalformedBody("the body is JSON, but not an object")
    return document


def _process(connection: Connection, store: Store, delivery: Delivery, *, now: datetime) -> Processed:
    document = parse(delivery.body)
    kind, _, event = delivery.topic.partition(".")
    error = payloads.error_code(document)
    if error is not None:
        return Processed(State.IGNORED, f"the shop sent an error: {error}", store)
    if payloads.resource_id(document) is None:
        return Processed(State.IGNORED, "nothing in it names an order, a product or a customer", store)
    try:
        if kind == "order":
            return _process_order(connection, store, delivery, document, event=event, now=now)
        if kind == "product":
            return _process_product(connection, store, document, event=event, now=now)
        if kind == "customer":
            return _process_customer(connection, store, document, event=event, now=now)
    except InvalidRequest as error:
        return Processed(State.IGNORED, error.detail, store)
    return Processed(State.IGNORED, f"nothing to do for {delivery.topic or 'no topic'}", store)


def _process_order(
    connection: Connection, store: Store, delivery: Delivery, document: dict[str, Any], *, event: str, now: datetime
) -> Processed:
    number = payloads.resource_id(document)
    if payloads.is_bare(document) and number is not None:
        if event != "deleted":
            return Processed(State.IGNORED, f"only the number of order {number}", store)
        settled = orders.trash_order(
            connection,
            store,
            number,
            delivery=delivery.shop_delivery,
            received_at=delivery.received_at,
            now=now,
        )
        return Processed(State.PROCESSED, f"order {number} in the trash: {settled.outcome}", store)
    order = payloads.read_order(document, is_restored=event == "restored")
    settled = orders.apply_order(connection, store, order, received_at=delivery.received_at, now=now)
    return Processed(State.PROCESSED, f"order {order.number} {order.status}: {settled.outcome}", store)


def _process_product(
    connection: Connection, store: Store, document: dict[str, Any], *, event: str, now: datetime
) -> Processed:
    if event == "deleted":
        return Processed(State.PROCESSED, "the product's amount is kept for the orders that have it", store)
    product = payloads.read_product(document)
    if not catalog.learn_product(connection, store.id, product, now=now):
        return Processed(State.PROCESSED, f"product {product.id} is no package", store)
    waiting = orders.list_waiting_for_product(connection, store, product_id=product.id)
    return Processed(State.PROCESSED, f"product {product.id}: {product.tokens} tokens", store, tuple(waiting))


def _process_customer(
    connection: Connection, store: Store, document: dict[str, Any], *, event: str, now: datetime
) -> Processed:
    customer = payloads.read_customer(document)
    if event == "deleted" or payloads.is_bare(document):
        return Processed(State.PROCESSED, f"user {customer.user_id} left the shop; the balance stays", store)
    accounts.learn_customer(connection, store, customer, now=now)
    waiting = orders.list_waiting_for(connection, store, email=customer.email) if customer.email else []
    return Processed(State.PROCESSED, f"user {customer.user_id}", store, tuple(waiting))
