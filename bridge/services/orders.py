"""Granting: the ledger is made to agree with what the shop's orders say."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from bridge.domain import past_orders
from bridge.domain.accounts import MAX_TOKENS, MAX_USER_ID, normalize_email
from bridge.domain.errors import BalanceOutOfRange, BridgeError, OrderHasCustomer, Unavailable, UnknownOrder
from bridge.domain.grants import months_owed, tokens_owed
from bridge.domain.ledger import Entry
from bridge.domain.order_errors import ReviewChanged
from bridge.domain.orders import Known, Order, Refunds, effect_of, learn, learn_trashing
from bridge.domain.plans import Term
from bridge.domain.questions import Circumstances, review_items, with_amount, with_decision, with_refunds_seen
from bridge.domain.reviews import Question
from bridge.domain.stores import Store
from bridge.services import granting, line_amounts
from bridge.services.granting import Bill
from bridge.services.transactions import Transaction
from bridge.storage import accounts, orders, packages, plans, stores
from bridge.storage.database import Connection

log = logging.getLogger(__name__)

CLAIM_BATCH = 500
"""The most parked or unpriced orders one call names; what is over comes with the next run of the job."""


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of an order: the entries posted now, and whether it waits for its buyer to appear."""

    entries: tuple[Entry, ...]
    is_parked: bool
    owed: int

    @property
    def outcome(self) -> str:
        """The result in a few words, for the inbox."""
        if self.is_parked:
            return f"{self.owed} tokens wait for the buyer's account"
        moved = sum(entry.tokens - entry.debt for entry in self.entries)
        return f"{moved:+d} tokens" if self.entries else "nothing to post"


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
    """The same for several orders, each of another number, in as many statements as for one."""
    found = orders.lock(connection, store.id, [order.number for order in wanted], now=now)
    known = [_learn(store, found[order.number], order, received_at=received_at) for order in wanted]
    return _settle(connection, store, known, now=now)


def trash_order(
    connection: Connection, store: Store, number: int, *, delivery: str, received_at: datetime, now: datetime
) -> Settled:
    """Take back what an order granted: the shop put it in the trash and told its number, nothing more."""
    known = _lock(connection, store, number, now=now)
    return _settle_one(connection, store, learn_trashing(known, delivery=delivery, received_at=received_at), now=now)


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
            f"order {number} belongs to user {known.buyer_id} of the shop; assign it to another there"
        )
    return _settle_one(connection, store, replace(known, claimed_by=account_id), actor=actor, now=now)


def set_amount(
    connection: Connection, store: Store, number: int, line_id: int, *, tokens: int, actor: str, now: datetime
) -> Settled:
    """Fix by hand what a piece of one line brings, and settle the order by it, in the actor's name.

    Raises `UnknownOrder`, `UnknownLine` and `LineHasAmount`.
    """
    known = _lock_known(connection, store, number, now=now)
    told = with_amount(known, line_id, tokens=tokens, by=actor, at=now)
    return _settle_one(connection, store, told, actor=actor, now=now)


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
    return _settle_one(connection, store, decided, actor=actor, now=now)


def is_known(connection: Connection, store: Store, number: int) -> bool:
    """Whether the shop ever told of an order of that number."""
    return orders.find(connection, store.id, number) is not None


def find_id(connection: Connection, store: Store, text: str) -> int | None:
    """The id of an order by what people type: the number the shop shows, or the id. None for what is neither."""
    text = text.strip().removeprefix("#")
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
            _settle(connection, store, [found[number] for number in sorted(found)], now=now)
    except Unavailable:
        raise
    except Exception:
        log.info("orders of store %s are settled one by one", store.slug, exc_info=True)
        check_all(transaction, store, numbers, now=now)


def list_waiting_for(connection: Connection, store: Store, *, email: str) -> list[int]:
    """The orders that wait for an account with that address."""
    return orders.list_parked(connection, store_id=store.id, email=email, limit=CLAIM_BATCH)


def list_waiting_for_product(connection: Connection, store: Store, *, product_id: int) -> list[int]:
    """The orders with a line of this product whose amount was not known when they came."""
    return orders.list_unpriced(connection, store_id=store.id, product_id=product_id, limit=CLAIM_BATCH)


def _lock(connection: Connection, store: Store, number: int, *, now: datetime) -> Known:
    return orders.lock(connection, store.id, [number], now=now)[number]


def _lock_known(connection: Connection, store: Store, number: int, *, now: datetime) -> Known:
    # Locking makes what is missing: an order nobody heard of would come into being.
    if not is_known(connection, store, number):
        raise UnknownOrder(f"there is no order {number}")
    return _lock(connection, store, number, now=now)


def _learn(store: Store, known: Known, order: Order, *, received_at: datetime) -> Known:
    effect = past_orders.effect_for(store, known, order, effect_of(order.status, store.grant_statuses))
    return learn(known, order, effect=effect, received_at=received_at)


