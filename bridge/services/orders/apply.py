"""Granting: the ledger is made to agree with what the shop's orders say."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from bridge.domain.accounts.accounts import MAX_TOKENS, MAX_USER_ID
from bridge.domain.errors import BalanceOutOfRange, BridgeError, OrderHasCustomer, Unavailable, UnknownOrder
from bridge.domain.orders import past_orders, rivals
from bridge.domain.orders.errors import ReviewChanged
from bridge.domain.orders.grants import tokens_owed
from bridge.domain.orders.merge import (
    Effect,
    Order,
    OrderState,
    Refunds,
    effect_of,
    merge_document,
    merge_trashing,
    merge_unplaced,
)
from bridge.domain.orders.review import with_amount, with_decision, with_refunds_seen
from bridge.domain.orders.review_items import APPLY, REPLACE, Question
from bridge.domain.stores.stores import Store
from bridge.services.orders import posting
from bridge.services.orders.settling import Settled, settle
from bridge.services.transactions import Transaction
from bridge.storage.engine.database import Connection
from bridge.storage.orders import orders, relations

log = logging.getLogger(__name__)

CLAIM_BATCH = 500
"""The most parked or unpriced orders one call names; what is over comes with the next run of the job."""


def apply_order(connection: Connection, store: Store, order: Order, *, received_at: datetime, now: datetime) -> Settled:
    """Make the ledger agree with the order: post what it owes less what it has.

    Safe to call with the same order any number of times, and with an older
    state of it: then nothing is posted.
    """
    (settled,) = apply_orders(connection, store, [order], received_at=received_at, now=now)
    return settled


def apply_orders(
    connection: Connection, store: Store, wanted: Sequence[Order], *, received_at: datetime, now: datetime
) -> list[Settled]:
    """Return the same for several orders, each of another number, in as many statements as for one."""
    # A parent is locked with its child, also before anything is known of it: both may come at once.
    numbers = {order.number for order in wanted} | {order.parent_id for order in wanted if order.parent_id}
    # Two orders of one payment that come at the same moment must see each other.
    payments = {order.transaction_id for order in wanted if order.transaction_id}
    relations.lock_payments(connection, store.id, payments)
    found = orders.lock(connection, store.id, numbers, now=now)
    known = [_merge(store, found[order.number], order, received_at=received_at) for order in wanted]
    return settle(connection, store, known, now=now)


def trash_order(
    connection: Connection,
    store: Store,
    number: int,
    *,
    delivery: str,
    received_at: datetime,
    now: datetime,
    is_late: bool = False,
) -> Settled:
    """Take back what an order granted: the shop put it in the trash and sent its ID, nothing more.

    An announcement that `is_late`, held, retried or replayed, is ignored where
    something newer came after it.
    """
    known = _lock(connection, store, number, now=now)
    if rivals.is_of_another(known):
        # The shop's order of that number is not the one that is granted here.
        return _settle_one(connection, store, known, now=now)
    trashed = merge_trashing(known, delivery=delivery, received_at=received_at, is_late=is_late)
    return _settle_one(connection, store, trashed, now=now)


def check_again(connection: Connection, store: Store, number: int, *, now: datetime) -> Settled:
    """Settle an order anew with what is known by now: its buyer may have appeared, or its package."""
    return _settle_one(connection, store, _lock(connection, store, number, now=now), now=now)


def assign(connection: Connection, store: Store, number: int, *, account_id: int, actor: str, now: datetime) -> Settled:
    """Let a guest's order belong to an account from now on, in the actor's name.

    Raises `UnknownOrder` and `OrderHasCustomer`.
    """
    known = _lock_known(connection, store, number, now=now)
    if known.buyer_id:
        raise OrderHasCustomer(
            f"order {known.shown_number} belongs to user {known.buyer_id} of the shop; assign it to another there"
        )
    return _settle_one(connection, store, replace(known, claimed_by=account_id), actor=actor, now=now)


def set_amount(
    connection: Connection, store: Store, number: int, line_id: int, *, tokens: int, actor: str, now: datetime
) -> Settled:
    """Fix by hand what a piece of one line brings, and settle the order by it, in the actor's name.

    Raises `UnknownOrder`, `UnknownLine` and `LineHasAmount`.
    """
    known = _lock_known(connection, store, number, now=now)
    with_amounts = with_amount(known, line_id, tokens=tokens, by=actor, at=now)
    for line in with_amounts.lines:
        if line.line.id == line_id and (owed := tokens_owed(with_amounts, line)) > MAX_TOKENS:
            raise BalanceOutOfRange(f"the line is worth {owed} tokens, past 2^53-1")
    return _settle_one(connection, store, with_amounts, actor=actor, now=now)


def see_refunds(
    connection: Connection, store: Store, number: int, refunds: Refunds, *, actor: str, now: datetime
) -> Settled:
    """Note that somebody has looked at an order's refunds and is content; that in itself moves no tokens.

    Raises `UnknownOrder`, `RefundsChanged` and `NoOpenRefunds`.
    """
    known = _lock_known(connection, store, number, now=now)
    return _settle_one(connection, store, with_refunds_seen(known, refunds, by=actor, at=now), now=now)


def decide(
    connection: Connection,
    store: Store,
    number: int,
    *,
    kind: Question,
    subject: str,
    choice: str,
    actor: str,
    now: datetime,
) -> Settled:
    """Store a person's choice about a review item of an order, and settle the order by it.

    Raises `UnknownOrder`, `ReviewChanged` where the item is no longer open, and `UnknownChoice`.
    """
    known = _lock_known(connection, store, number, now=now)
    item = next((one for one in known.reviews if (one.kind, one.subject) == (kind, subject)), None)
    if item is None:
        raise ReviewChanged()
    decided = with_decision(known, item, choice, by=actor, at=now)
    if kind is Question.DATE_UNCLEAR and choice == APPLY and (unplaced := known.sources.unplaced) is not None:
        effect = _effect_of(store, decided, unplaced.order)
        return _settle_one(connection, store, merge_unplaced(decided, effect=effect, at=now), actor=actor, now=now)
    if kind is Question.OTHER_ORDER:
        return _decide_rival(connection, store, decided, choice, actor=actor, now=now)
    return _settle_one(connection, store, decided, actor=actor, now=now)


def _decide_rival(
    connection: Connection, store: Store, known: OrderState, choice: str, *, actor: str, now: datetime
) -> Settled:
    """Keep the first of two orders with one number, or take back its tokens and let the second replace it."""
    rival = known.rival
    if choice != REPLACE or rival is None:
        return _settle_one(connection, store, replace(known, rival=None), actor=actor, now=now)
    gone = replace(known, effect=Effect.REVOKES, rival=None)
    taken = _settle_one(connection, store, gone, actor=actor, now=now)
    first = _lock(connection, store, known.number, now=now)
    second = rivals.replaced(first, by=actor, at=now)
    settled = _settle_one(
        connection, store, _merge_document(store, second, rival, received_at=now), actor=actor, now=now
    )
    return replace(settled, entries=(*taken.entries, *settled.entries))


def is_known(connection: Connection, store: Store, number: int) -> bool:
    """Return whether the shop ever told of an order of that number."""
    found = orders.find(connection, store.id, number)
    return found is not None and found.is_known


def shown_number(connection: Connection, store: Store, number: int) -> str:
    """Return the number people know the order with this id by."""
    found = orders.find(connection, store.id, number)
    return str(number) if found is None else found.shown_number


def find_id(connection: Connection, store: Store, text: str) -> int | None:
    """Return the id of an order by what people type: the number the shop shows, or the id. None for what is neither."""
    text = text.strip().removeprefix("#")
    if not text.isprintable():
        return None
    found = orders.find_by_shop_number(connection, store.id, text)
    if found is not None:
        return found
    is_id = text.isascii() and text.isdigit() and len(text) <= 16 and 1 <= int(text) <= MAX_USER_ID
    return int(text) if is_id else None


def check_all(transaction: Transaction, store: Store, numbers: Iterable[int], *, now: datetime) -> None:
    """Settle several orders anew, each in a transaction of its own, so that one fault stops no other.

    What fails or is cut off here is found again by the scheduled job.
    """
    for number in numbers:
        try:
            with transaction() as connection:
                check_again(connection, store, number, now=now)
        except Unavailable:
            raise
        except BridgeError as error:
            log.warning("order %d of store %s could not be settled: %s", number, store.slug, error.detail)
        except Exception:
            log.exception("order %d of store %s could not be settled", number, store.slug)


def check_together(transaction: Transaction, store: Store, numbers: Sequence[int], *, now: datetime) -> None:
    """Settle several orders in one transaction, or each alone where one of them does not let the others pass."""
    try:
        with transaction() as connection:
            found = orders.lock(connection, store.id, numbers, now=now)
            settle(connection, store, [found[number] for number in sorted(found)], now=now)
    except Unavailable:
        raise
    except Exception:
        log.info("orders of store %s are settled one by one", store.slug, exc_info=True)
        check_all(transaction, store, numbers, now=now)


def list_waiting_for(connection: Connection, store: Store, *, email: str) -> list[int]:
    """Return the orders that wait for an account with that address."""
    return orders.list_parked(connection, store_id=store.id, email=email, limit=CLAIM_BATCH)


def list_waiting_for_product(connection: Connection, store: Store, *, product_id: int) -> list[int]:
    """Return the orders with a line of this product whose amount was not known when they came."""
    return orders.list_unpriced(connection, store_id=store.id, product_id=product_id, limit=CLAIM_BATCH)


def _lock(connection: Connection, store: Store, number: int, *, now: datetime) -> OrderState:
    return orders.lock(connection, store.id, [number], now=now)[number]


def _lock_known(connection: Connection, store: Store, number: int, *, now: datetime) -> OrderState:
    # Locking makes what is missing: an order nobody heard of would come into being.
    if not is_known(connection, store, number):
        raise UnknownOrder(f"there is no order {number}")
    return _lock(connection, store, number, now=now)


def _merge(store: Store, known: OrderState, order: Order, *, received_at: datetime) -> OrderState:
    """Return the state with a document merged; one of another order with this number is kept beside it."""
    if rivals.is_rival(known, order):
        return rivals.with_rival(known, order, received_at=received_at)
    return _merge_document(store, known, order, received_at=received_at)


def _merge_document(store: Store, known: OrderState, order: Order, *, received_at: datetime) -> OrderState:
    return merge_document(known, order, effect=_effect_of(store, known, order), received_at=received_at)


def _effect_of(store: Store, known: OrderState, order: Order) -> Effect:
    return past_orders.effect_for(store, known, order, effect_of(order.status, store.grant_statuses))


def _settle_one(
    connection: Connection, store: Store, known: OrderState, *, actor: str = posting.ACTOR, now: datetime
) -> Settled:
    (settled,) = settle(connection, store, [known], actor=actor, now=now)
    return settled
