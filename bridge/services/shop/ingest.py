"""Apply documents of a shop's orders: several in a transaction, or each alone if one of them fails."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import TypeVar

from bridge.clients.woocommerce import documents as payloads
from bridge.clients.woocommerce.api import ShopClient
from bridge.clients.woocommerce.documents import Product
from bridge.domain.errors import BridgeError, InvalidRequest, ShopUnreachable, Unavailable
from bridge.domain.orders.merge import Effect, Order, effect_of
from bridge.domain.shop.errors import ShopBroken
from bridge.domain.shop.reconciliation import Report
from bridge.domain.stores.stores import Store
from bridge.services.orders import apply, comparisons, packages
from bridge.services.orders.settling import Settled
from bridge.services.shop import rest
from bridge.services.shop.paging import Document
from bridge.services.shop.rest import Questions
from bridge.services.transactions import Transaction, in_transaction
from bridge.storage.engine.database import Connection
from bridge.storage.shop import sync_state

log = logging.getLogger(__name__)

TOGETHER = 50
"""The most orders in one transaction, which locks their accounts."""

T = TypeVar("T")


class _DryRun(Exception):
    """Ends the transaction of a dry run."""


def always() -> bool:
    """Never stop a run."""
    return True


@dataclass(frozen=True, slots=True)
class SyncContext:
    """One shop being read: its store, its client, a transaction factory, and whether to continue."""

    transaction: Transaction
    store: Store
    shop: ShopClient
    is_dry: bool = False
    may_go_on: Callable[[], bool] = always


@dataclass(frozen=True, slots=True)
class Wanted:
    """An order to apply, with what the shop returned about it and about unknown products."""

    order: Order
    products: tuple[Product, ...] = ()


def apply_documents(sync: SyncContext, documents: Sequence[Document], report: Report, *, now: datetime) -> None:
    """Apply the current state of orders, `TOGETHER` at most; a failure of one order is recorded and stops no other.

    Missing details are read from the shop before any transaction is opened. Raises
    a `ShopUnreachable` if the shop fails.
    """
    # Of a document that came twice, the later one counts.
    by_number = {document["id"]: document for document in documents}
    wanted, fault = _look_into(sync, list(by_number.values()), report, requested_at=now)
    settled = _together(sync, wanted, now=now) if len(wanted) > 1 else None
    if settled is None:
        for one in wanted:
            _apply_alone(sync, one, report, now=now)
    else:
        for one, result in zip(wanted, settled, strict=True):
            _count(report, one.order.number, result)
    if fault is not None:
        raise fault


def in_parts(documents: Sequence[Document]) -> Iterator[Sequence[Document]]:
    """Return the documents, `TOGETHER` at a time."""
    return (documents[start : start + TOGETHER] for start in range(0, len(documents), TOGETHER))


def note_position(sync: SyncContext, **values: object) -> None:
    """Store how far the shop was read; nothing in a dry run."""
    if not sync.is_dry:
        in_transaction(sync.transaction, lambda connection: sync_state.change(connection, sync.store.id, **values))


def apply_document(connection: Connection, sync: SyncContext, wanted: Wanted, *, now: datetime) -> Settled:
    """Apply one prepared order; raises the reason why it cannot be applied."""
    return _act(connection, sync.store, [wanted], now=now)[0]


def look_into(sync: SyncContext, document: Document, *, requested_at: datetime) -> Wanted:
    """Return an order read at a moment, with its missing details; raises `InvalidRequest`, `ShopUnreachable`."""
    order = replace(payloads.read_order(document), requested_at=requested_at)
    with sync.transaction() as connection:
        questions = rest.questions_of(connection, sync.store, order, received_at=requested_at)
    return _answered(sync, order, questions, {})


def apply_removal(sync: SyncContext, number: int, report: Report, *, now: datetime) -> None:
    """Reverse an order that no longer exists; its failure is recorded."""
    act = partial(remove, store=sync.store, number=number, now=now)
    _settle(sync, number, str(number), act, report)


def remove(connection: Connection, store: Store, number: int, *, now: datetime) -> Settled:
    """Reverse an order that the shop no longer has, and store that it was compared."""
    settled = apply.remove_order(connection, store, number, now=now)
    comparisons.note_gone(connection, store, number, settled, now=now)
    return settled


def _look_into(
    sync: SyncContext, documents: Sequence[Document], report: Report, *, requested_at: datetime
) -> tuple[list[Wanted], ShopUnreachable | None]:
    """Return the prepared orders, and the error that stopped reading the others from the shop."""
    read: list[Order] = []
    for document in documents:
        try:
            read.append(replace(payloads.read_order(document), requested_at=requested_at))
        except InvalidRequest as error:
            report.fail(f"order {document['id']}: {error.detail}", number=document["id"])
    with sync.transaction() as connection:
        questions = rest.list_questions(connection, sync.store, read, received_at=requested_at)
    wanted: list[Wanted] = []
    asked: dict[int, Document | None] = {}
    for order, open_ in zip(read, questions, strict=True):
        try:
            wanted.append(_answered(sync, order, open_, asked))
        except InvalidRequest as error:
            report.fail(f"order {order.shown_number}: {error.detail}", number=order.number)
            continue
        except ShopUnreachable as error:
            fault = _fault_of_the_shop(sync, error)
            if fault is not None:
                return wanted, fault
            report.fail(f"order {order.shown_number}: {error.detail}", number=order.number)
            continue
        report.awaiting_decision += _is_asked_about(sync.store, order)
    return wanted, None


def _fault_of_the_shop(sync: SyncContext, error: ShopUnreachable) -> ShopUnreachable | None:
    """Return the error if the whole shop fails; None if a simple request works, so that one order is the cause."""
    if not isinstance(error, ShopBroken):
        return error
    try:
        sync.shop.clock()
    except ShopUnreachable as fault:
        return fault
    return None


def _answered(sync: SyncContext, order: Order, questions: Questions, asked: dict[int, Document | None]) -> Wanted:
    found = rest.ask(sync.shop, questions, asked=asked) if questions.are_open else rest.Answers()
    return Wanted(rest.with_answers(order, found), tuple(map(payloads.read_product, found.products)))


def _together(sync: SyncContext, wanted: Sequence[Wanted], *, now: datetime) -> list[Settled] | None:
    """Apply the orders in one transaction and return the results; None if one of them fails."""
    try:
        return _run(sync, lambda connection: _act(connection, sync.store, wanted, now=now))
    except Unavailable:
        raise
    except Exception:
        log.info("orders of store %s are applied one by one", sync.store.slug, exc_info=True)
        return None


def _act(connection: Connection, store: Store, wanted: Sequence[Wanted], *, now: datetime) -> list[Settled]:
    for product in {product.id: product for one in wanted for product in one.products}.values():
        packages.merge_product(connection, store.id, product, now=now)
    # Until the owner has decided, orders from before the connection are not granted.
    held = replace(store, grants_from=store.grants_from or store.asks_from)
    read = [one.order for one in wanted]
    settled = apply.apply_orders(connection, held, read, received_at=now, now=now)
    comparisons.note(connection, held, zip(read, settled, strict=True), now=now)
    return settled


def _is_asked_about(store: Store, order: Order) -> bool:
    is_past = store.asks_from is not None and (order.placed_at or order.modified_at) < store.asks_from
    return is_past and effect_of(order.status, store.grant_statuses) is Effect.GRANTS


def _apply_alone(sync: SyncContext, wanted: Wanted, report: Report, *, now: datetime) -> None:
    order = wanted.order
    act = partial(apply_document, sync=sync, wanted=wanted, now=now)
    _settle(sync, order.number, order.shown_number, act, report)


def _settle(sync: SyncContext, number: int, shown: str, act: Callable[[Connection], Settled], report: Report) -> None:
    try:
        settled = _run(sync, act)
    except Unavailable:
        raise
    except BridgeError as error:
        log.warning("order %d of store %s was not applied: %s", number, sync.store.slug, error.detail)
        report.fail(f"order {shown}: {error.detail}", number=number)
        return
    except Exception as error:
        log.exception("order %d of store %s was not applied", number, sync.store.slug)
        report.fail(f"order {shown}: {type(error).__name__}", number=number)
        return
    _count(report, number, settled)


def _count(report: Report, number: int, settled: Settled) -> None:
    posted = [entry.tokens - entry.debt - entry.forgiven for entry in settled.entries]
    report.add(
        number, expected=settled.owed, posted=posted, is_parked=settled.is_parked, shown_number=settled.shown_number
    )


def _run(sync: SyncContext, act: Callable[[Connection], T]) -> T:
    """Call `act` and return its result; in a dry run, roll back its transaction."""
    if not sync.is_dry:
        return in_transaction(sync.transaction, act)
    found: list[T] = []

    def look(connection: Connection) -> None:
        found.append(act(connection))
        raise _DryRun

    with contextlib.suppress(_DryRun):
        in_transaction(sync.transaction, look)
    return found[-1]
