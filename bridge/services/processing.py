"""Processing: what a stored delivery asks for, done once, with what the shop had to be asked first."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from bridge.clients import payloads
from bridge.domain.errors import InvalidRequest, MalformedBody
from bridge.domain.inbox import Delivery, State
from bridge.domain.orders import Order
from bridge.domain.stores import Store
from bridge.services import buyers, catalog, orders, shops
from bridge.services.shops import Shops
from bridge.services.transactions import Transaction
from bridge.storage import inbox, shop_reads, stores
from bridge.storage.database import Connection

log = logging.getLogger(__name__)

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Processed:
    """What became of a delivery, and the orders that can be settled now because of it."""

    state: State
    outcome: str
    store: Store
    waiting_orders: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Learnt:
    """What the shop's REST said about a delivery, asked before any transaction was opened.

    `order` is the order with its refunds' lines, or as it is now where the
    delivery only named it; `is_gone` says that the shop no longer has it.
    """

    order: Order | None = None
    products: tuple[Document, ...] = ()
    is_gone: bool = False


def parse(body: bytes) -> Document:
    """The JSON object in these bytes; raises `MalformedBody` with what is wrong."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise MalformedBody(f"the body is not JSON: {type(error).__name__}") from error
    if not isinstance(document, dict):
        raise MalformedBody("the body is JSON, but not an object")
    return document


def learn(transaction: Transaction, delivery_id: int, shops_: Shops, *, now: datetime) -> Learnt:
    """Ask the shop what the delivery leaves open; nothing where it says all, or no REST keys were given.

    Raises a `ShopUnreachable` where the shop does not answer: the delivery then waits.
    """
    with transaction() as connection:
        delivery = inbox.find(connection, delivery_id)
        if delivery is None or delivery.state is not State.RECEIVED:
            return Learnt()
        store = stores.get(connection, delivery.store_id)
        order, number = _order_of(delivery)
        client = shops_.client_of(connection, store) if number is not None else None
        questions = shops.questions_of(connection, store, order) if order is not None else None
    if client is None or number is None:
        return Learnt()
    if questions is not None and not questions.are_open:
        return Learnt()
    with client as shop:
        if order is None:
            document = shop.get_order(number)
            if document is None:
                return Learnt(is_gone=True)
            order = replace(payloads.read_order(document), requested_at=now)
            with transaction() as connection:
                questions = shops.questions_of(connection, store, order)
        found = shops.ask(shop, questions) if questions and questions.are_open else shops.Answers()
    return Learnt(shops.with_answers(order, found), found.products)


def process(connection: Connection, delivery_id: int, learnt: Learnt, *, now: datetime) -> Processed | None:
    """Do what a stored delivery asks for, and note that it was done, in one transaction.

    None where it is done already, or another process is at it. Raises what went
    wrong; the inbox then says when to try again.
    """
    delivery = inbox.lock(connection, delivery_id)
    if delivery is None or delivery.state is not State.RECEIVED:
        return None
    store = stores.get(connection, delivery.store_id)
    for product in learnt.products:
        catalog.learn_product(connection, store.id, payloads.read_product(product), now=now)
    processed = _process(connection, store, delivery, learnt, now=now)
    inbox.settle(connection, delivery_id, state=processed.state, outcome=processed.outcome[:500], now=now)
    return processed


def _order_of(delivery: Delivery) -> tuple[Order | None, int | None]:
    """The order a delivery shows and its number; the number alone where only that is said; neither where none is."""
    document = parse(delivery.body)
    kind, _, event = delivery.topic.partition(".")
    if kind == "action":
        number = payloads.action_order(document)
        return None, number
    if kind != "order" or payloads.error_code(document) is not None:
        return None, None
    if payloads.is_bare(document):
        return None, payloads.resource_id(document) if event == "deleted" else None
    try:
        order = payloads.read_order(document, is_restored=event == "restored")
    except InvalidRequest:
        return None, None
    return order, order.number


def _process(connection: Connection, store: Store, delivery: Delivery, learnt: Learnt, *, now: datetime) -> Processed:
    document = parse(delivery.body)
    kind, _, event = delivery.topic.partition(".")
    if payloads.error_code(document) is not None:
        if payloads.is_refusal(document):
            # The watchdog looks into it: the user who made the webhooks has lost the rights to what they tell of.
            shop_reads.change(connection, store.id, shop_error_at=delivery.received_at)
        return Processed(State.IGNORED, f"the shop sent an error: {payloads.error_code(document)}", store)
    if kind == "action" and learnt.order is not None:
        return _apply(connection, store, delivery, learnt.order, now=now)
    if payloads.resource_id(document) is None:
        return Processed(State.IGNORED, "nothing in it names an order, a product or a customer", store)
    try:
        if kind == "order":
            return _process_order(connection, store, delivery, learnt, document, event=event, now=now)
        if kind == "product":
            return _process_product(connection, store, document, event=event, now=now)
        if kind == "customer":
            return _process_customer(connection, store, document, event=event, now=now)
    except InvalidRequest as error:
        return Processed(State.IGNORED, error.detail, store)
    return Processed(State.IGNORED, f"nothing to do for {delivery.topic or 'no topic'}", store)


def _apply(connection: Connection, store: Store, delivery: Delivery, order: Order, *, now: datetime) -> Processed:
    settled = orders.apply_order(connection, store, order, received_at=delivery.received_at, now=now)
    return Processed(State.PROCESSED, f"order {order.number} {order.status}: {settled.outcome}", store)


def _process_order(
    connection: Connection,
    store: Store,
    delivery: Delivery,
    learnt: Learnt,
    document: Document,
    *,
    event: str,
    now: datetime,
) -> Processed:
    if learnt.order is not None:
        return _apply(connection, store, delivery, learnt.order, now=now)
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
        where = "is gone" if learnt.is_gone else "in the trash"
        return Processed(State.PROCESSED, f"order {number} {where}: {settled.outcome}", store)
    order = payloads.read_order(document, is_restored=event == "restored")
    return _apply(connection, store, delivery, order, now=now)


def _process_product(
    connection: Connection, store: Store, document: Document, *, event: str, now: datetime
) -> Processed:
    if event == "deleted":
        return Processed(State.PROCESSED, "the product's amount is kept for the orders that have it", store)
    product = payloads.read_product(document)
    catalog.learn_product(connection, store.id, product, now=now)
    key = (product.parent_id, product.id) if product.parent_id else (product.id, 0)
    waiting = catalog.list_settleable(connection, store, product_id=key[0], variation_id=key[1])
    brings = f"{product.tokens} tokens" if product.tokens else "no package"
    if product.unreadable is not None:
        brings = product.unreadable.sentence
    return Processed(State.PROCESSED, f"product {product.id}: {brings}", store, tuple(waiting))


def _process_customer(
    connection: Connection, store: Store, document: Document, *, event: str, now: datetime
) -> Processed:
    customer = payloads.read_customer(document)
    if event == "deleted" or payloads.is_bare(document):
        return Processed(State.PROCESSED, f"user {customer.user_id} left the shop; the balance stays", store)
    waiting = buyers.learn(connection, store, customer, now=now)
    return Processed(State.PROCESSED, f"user {customer.user_id}", store, tuple(waiting))