def _settle_one(
    connection: Connection, store: Store, known: Known, *, actor: str = granting.ACTOR, now: datetime
) -> Settled:
    (settled,) = _settle(connection, store, [known], actor=actor, now=now)
    return settled


def _settle(
    connection: Connection, store: Store, every: Sequence[Known], *, actor: str = granting.ACTOR, now: datetime
) -> list[Settled]:
    """Post what locked orders owe, and write what is known of them; answers in their order."""
    every = [past_orders.released(store, known) for known in every]
    every = line_amounts.fix_amounts(connection, store, every, now=now)
    owed = {known.number: {line.line.id: _bounded(tokens_owed(known, line)) for line in known.lines} for known in every}
    terms = {known.number: _terms_owed(known) for known in every}
    totals = {number: sum(lines.values()) for number, lines in owed.items()}
    idle = {
        known.number
        for known in every
        if known.account_id is None
        and not totals[known.number]
        and not any(term.months for term in terms[known.number])
    }
    buyers = _buyers_of(connection, store, [known for known in every if known.number not in idle], now=now)
    bills = [Bill(known, owed[known.number], buyer, actor) for known, buyer in buyers if buyer is not None]
    posted = {known.number: (known, entries) for known, entries in granting.post(connection, store, bills, now=now)}
    waiting = {known.number: known for known, buyer in buyers if buyer is None}
    for bill in bills:
        if terms[bill.known.number]:
            _put_terms(connection, store, bill.known, terms[bill.known.number], buyer=bill.buyer)
    after = [posted.get(known.number, (waiting.get(known.number, known), []))[0] for known in every]
    remembered = [_remembered(store, known, is_parked=known.number in waiting) for known in after]
    orders.remember(connection, remembered, now=now)
    return [
        Settled(
            tuple(posted[known.number][1]) if known.number in posted else (),
            is_parked=known.number in waiting,
            owed=totals[known.number],
        )
        for known in every
    ]


def _remembered(store: Store, known: Known, *, is_parked: bool) -> orders.Remembered:
    circumstances = Circumstances(
        is_parked=is_parked,
        is_withheld=past_orders.is_withheld(store, known),
        is_paid_later=past_orders.is_paid_later(store, known),
    )
    return known, is_parked, review_items(known, circumstances)


def _bounded(tokens: int) -> int:
    if tokens > MAX_TOKENS:
        raise BalanceOutOfRange(f"an order line is worth {tokens} tokens, past 2^53-1")
    return tokens


def _terms_owed(known: Known) -> list[Term]:
    """What the order's lines of plans bought: so many months each, from the day it was placed."""
    return [
        Term(
            order_number=known.number,
            line_id=line.line.id,
            product_id=line.line.variation_id or line.line.product_id,
            name=line.line.name,
            tokens=line.tokens or 0,
            months=months_owed(known, line),
            bought_at=known.placed_at,
        )
        for line in known.lines
        if line.months and known.placed_at is not None
    ]


def _put_terms(connection: Connection, store: Store, known: Known, terms: list[Term], *, buyer: int) -> None:
    is_first = not plans.has_any(connection, store.id)
    named = packages.find_by_product(connection, store.id, sorted({line.line.product_id for line in known.lines}))
    names = {package.variation_id or package.product_id: package.plan for package in named.values()}
    terms = [replace(term, name=names.get(term.product_id) or term.name) for term in terms]
    plans.put_terms(connection, store.id, known.number, account_id=buyer, bought=terms)
    if is_first:
        # From now on spends of this store have to look for plans.
        stores.touch(connection, store.id)


def _buyers_of(
    connection: Connection, store: Store, every: Sequence[Known], *, now: datetime
) -> list[tuple[Known, int | None]]:
    """With each order the account its grant belongs to; None while nobody is found.

    The order's customer; or, of a guest's order, the one account with its
    e-mail, which then keeps it. A grant whose customer the shop turned to 0
    stays where it is.
    """
    places = {(store.id, known.buyer_id) for known in every if known.buyer_id}
    located = accounts.locate_or_add(connection, places, now=now)
    wanted = [known.email for known in every if _is_open(store, known)]
    owners = accounts.find_by_email(connection, store_id=store.id, emails=wanted)
    found: list[tuple[Known, int | None]] = []
    for known in every:
        if known.buyer_id:
            found.append((known, located[store.id, known.buyer_id]))
            continue
        if _is_open(store, known) and (owner := owners.get(normalize_email(known.email) or "")):
            known = replace(known, claimed_by=owner)
        found.append((known, known.claimed_by or known.account_id))
    return found


def _is_open(store: Store, known: Known) -> bool:
    """Whether an order is a guest's whose account may still be found by its e-mail."""
    is_taken = known.buyer_id or known.claimed_by is not None or known.account_id is not None
    return not is_taken and bool(known.email) and store.guest_policy == "automatic"
