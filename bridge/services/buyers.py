"""Buyers: what the shop tells of users whom only their orders named, and of guests who have an account by now."""

from __future__ import annotations

import logging
from collections.abc import Collection
from datetime import datetime

from bridge.clients import payloads
from bridge.clients.payloads import Customer
from bridge.domain.accounts import normalize_email
from bridge.domain.errors import InvalidRequest
from bridge.domain.shop_errors import ShopBroken, ShopRefused
from bridge.domain.stores import Store
from bridge.services import accounts, orders
from bridge.services.readback import Reading
from bridge.services.shop_pages import Document
from bridge.services.transactions import in_transaction
from bridge.storage import open_orders
from bridge.storage.database import Connection

log = logging.getLogger(__name__)


def learn(connection: Connection, store: Store, customer: Customer, *, now: datetime) -> list[int]:
    """Take over what the shop says of one of its users; the orders that waited for an account with that address."""
    accounts.learn_customer(connection, store, customer, now=now)
    return orders.list_waiting_for(connection, store, email=customer.email) if customer.email else []


def look_for(reading: Reading, numbers: Collection[int], *, now: datetime) -> None:
    """Ask the shop who is behind these orders where that is not known, and settle what waited for it.

    A webhook that told of a new account may be lost, and of accounts older than
    the connection none ever tells. Users without a known address are asked for
    in one request, each address of a parked order in one of its own. Where the
    shop shows no customers to our keys, nothing is learnt and nothing raised;
    raises any other `ShopUnreachable`.
    """
    if reading.is_dry:
        return
    with reading.transaction() as connection:
        strangers = open_orders.list_strangers(connection, reading.store.id, numbers)
        is_asked = reading.store.guest_policy == "automatic"
        addresses = open_orders.list_addresses(connection, reading.store.id, numbers) if is_asked else []
    try:
        found = reading.shop.list_customers(strangers)
        for address in addresses:
            found += [one for one in reading.shop.find_customers(address) if _has(one, address)]
    except (ShopBroken, ShopRefused) as error:
        log.warning("store %s does not tell of its customers: %s", reading.store.slug, error.detail)
        return
    for document in found:
        _learn(reading, document, now=now)


def _has(document: Document, address: str) -> bool:
    email = document.get("email")
    return isinstance(email, str) and normalize_email(email) == normalize_email(address)


def _learn(reading: Reading, document: Document, *, now: datetime) -> None:
    try:
        customer = payloads.read_customer(document)
    except InvalidRequest as error:
        log.warning("a customer of store %s cannot be read: %s", reading.store.slug, error.detail)
        return
    waiting = in_transaction(
        reading.transaction, lambda connection: learn(connection, reading.store, customer, now=now)
    )
    orders.check_all(reading.transaction, reading.store, waiting, now=now)
