"""Process orders: post what they owe, and find their review items."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from bridge.domain.accounts.accounts import MAX_TOKENS, normalize_email
from bridge.domain.accounts.ledger import Entry
from bridge.domain.metering.plans import MAX_TERM_MONTHS, Term
from bridge.domain.orders import past_orders
from bridge.domain.orders.families import covered_lines
from bridge.domain.orders.grants import months_owed, tokens_owed
from bridge.domain.orders.merge import Effect, OrderState
from bridge.domain.orders.review import Circumstances, review_items
from bridge.domain.orders.review_items import GRANT, Question, choice_of
from bridge.domain.stores.stores import Store
from bridge.services.orders import erased, line_amounts, posting, relations
from bridge.services.orders.posting import PostingRequest
from bridge.storage.accounts import accounts
from bridge.storage.engine.database import Connection
from bridge.storage.metering import plans
from bridge.storage.orders import orders, packages
from bridge.storage.stores import stores


@dataclass(frozen=True, slots=True)
class Settled:
    """The result of processing an order: the entries posted now, and whether it waits for its buyer.

    `state` is the order afterwards,
    and `has_questions` whether it has review items. `covered` are the lines that
    another order grants, `too_large` those above the maximum. `over_balance` has the
    tokens, by line, that wait because the buyer's balance cannot hold them.
    """

    entries: tuple[Entry, ...]
    is_parked: bool
    owed: int
    state: OrderState
    has_questions: bool = False
    covered: frozenset[int] = frozenset()
    too_large: frozenset[int] = frozenset()
    over_balance: Mapping[int, int] = field(default_factory=dict)

    @property
    def shown_number(self) -> str:
        """The order number shown to people."""
        return self.state.shown_number

    @property
    def outcome(self) -> str:
        """The result as a short text, for the inbox."""
        if self.is_parked:
            return f"{self.owed} tokens wait for the buyer's account"
        moved = sum(entry.tokens - entry.debt for entry in self.entries)
        posted = f"{moved:+d} tokens" if self.entries else "nothing to post"
        waiting = sum(self.over_balance.values())
        return f"{posted}; the buyer's balance cannot hold {waiting} tokens more" if waiting else posted


def settle(
    connection: Connection, store: Store, every: Sequence[OrderState], *, actor: str = posting.ACTOR, now: datetime
) -> list[Settled]:
    """Post what locked orders owe, and store their state; return the results in their order."""
    asked = [known.number for known in every]
    every = [*every, *relations.lock_family(connection, store, every, now=now)]
    every = erased.cover(connection, store, every) if store.has_erased else every
    had_plans = {known.number for known in every if any(line.months for line in known.lines)}
    every = line_amounts.fix_amounts(connection, store, decided(store, every), now=now)
    covered = covered_lines(every)
    dues = {known.number: due_of(known, covered.get(known.number, {})) for known in every}
    idle = {known.number for known in every if known.account_id is None and not dues[known.number].is_anything}
    buyers = _buyers_of(connection, store, [known for known in every if known.number not in idle], now=now)
    bills = [
        PostingRequest(known, dues[known.number].tokens, buyer, actor) for known, buyer in buyers if buyer is not None
    ]
    if covered:
        # Within a family, grants are posted before reversals, so that no debt arises in between.
        bills.sort(key=lambda bill: sum(line.granted for line in bill.known.lines) - sum(bill.owed.values()))
    posted = {one.known.number: one for one in posting.post(connection, store, bills, now=now)}
    waiting = {known.number: known for known, buyer in buyers if buyer is None}
    _put_all_terms(connection, store, bills, dues, had_plans)
    states = waiting | {number: one.known for number, one in posted.items()}
    after = [states.get(known.number, known) for known in every]
    same_payment = relations.list_same_payment(connection, store, after)
    remembered = []
    for known in after:
        circumstances = Circumstances(
            is_parked=known.number in waiting,
            covered=covered.get(known.number, {}),
            same_payment=same_payment.get(known.number, ()),
            too_large=dues[known.number].too_large,
            over_balance=posted[known.number].over_balance if known.number in posted else {},
            now=now,
        )
        remembered.append(_remembered(store, known, circumstances))
    orders.remember(connection, remembered, now=now)
    stored = {known.number: (known, bool(items)) for known, _, items in remembered}
    return [
        Settled(
            posted[number].entries if number in posted else (),
            number in waiting,
            sum(dues[number].tokens.values()),
            *stored[number],
            covered=frozenset(covered.get(number, {})),
            too_large=frozenset(dues[number].too_large),
            over_balance=posted[number].over_balance if number in posted else {},
        )
        for number in asked
    ]


def _remembered(store: Store, known: OrderState, circumstances: Circumstances) -> orders.Remembered:
    circumstances = replace(
        circumstances,
        is_withheld=past_orders.is_withheld(store, known),
        is_paid_later=past_orders.is_paid_later(store, known),
        is_placing_unclear=past_orders.is_placing_unclear(store, known),
    )
    is_unpaid = not known.is_paid and known.effect is Effect.GRANTS and any(line.granted for line in known.lines)
    since = (known.unpaid_since or circumstances.now) if is_unpaid else None
    known = replace(known, unpaid_since=since) if since != known.unpaid_since else known
    return known, circumstances.is_parked, review_items(known, circumstances)


def decided(store: Store, every: Sequence[OrderState]) -> list[OrderState]:
    """Return the orders with the effect that the owner's decisions give them."""
    return [_with_choice(past_orders.released(store, known)) for known in every]


