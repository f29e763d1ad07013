"""Post the differences of an order's lines to the ledger."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from bridge.domain.accounts.accounts import Account, Balance
from bridge.domain.accounts.ledger import Entry, Kind, Movement, credit, reverse
from bridge.domain.events.events import EventType, NewEvent
from bridge.domain.orders.merge import LineState, OrderState
from bridge.domain.stores.stores import Store
from bridge.rendering.event_payloads import grant_payload
from bridge.services.accounts.balance_alerts import watch
from bridge.storage.accounts import accounts, ledger
from bridge.storage.accounts.ledger import Posting
from bridge.storage.engine.database import Connection
from bridge.storage.engine.ids import new_id
from bridge.storage.events import outbox
from bridge.storage.metering import holds

ACTOR = "shop"


@dataclass(frozen=True, slots=True)
class PostingRequest:
    """The tokens an order owes by line, and the account that receives them.

    `actor` is the cause: the shop, or the person who assigned the order.
    """

    known: OrderState
    owed: Mapping[int, int]
    buyer: int
    actor: str = ACTOR

    @property
    def holder(self) -> int:
        """The account that currently holds the order's grant."""
        return self.known.account_id or self.buyer


@dataclass(frozen=True, slots=True)
class Posted:
    """An order after its posting, with the entries.

    `over_balance` has the tokens, by line, that wait because the buyer's balance cannot hold them.
    """

    known: OrderState
    entries: tuple[Entry, ...]
    over_balance: Mapping[int, int]


def post(connection: Connection, store: Store, bills: Sequence[PostingRequest], *, now: datetime) -> list[Posted]:
    """Post to each buyer what the order owes minus what it granted, and reverse what another account holds.

    Locks all accounts at once, in id order; the bills count in their order. Each
    difference is posted under the line's next number, which the database accepts
    only once. A line whose tokens a balance cannot hold stays as it is, and so does
    an order that the buyer's balance cannot take over from another account.
    """
    if not bills:
        return []
    locked = accounts.lock(connection, {account for bill in bills for account in (bill.holder, bill.buyer)})
    posted: list[tuple[Entry, Posting]] = []
    settled = []
    for bill in bills:
        before, known = len(posted), bill.known
        lines: Sequence[LineState] = known.lines
        owner, owed = bill.buyer, bill.owed
        if bill.holder != bill.buyer:
            if _fits(locked[bill.buyer], sum(owed.values())):
                nothing = {line.line.id: 0 for line in lines}
                lines = _move(store, locked, known, lines, bill.holder, nothing, posted, actor=bill.actor, now=now)
            else:
                # Reversals still count where the tokens are.
                owner = bill.holder
                owed = {line.line.id: min(line.granted, owed[line.line.id]) for line in lines}
        lines = _move(store, locked, known, lines, owner, owed, posted, actor=bill.actor, now=now)
        entries = tuple(entry for entry, _ in posted[before:])
        waiting = {line.line.id: bill.owed[line.line.id] - line.granted for line in lines}
        if owner != bill.buyer:
            waiting = dict(bill.owed)
        over_balance = {line_id: tokens for line_id, tokens in waiting.items() if tokens > 0}
        settled.append(Posted(replace(known, lines=tuple(lines), account_id=owner), entries, over_balance))
    emit_events(connection, store, locked, [entry for entry, _ in posted], now=now)
    changed = {entry.account_id for entry, _ in posted}
    accounts.set_balances(connection, [locked[id_] for id_ in sorted(changed)], now=now)
    ledger.add(connection, posted)
    return settled


def emit_events(
    connection: Connection, store: Store, locked: dict[int, Account], posted: Sequence[Entry], *, now: datetime
) -> None:
    """Write events for the postings and for the balances they changed, which are updated in `locked`."""
    events = []
    for entry in posted:
        type_ = EventType.GRANT_CREATED if entry.kind is Kind.GRANT else EventType.GRANT_REVERSED
        events.append(NewEvent(new_id(), store.id, entry.account_id, type_, grant_payload(entry), now))
    changed = sorted({entry.account_id for entry in posted})
    held = holds.held_balances(connection, changed, now=now) if changed else {}
    for account_id in changed:
        account = locked[account_id]
        account_balance = Balance(balance=account.balance, held=held.get(account_id, 0), debt=account.debt)
        locked[account_id], crossed = watch(account, account_balance, store, now=now)
        events.extend(crossed)
    outbox.add(connection, events)


def _move(
    store: Store,
    locked: dict[int, Account],
    known: OrderState,
    lines: Sequence[LineState],
    account_id: int,
    owed: Mapping[int, int],
    posted: list[tuple[Entry, Posting]],
    *,
    actor: str,
    now: datetime,
) -> list[LineState]:
    """Post the difference of each line to one account, updated in `locked`; return the lines afterwards."""
    after, has_granted = [], False
    for line in lines:
        difference = owed[line.line.id] - line.granted
        if difference == 0:
            after.append(line)
            continue
        account = locked[account_id]
        if difference > 0 and not _fits(account, difference):
            after.append(line)
            continue
        movement = _movement(store, account, difference)
        account = account.moved(tokens=movement.tokens, debt=movement.debt)
        locked[account_id] = account
        line = replace(line, granted=line.granted + difference, postings=line.postings + 1)
        after.append(line)
        entry = Entry(
            id=new_id(),
            account_id=account_id,
            kind=Kind.GRANT if difference > 0 else Kind.REVERSAL,
            tokens=movement.tokens,
            debt=movement.debt,
            forgiven=movement.forgiven,
            balance_after=account.balance,
            debt_after=account.debt,
            actor=actor,
            reason=_reason(known, line),
            created_at=now,
            order_number=known.number,
            line_id=line.line.id,
        )
        posted.append((entry, Posting(known.store_id, known.number, line.line.id, line.postings)))
        if difference > 0:
            has_granted = True
    if has_granted:
        locked[account_id] = locked[account_id]._replace(last_grant=sum(line.granted for line in after))
    return after


def _movement(store: Store, account: Account, difference: int) -> Movement:
    if difference < 0:
        return reverse(tokens=-difference, balance=account.balance, forgives=store.reversal_policy == "forgive")
    return credit(tokens=difference, balance=account.balance, debt=account.debt)


def _fits(account: Account, tokens: int) -> bool:
    """Return whether an account's balance can hold so many tokens more, after its debt is paid."""
    try:
        credit(tokens=tokens, balance=account.balance, debt=account.debt)
    except OverflowError:
        return False
    return True


def _reason(known: OrderState, line: LineState) -> str:
    name = line.line.name or f"product {line.line.product_id}"
    return f"Order {known.shown_number} ({known.status}): {name} x {line.line.quantity}"[:500]
