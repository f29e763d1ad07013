"""Apply orders: make the ledger agree with the shop's orders."""

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
    merge_absence,
    merge_document,
    merge_trashing,
    merge_unplaced,
)
from bridge.domain.orders.review import with_amount, with_decision, with_refunds_seen
from bridge.domain.orders.review_items import APPLY, LEAVE, REPLACE, Question
from bridge.domain.stores.stores import Store
from bridge.services.orders import posting
from bridge.services.orders.settling import Settled, settle
from bridge.services.transactions import Transaction
from bridge.storage.engine.database import Connection
from bridge.storage.orders import orders, relations

log = logging.getLogger(__name__)

CLAIM_BATCH = 500
"""The most parked or unpriced orders that one call returns; the job processes the rest."""


def apply_order(connection: Connection, store: Store, order: Order, *, received_at: datetime, now: datetime) -> Settled:
    """Make the ledger agree with an order: post the difference between what it owes and what it granted.

    Safe to call repeatedly with the same order, and with an older state of it: then
    nothing is posted.
    """
    (settled,) = apply_orders(connection, store, [order], received_at=received_at, now=now)
    return settled


def apply_orders(
    connection: Connection, store: Store, wanted: Sequence[Order], *, received_at: datetime, now: datetime
) -> list[Settled]:
    """Apply several orders with different numbers, in as many statements as one order."""
    # A parent is locked with its child, even if it is not known yet, because both may arrive at once.
    numbers = {order.number for order in wanted} | {order.parent_id for order in wanted if order.parent_id}
    # Two orders of one payment that arrive at once must see each other.
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
    """Reverse what an order granted, because the shop moved it to the trash and sent only its ID.

    A delivery that `is_late` (held, retried or replayed) is ignored if something
    newer arrived after it.
    """
    known = _lock(connection, store, number, now=now)
    if rivals.is_of_another(known):
        # The shop's order with that number is not the one granted here.
        return _settle_one(connection, store, known, now=now)
    trashed = merge_trashing(known, delivery=delivery, received_at=received_at, is_late=is_late)
    return _settle_one(connection, store, trashed, now=now)


def remove_order(connection: Connection, store: Store, number: int, *, now: datetime) -> Settled:
    """Reverse what an order granted, because the shop was asked for it and no longer has it."""
    known = _lock(connection, store, number, now=now)
    if not rivals.is_of_another(known):
        known = merge_absence(known, read_at=now)
    return _settle_one(connection, store, known, now=now)


def check_again(connection: Connection, store: Store, number: int, *, now: datetime) -> Settled:
    """Process an order again with current data: its buyer or package may be known by now."""
    return _settle_one(connection, store, _lock(connection, store, number, now=now), now=now)


def assign(connection: Connection, store: Store, number: int, *, account_id: int, actor: str, now: datetime) -> Settled:
    """Assign a guest's order to an account, in the actor's name.

    Raises `UnknownOrder`, `OrderHasCustomer`, and `BalanceOutOfRange` if the account cannot hold the tokens.
    """
    known = _lock_known(connection, store, number, now=now)
    if known.buyer_id:
        raise OrderHasCustomer(
            f"order {known.shown_number} belongs to user {known.buyer_id} of the shop; change its customer there"
        )
    assigned = replace(known, claimed_by=account_id)
    return _held(_settle_one(connection, store, assigned, actor=actor, now=now))


def set_amount(
    connection: Connection, store: Store, number: int, line_id: int, *, tokens: int, actor: str, now: datetime
) -> Settled:
    """Set the tokens per unit of one line, and process the order with them, in the actor's name.

    Raises `UnknownOrder`, `UnknownLine`, `LineHasAmount` and `BalanceOutOfRange`.
    """
    known = _lock_known(connection, store, number, now=now)
    with_amounts = with_amount(known, line_id, tokens=tokens, by=actor, at=now)
    for line in with_amounts.lines:
        if line.line.id == line_id and (owed := tokens_owed(with_amounts, line)) > MAX_TOKENS:
            raise BalanceOutOfRange(f"the line would grant {owed} tokens, more than 2^53-1")
    return _held(_settle_one(connection, store, with_amounts, actor=actor, now=now))