def _with_choice(known: OrderState) -> OrderState:
    """Return the order as granting if a person decided so despite its status."""
    if known.effect is Effect.KEEPS and choice_of(known.decisions, Question.NOT_GRANTED, known.status) == GRANT:
        return replace(known, effect=Effect.GRANTS)
    return known


@dataclass(frozen=True, slots=True)
class Due:
    """The amounts an order owes: tokens by line, terms of plans, and lines above the maximum."""

    tokens: dict[int, int]
    terms: list[Term]
    too_large: tuple[int, ...]

    @property
    def is_anything(self) -> bool:
        """Return whether the order owes any tokens or any month of a plan."""
        return any(self.tokens.values()) or any(term.months for term in self.terms)


def due_of(known: OrderState, covered: Mapping[int, str]) -> Due:
    """Return the amounts an order owes; a line that another order grants owes 0, a line above the maximum stays.

    A plan above the maximum grants no month.
    """
    tokens, too_large = {}, []
    for line in known.lines:
        owed = 0 if line.line.id in covered else tokens_owed(known, line)
        if owed > MAX_TOKENS:
            too_large.append(line.line.id)
            owed = line.granted
        tokens[line.line.id] = owed
    terms = _terms_owed(known, covered)
    too_large += [term.line_id for term in terms if term.months > MAX_TERM_MONTHS]
    return Due(tokens, [term for term in terms if term.months <= MAX_TERM_MONTHS], tuple(too_large))


def _terms_owed(known: OrderState, covered: Mapping[int, str]) -> list[Term]:
    """Return the plan terms of the order's lines: their months, from the day the order was placed."""
    return [
        Term(
            order_number=known.number,
            line_id=line.line.id,
            product_id=line.line.variation_id or line.line.product_id,
            name=line.line.name,
            tokens=line.tokens or 0,
            months=0 if line.line.id in covered else months_owed(known, line),
            bought_at=known.placed_at,
        )
        for line in known.lines
        if line.months and known.placed_at is not None
    ]


def _put_all_terms(
    connection: Connection,
    store: Store,
    bills: Sequence[PostingRequest],
    dues: Mapping[int, Due],
    had_plans: Collection[int],
) -> None:
    """Replace the terms of the orders that have a plan now or had one, so that a line that lost its plan loses it."""
    for bill in bills:
        terms = dues[bill.known.number].terms
        if terms or bill.known.number in had_plans:
            _put_terms(connection, store, bill.known, terms, buyer=bill.buyer)


def _put_terms(connection: Connection, store: Store, known: OrderState, terms: list[Term], *, buyer: int) -> None:
    is_first = not plans.has_any(connection, store.id)
    named = packages.find_by_product(connection, store.id, sorted({line.line.product_id for line in known.lines}))
    names = {package.variation_id or package.product_id: package.plan for package in named.values()}
    terms = [replace(term, name=names.get(term.product_id) or term.name) for term in terms]
    plans.put_terms(connection, store.id, known.number, account_id=buyer, bought=terms)
    if is_first and terms:
        # From now on, spends of this store must query plans.
        stores.touch(connection, store.id)


def _buyers_of(
    connection: Connection, store: Store, every: Sequence[OrderState], *, now: datetime
) -> list[tuple[OrderState, int | None]]:
    """Return each order with the account its grant belongs to; None while there is no account.

    This is the order's customer or, for a guest's order, the one account with its
    email, which then keeps the grant. If the shop changed the customer to 0, the
    grant stays where it is.
    """
    places = {(store.id, known.buyer_id) for known in every if known.buyer_id}
    located = accounts.locate_or_add(connection, places, now=now)
    wanted = [known.email for known in every if _is_open(store, known)]
    owners = accounts.find_by_email(connection, store_id=store.id, emails=wanted)
    found: list[tuple[OrderState, int | None]] = []
    for known in every:
        if known.buyer_id:
            found.append((known, located[store.id, known.buyer_id]))
            continue
        if _is_open(store, known) and (owner := owners.get(normalize_email(known.email) or "")):
            known = replace(known, claimed_by=owner)
        found.append((known, known.claimed_by or known.account_id))
    return found


def _is_open(store: Store, known: OrderState) -> bool:
    """Return whether a guest's order may still be assigned by its email."""
    is_taken = known.buyer_id or known.claimed_by is not None or known.account_id is not None
    return not is_taken and bool(known.email) and store.guest_policy == "automatic"
