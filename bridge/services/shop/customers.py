"""Buyers: read users known only from orders, and guests who may have an account now, from the shop."""

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
"""With more parked orders than this, not all of them are checked every night."""
_RECENT = timedelta(days=3)
_WILDCARD = "*"
"""WordPress treats it as a wildcard at the beginning or end of a search, and allows it in addresses."""


def enrich(connection: Connection, store: Store, customer: Customer, *, now: datetime) -> list[int]:
    """Store the profile of a shop's user; return the orders that waited for an account with this email."""
    profiles.merge_customer(connection, store, customer, now=now)
    return apply.list_waiting_for(connection, store, emails=[customer.email]) if customer.email else []


def look_for(sync: SyncContext, numbers: Collection[int], *, now: datetime, sparingly: bool = False) -> list[int]:
    """Read the unknown buyers of these orders from the shop; return the orders that can be processed then.

    A webhook about a new account may be lost, and accounts older than the
    connection cause none. Users without a stored email are read in one request,
    each email of a parked order in its own. If the store has very many parked
    orders, `sparingly` checks the older ones once a week only. Failures of the shop
    raise nothing; the next run tries again.
    """
    if sync.is_dry:
        return []
    with sync.transaction() as connection:
        unknown_customers = pending.list_unknown_customers(connection, sync.store.id, numbers)
        is_asked = sync.store.guest_policy == "automatic"
        is_many = sparingly and pending.has_parked(connection, sync.store.id, more_than=_MANY)
        some = (now - _RECENT, now.toordinal()) if is_many else None
        addresses = pending.list_addresses(connection, sync.store.id, numbers, only=some) if is_asked else []
    waiting: set[int] = set()
    try:
        waiting.update(_fetch_unknown_customers(sync, unknown_customers, now=now))
        for address in _in_turn(addresses, now):
            if not sync.may_go_on():
                break
            waiting.update(_merge_address(sync, address, now=now))
    except ShopUnreachable as error:
        log.warning("the shop of store %s does not return its customers: %s", sync.store.slug, error.detail)
    return sorted(waiting)


def _in_turn(addresses: Sequence[str], now: datetime) -> Sequence[str]:
    """Return the emails, starting at another one each day, so that one that fails does not always block the others."""
    start = now.toordinal() % len(addresses) if addresses else 0
    return [address for address in (*addresses[start:], *addresses[:start]) if _WILDCARD not in address]


def _fetch_unknown_customers(sync: SyncContext, unknown_customers: Sequence[int], *, now: datetime) -> list[int]:
    try:
        found = [customer for one in sync.shop.list_customers(unknown_customers) if (customer := _read(sync, one))]
    except ShopBroken as error:
        log.warning("the shop of store %s does not return some customers: %s", sync.store.slug, error.detail)
        return []

    def act(connection: Connection) -> list[int]:
        waiting: list[int] = []
        for customer in found:
            # A delivery that arrived meanwhile is newer than the response.
            if customer.user_id in unknown_customers and profiles.is_unknown_customer(
                connection, sync.store.id, customer.user_id
            ):
                waiting += enrich(connection, sync.store, customer, now=now)
        return waiting

    return in_transaction(sync.transaction, act)


def _merge_address(sync: SyncContext, address: str, *, now: datetime) -> list[int]:
    """Find the users with an email before anything is processed: an email shared by two users matches neither."""
    try:
        documents = sync.shop.find_customers(address)
    except ShopBroken as error:
        log.warning("the shop of store %s does not return the user of an email: %s", sync.store.slug, error.detail)
        return []
    found = [customer for one in documents if (customer := _read(sync, one)) and _has(customer, address)]

    def act(connection: Connection) -> list[int]:
        return [number for customer in found for number in enrich(connection, sync.store, customer, now=now)]

    return in_transaction(sync.transaction, act)


def _has(customer: Customer, address: str) -> bool:
    return normalize_email(customer.email) == normalize_email(address)


def _read(sync: SyncContext, document: Document) -> Customer | None:
    try:
        return payloads.read_customer(document)
    except InvalidRequest as error:
        log.warning("a customer document of store %s cannot be read: %s", sync.store.slug, error.detail)
        return None