def see_refunds(
    connection: Connection, store: Store, number: int, refunds: Refunds, *, actor: str, now: datetime
) -> Settled:
    """Record that a person has reviewed an order's refunds; this moves no tokens.

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
    """Store a person's choice about a review item of an order, and process the order with it.

    Raises `UnknownOrder`, `ReviewChanged` if the item is no longer open, `UnknownChoice`, and
    `BalanceOutOfRange` if the buyer cannot hold the tokens of the choice.
    """
    known = _lock_known(connection, store, number, now=now)
    item = next((one for one in known.reviews if (one.kind, one.subject) == (kind, subject)), None)
    if item is None:
        raise ReviewChanged()
    decided = with_decision(known, item, choice, by=actor, at=now)
    settled = _settle_decided(connection, store, decided, kind, choice, actor=actor, now=now)
    return settled if choice == LEAVE else _held(settled)


def _settle_decided(
    connection: Connection, store: Store, decided: OrderState, kind: Question, choice: str, *, actor: str, now: datetime
) -> Settled:
    if choice == APPLY and (unplaced := decided.sources.unplaced) is not None:
        effect = _effect_of(store, decided, unplaced.order)
        return _settle_one(connection, store, merge_unplaced(decided, effect=effect, at=now), actor=actor, now=now)
    if kind is Question.OTHER_ORDER:
        return _decide_rival(connection, store, decided, choice, actor=actor, now=now)
    return _settle_one(connection, store, decided, actor=actor, now=now)


def _decide_rival(
    connection: Connection, store: Store, known: OrderState, choice: str, *, actor: str, now: datetime
) -> Settled:
    """Keep the first of two orders with one number, or reverse its tokens and replace it with the second."""
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
    """Return whether the shop ever sent an order with this number."""
    found = orders.find(connection, store.id, number)
    return found is not None and found.is_known


def is_absent(connection: Connection, store: Store, number: int) -> bool:
    """Return whether the shop did not have this order when it was last asked for it."""
    found = orders.find(connection, store.id, number)
    return found is not None and found.trash.is_absent


def shown_number(connection: Connection, store: Store, number: int) -> str:
    """Return the order number shown to people for this id."""
    found = orders.find(connection, store.id, number)
    return str(number) if found is None else found.shown_number


def find_id(connection: Connection, store: Store, text: str) -> int | None:
    """Return the id of an order by what people type: its number in the shop, or its id; None for neither."""
    text = text.strip().removeprefix("#")
    if not text.isprintable():
        return None
    found = orders.find_by_shop_number(connection, store.id, text)
    if found is not None:
        return found
    is_id = text.isascii() and text.isdigit() and len(text) <= 16 and 1 <= int(text) <= MAX_USER_ID
    return int(text) if is_id else None


def check_all(transaction: Transaction, store: Store, numbers: Iterable[int], *, now: datetime) -> None:
    """Process several orders again, each in its own transaction, so that one failure stops no other.

    The scheduled job retries orders that fail or are interrupted here.
    """
    for number in numbers:
        try:
            with transaction() as connection:
                check_again(connection, store, number, now=now)
        except Unavailable:
            raise
        except BridgeError as error:
            log.warning("order %d of store %s could not be processed: %s", number, store.slug, error.detail)
        except Exception:
            log.exception("order %d of store %s could not be processed", number, store.slug)


def check_together(transaction: Transaction, store: Store, numbers: Sequence[int], *, now: datetime) -> None:
    """Process several orders in one transaction, or each alone if one of them fails."""
    try:
        with transaction() as connection:
            found = orders.lock(connection, store.id, numbers, now=now)
            settle(connection, store, [found[number] for number in sorted(found)], now=now)
    except Unavailable:
        raise
    except Exception:
        log.info("orders of store %s are processed one by one", store.slug, exc_info=True)
        check_all(transaction, store, numbers, now=now)


def list_waiting_for(connection: Connection, store: Store, *, emails: Iterable[str]) -> list[int]:
    """Return the orders that wait for an account with one of these emails, `CLAIM_BATCH` at most."""
    return orders.list_parked(connection, store_id=store.id, emails=emails, limit=CLAIM_BATCH)


def list_waiting_for_product(connection: Connection, store: Store, *, product_id: int) -> list[int]:
    """Return the orders with a line of this product that has no amount yet."""
    return orders.list_unpriced(connection, store_id=store.id, product_id=product_id, limit=CLAIM_BATCH)


def _lock(connection: Connection, store: Store, number: int, *, now: datetime) -> OrderState:
    return orders.lock(connection, store.id, [number], now=now)[number]


def _lock_known(connection: Connection, store: Store, number: int, *, now: datetime) -> OrderState:
    # Locking creates missing rows, so an unknown order is refused first.
    if not is_known(connection, store, number):
        raise UnknownOrder(f"there is no order {number}")
    return _lock(connection, store, number, now=now)


def _merge(store: Store, known: OrderState, order: Order, *, received_at: datetime) -> OrderState:
    """Return the state with a document merged; a document of another order with this number is stored beside it."""
    if rivals.is_rival(known, order):
        return rivals.with_rival(known, order, received_at=received_at)
    return _merge_document(store, known, order, received_at=received_at)


def _merge_document(store: Store, known: OrderState, order: Order, *, received_at: datetime) -> OrderState:
    return merge_document(known, order, effect=_effect_of(store, known, order), received_at=received_at)


def _effect_of(store: Store, known: OrderState, order: Order) -> Effect:
    return past_orders.effect_for(store, known, order, effect_of(order.status, store.grant_statuses))


def _held(settled: Settled) -> Settled:
    """Return the result of a person's action; raises `BalanceOutOfRange` for tokens that the balance cannot hold."""
    if settled.over_balance:
        raise BalanceOutOfRange()
    return settled


def _settle_one(
    connection: Connection, store: Store, known: OrderState, *, actor: str = posting.ACTOR, now: datetime
) -> Settled:
    (settled,) = settle(connection, store, [known], actor=actor, now=now)
    return settled
