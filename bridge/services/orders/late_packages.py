"""Products that became packages after they were ordered: the owner decides about those orders."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from bridge.domain.errors import UnknownPackage
from bridge.domain.orders.packages import Package
from bridge.domain.stores.stores import Store
from bridge.services.orders import apply
from bridge.services.transactions import Transaction
from bridge.storage.engine.database import Connection
from bridge.storage.orders import packages, pending, product_orders
from bridge.storage.orders.product_orders import OpenLine
from bridge.storage.stores import stores

log = logging.getLogger(__name__)

GRANT = "grant"
LEAVE = "leave"
DECISIONS = (GRANT, LEAVE)

TOGETHER = 50
"""The most orders of one transaction."""

_SETTLED = 1000
"""The most packages of a store whose orders one run processes."""

COUNTED = 999
"""How far the orders of a product are counted."""

LISTED = 50
"""The most products that wait for a decision in one list."""


def _always() -> bool:
    return True


@dataclass(frozen=True, slots=True)
class LatePackage:
    """A package with orders from before it was a package; `orders` counts them, up to `COUNTED` and one."""

    package: Package
    orders: int


def count_late(connection: Connection, store_id: int) -> int:
    """Return the number of packages that wait for the owner's decision, counted up to `LISTED`."""
    return sum(
        product_orders.count_orders(connection, store_id, package, most=1)
        for package in _undecided(connection, store_id)
    )


def list_late(connection: Connection, store_id: int) -> list[LatePackage]:
    """Return the packages that wait for the owner's decision, at most `LISTED`."""
    counted = ((package, count_orders(connection, store_id, package)) for package in _undecided(connection, store_id))
    return [LatePackage(package, count) for package, count in counted if count]


def _undecided(connection: Connection, store_id: int) -> list[Package]:
    return _find(connection, store_id, product_orders.list_late(connection, store_id, limit=LISTED, is_decided=False))


def _find(connection: Connection, store_id: int, keys: Sequence[tuple[int, int]]) -> list[Package]:
    found = (packages.find(connection, store_id, product_id=key[0], variation_id=key[1]) for key in keys)
    return [package for package in found if package is not None]


def count_orders(connection: Connection, store_id: int, package: Package) -> int:
    """Return the number of orders that wait for a product's amount or a decision, up to `COUNTED` and one.

    0 for a product that is not a package, because its order lines do not wait.
    """
    if package.tokens == 0:
        return 0
    return product_orders.count_orders(connection, store_id, package, most=COUNTED + 1)


def count_without_amount(connection: Connection, store_id: int) -> int:
    """Return the number of products without a clear amount, up to `COUNTED` and one."""
    return packages.count_open(connection, store_id, most=COUNTED + 1)


def list_lines(
    connection: Connection, store_id: int, package: Package, *, after: tuple[int, int], limit: int
) -> list[OpenLine]:
    """Return the undecided order lines from before a product was a package, after an order and line."""
    return product_orders.list_lines(connection, store_id, package, after=after, limit=limit)


def decide(
    connection: Connection,
    store_id: int,
    *,
    product_id: int,
    variation_id: int,
    decision: str,
    actor: str,
    now: datetime,
) -> Package:
    """Store the owner's decision about the orders of a product from before it was a package.

    It applies to all of them until the product stops being a package;
    `settle_package` executes it. Raises `UnknownPackage` for a product that grants
    no tokens.
    """
    package = packages.find(connection, store_id, product_id=product_id, variation_id=variation_id)
    if package is None or not package.tokens:
        raise UnknownPackage()
    packages.decide_late(connection, store_id, package, decision, actor=actor, now=now)
    log.info("past orders of product %d of store %d: %s, by %s", product_id, store_id, decision, actor)
    return replace(package, late=decision)


def list_decided(connection: Connection, store: Store, package: Package, *, after: int, limit: int) -> list[int]:
    """Return the orders above `after` from before a product was a package, with lines that a decision covers."""
    if not package.late and (store.history != GRANT or store.connected_at is None):
        return []
    placed_before = None if package.late else store.connected_at
    return product_orders.list_orders(
        connection, store.id, package, after=after, limit=limit, placed_before=placed_before
    )


def settle_package(
    transaction: Transaction,
    store: Store,
    package: Package,
    *,
    now: datetime,
    may_go_on: Callable[[], bool] = _always,
) -> int:
    """Process the orders of a decision, some in each transaction; return the number of orders processed.

    Safe to interrupt and repeat: each order is processed with its stored state.
    Without a decision, these are the past orders of a store that grants them.
    """
    after = settled = 0
    while may_go_on():
        with transaction() as connection:
            some = list_decided(connection, store, package, after=after, limit=TOGETHER)
        if not some:
            break
        apply.check_together(transaction, store, some, now=now)
        after, settled = some[-1], settled + len(some)
    return settled


def _settle_known_skus(transaction: Transaction, store: Store, *, now: datetime, may_go_on: Callable[[], bool]) -> int:
    """Process orders of unknown products with the SKU of a package, until none is left or nothing changes."""
    before: list[int] = []
    settled = 0
    while may_go_on():
        with transaction() as connection:
            some = pending.list_of_known_skus(connection, store.id, limit=TOGETHER)
        if not some or some == before:
            break
        apply.check_together(transaction, store, some, now=now)
        before, settled = some, settled + len(some)
    return settled


def settle_store(
    transaction: Transaction, store: Store, *, now: datetime, may_go_on: Callable[[], bool] = _always
) -> int:
    """Process the orders of all decided packages of a store; return the number of orders processed."""
    with transaction() as connection:
        store = stores.get(connection, store.id)
        is_decided = None if store.history == GRANT else True
        keys = product_orders.list_late(connection, store.id, limit=_SETTLED, is_decided=is_decided)
        found = _find(connection, store.id, keys)
    settled = _settle_known_skus(transaction, store, now=now, may_go_on=may_go_on)
    for package in found:
        if may_go_on():
            settled += settle_package(transaction, store, package, now=now, may_go_on=may_go_on)
    return settled
