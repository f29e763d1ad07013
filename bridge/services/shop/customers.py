"""Buyers: what the shop tells of users whom only their orders named, and of guests who have an account by now."""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from bridge.clients.woocommerce import documents as payloads
from bridge.clients.woocommerce.documents import Customer
from bridge.domain.accounts.accounts import normalize_email
from bridge.domain.errors import InvalidRequest, ShopUnreachable
from bridge.domain.shop.errors import ShopBroken
from bridge.domain.stores.stores import Store
from bridge.services.accounts import profiles
from bridge.services.orders import apply
from bridge.services.shop.ingest import SyncContext
from bridge.services.shop.paging import Document
from bridge.services.transactions import in_transaction
from bridge.storage.engine.database import Connection
from bridge.storage.orders import pending

log = logging.getLogger(__name__)

_MANY = 500
"""With more parked orders than these, not each of them is asked about every night."""
_RECENT = timedelta(days=3)
_WILDCARD = "*"
"""WordPress searches for an address that begins or ends with it, and allows it in addresses."""


def learn(connection: Connection, store: Store, customer: Customer, *, now: datetime) -> list[int]:
    """Take over what the shop says of one of its users; the orders that waited for an account with that address."""
    profiles.learn_customer(connection, store, customer, now=now)
    return apply.list_waiting_for(connection, store, email=customer.email) if customer.email else []


def look_for(reading: SyncContext, numbers: Collection[int], *, now: datetime, sparingly: bool = False) -> list[int]:
    """Ask the shop who is behind these orders where that is not known; the orders that can be settled by it.

    A webhook that told of a new account may be lost, and of accounts older than
    the connection none ever tells. Users without a known address are asked for
    in one request, each address of a parked order in one of its own. Where the
    store has very many of those, `sparingly` asks for the older ones once a week
    only. What the shop does not answer here is asked another time, and raises
    nothing.
    """
    if reading.is_dry:
        return []
    with reading.transaction() as connection:
        strangers = pending.list_strangers(connection, reading.store.id, numbers)
        is_asked = reading.store.guest_policy == "automatic"
        is_many = sparingly and pending.has_parked(connection, reading.store.id, more_than=_MANY)
        some = (now - _RECENT, now.toordinal()) if is_many else None
        addresses = pending.list_addresses(connection, reading.store.id, numbers, only=some) if is_asked else []
    waiting: set[int] = set()
    try:
        waiting.update(_learn_strangers(reading, strangers, now=now))
        for address in _in_turn(addresses, now):
            if not reading.may_go_on():
                break
            waiting.update(_learn_address(reading, address, now=now))
    except ShopUnreachable as error:
        log.warning("store %s does not tell of its customers: %s", reading.store.slug, error.detail)
    return sorted(waiting)


def _in_turn(addresses: Sequence[str], now: datetime) -> Sequence[str]:
    """The addresses, begun elsewhere each day: where one silences the shop, those behind it come first another time."""
    start = now.toordinal() % len(addresses) if addresses else 0
    return [address for address in (*addresses[start:], *addresses[:start]) if _WILDCARD not in address]


def _learn_strangers(reading: SyncContext, strangers: Sequence[int], *, now: datetime) -> list[int]:
    try:
        found = [customer for one in reading.shop.list_customers(strangers) if (customer := _read(reading, one))]
    except ShopBroken as error:
        log.warning("store %s does not tell of some customers: %s", reading.store.slug, error.detail)
        return []

    def act(connection: Connection) -> list[int]:
        waiting: list[int] = []
        for customer in found:
            # A delivery that came meanwhile is newer than the answer.
            if customer.user_id in strangers and profiles.is_stranger(connection, reading.store.id, customer.user_id):
                waiting += learn(connection, reading.store, customer, now=now)
        return waiting

    return in_transaction(reading.transaction, act)


def _learn_address(reading: SyncContext, address: str, *, now: datetime) -> list[int]:
    """Whoever has the address is learnt before anything is settled: where there are two, it is nobody's."""
    try:
        documents = reading.shop.find_customers(address)
    except ShopBroken as error:
        log.warning("store %s does not tell who has an address: %s", reading.store.slug, error.detail)
        return []
    found = [customer for one in documents if (customer := _read(reading, one)) and _has(customer, address)]

    def act(connection: Connection) -> list[int]:
        return [number for customer in found for number in learn(connection, reading.store, customer, now=now)]

    return in_transaction(reading.transaction, act)


def _has(customer: Customer, address: str) -> bool:
    return normalize_email(customer.email) == normalize_email(address)


def _read(reading: SyncContext, document: Document) -> Customer | None:
    try:
        return payloads.read_customer(document)
    except InvalidRequest as error:
        log.warning("a customer of store %s cannot be read: %s", reading.store.slug, error.detail)
        return None
