"""Holds: tokens set aside, then captured, in full or in part, or released."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from bridge.domain.accounts.accounts import Account
from bridge.domain.errors import FieldError, InvalidRequest
from bridge.domain.metering.commands import CaptureRequest, HoldRequest, ReleaseRequest
from bridge.domain.metering.errors import (
    HoldCaptured,
    HoldReleased,
    HoldReleasedBefore,
    UnknownHold,
    UnknownOperation,
    UseOutOfRange,
)
from bridge.domain.metering.funding import Decision, FundingSource, PlanPart, Source, draw, split_plan
from bridge.domain.metering.holds import Hold, HoldState
from bridge.domain.metering.pricing import price_of
from bridge.domain.stores.principals import Caller
from bridge.services.metering import charge, documents, policies
from bridge.services.metering.account_lookup import may_see
from bridge.services.metering.charge import Payment, Priced, pay
from bridge.services.metering.funding import Means, allowance_document, left_of_cap, means_of
from bridge.services.metering.unit_of_work import UnitOfWork, Wanted, open_unit
from bridge.storage.engine.database import Connection
from bridge.storage.engine.ids import new_id
from bridge.storage.metering import holds


def hold(
    books: UnitOfWork, ask: HoldRequest, account: Account, priced: Priced, means: Means, decision: Decision
) -> documents.Document:
    """Set aside what was decided, from the sources a spend would take it from."""
    free = means.free if decision.allowance else None
    held = Hold(
        id=new_id(),
        account_id=account.id,
        store_id=account.store_id,
        site_id=ask.caller.site_id,
        module=priced.module,
        operation=priced.operation,
        units=priced.units,
        tokens=decision.paid,
        from_plan=decision.plan,
        from_balance=decision.balance,
        from_allowance=decision.allowance,
        window_starts_at=free.window.starts_at if free else None,
        window_ends_at=free.window.ends_at if free else None,
        plan_parts=means.plan_parts(decision) if decision.plan else (),
        source=ask.source,
        reference=ask.reference,
        state=HoldState.OPEN,
        created_at=books.now,
        expires_at=books.now + timedelta(seconds=ask.ttl_seconds),
    )
    books.holds[held.id] = held
    books.new_holds.add(held.id)
    books.set_aside(held, 1)
    return describe(books, account, held)


def capture(books: UnitOfWork, ask: CaptureRequest, account: Account) -> documents.Document:
    """Take what it really cost: first what was set aside, then more where the sources have it.

    What is set aside and not needed is free again. After the hold's expiry
    nothing is set aside any more, and all of the price is drawn like a spend's.
    What nobody can pay is answered and stored as `uncovered`. Raises
    `HoldCaptured` and `HoldReleased` for a hold that is settled.
    """
    found = _settleable(books, ask.hold_id)
    price = _captured_price(books, ask, found)
    settled = replace(found, state=HoldState.CAPTURED, settled_at=books.now)
    reserved = found.counts_at(books.now)
    if reserved:
        books.set_aside(found, -1)
    payment = _payment(books, ask, account, found, price, reserved=reserved)
    try:
        taken = pay(books, account, payment)
    except UseOutOfRange:
        if reserved:
            books.set_aside(found, 1)
        raise
    books.holds[found.id] = replace(settled, spend_id=taken.id)
    books.changed_holds.add(found.id)
    books.changed_accounts.add(account.id)
    return charge.describe(books, account, taken)


def release(books: UnitOfWork, ask: ReleaseRequest, account: Account) -> documents.Document:
    """Free all that a hold set aside; raises `HoldCaptured` and `HoldReleasedBefore` for one that is settled."""
    if ask.hold_id in books.holds and books.holds[ask.hold_id].state is HoldState.RELEASED:
        raise HoldReleasedBefore()
    found = _settleable(books, ask.hold_id)
    if found.counts_at(books.now):
        books.set_aside(found, -1)
    books.holds[found.id] = replace(found, state=HoldState.RELEASED, settled_at=books.now)
    books.changed_holds.add(found.id)
    return describe(books, account, books.holds[found.id])


def describe(books: UnitOfWork, account: Account, held: Hold) -> documents.Document:
    """A hold as the caller sees it."""
    return documents.hold_document(
        held,
        standing=books.standing_of(books.accounts[account.id]),
        allowance=allowance_document(books, account, held.module),
    )


def look(connection: Connection, caller: Caller, hold_id: int, *, now: datetime) -> documents.Document:
    """A hold as it stands, without a lock; raises `UnknownHold` for one the caller may not see."""
    found = holds.find_many(connection, [hold_id]).get(hold_id)
    if found is None or not may_see(caller, store_id=found.store_id, site_id=found.site_id):
        raise UnknownHold()
    wanted = Wanted(
        account_ids=[found.account_id],
        rulebooks=policies.for_stores(connection, [found.store_id]),
        modules=[(found.store_id, found.module)],
    )
    books = open_unit(connection, wanted, now=now, lock=False)
    if found.state is HoldState.OPEN and not found.counts_at(now):
        found = replace(found, state=HoldState.EXPIRED)
    return describe(books, books.accounts[found.account_id], found)


def _settleable(books: UnitOfWork, hold_id: int) -> Hold:
    found = books.holds.get(hold_id)
    if found is None:
        raise UnknownHold()
    if found.state is HoldState.CAPTURED:
        raise HoldCaptured()
    if found.state is HoldState.RELEASED:
        raise HoldReleased()
    return found


def _captured_price(books: UnitOfWork, ask: CaptureRequest, found: Hold) -> Priced:
    rulebook = books.rulebooks[found.store_id]
    if ask.units is None:
        tokens, units = ask.tokens or 0, found.units
    else:
        if found.operation is None:
            raise InvalidRequest(fields=[FieldError("quantity", "the hold has no operation: say how many tokens")])
        operation = rulebook.operations.get(found.operation)
        if operation is None:
            raise UnknownOperation(f"the price list no longer has the operation {found.operation}")
        tokens, units = price_of(operation, ask.units) if ask.units else 0, ask.units
    return Priced(found.module, found.operation, units, tokens if rulebook.is_metered(found.module) else 0)


def _payment(
    books: UnitOfWork, ask: CaptureRequest, account: Account, found: Hold, price: Priced, *, reserved: bool
) -> Payment:
    means = means_of(books, account, found.module)
    first = _from_reserve(books, account, found, price.tokens) if reserved else Decision()
    first_parts = split_plan(tokens=first.plan, parts=found.plan_parts)
    beyond = price.tokens - first.paid
    left = left_of_cap(books, account, found.site_id)
    drawn = beyond if left is None else min(beyond, max(0, left - first.paid))
    rest = _beyond(means, first, first_parts, found, drawn)
    parts = (*first_parts, *split_plan(tokens=rest.plan, parts=_less(means.plans, first_parts)))
    window, ends_at = None, None
    if first.allowance and found.window_starts_at is not None:
        window, ends_at = (account.id, found.module, found.window_starts_at), found.window_ends_at
    elif rest.allowance and means.free is not None:
        window, ends_at = means.free.key, means.free.window.ends_at
    decision = Decision(
        first.plan + rest.plan,
        first.balance + rest.balance,
        first.allowance + rest.allowance,
        shortfall=rest.shortfall + beyond - drawn,
    )
    return Payment(
        caller=ask.caller,
        site_id=found.site_id,
        priced=price,
        decision=decision,
        plan_parts=_merged(parts),
        window=window,
        window_ends_at=ends_at,
        source=found.source,
        reference=found.reference,
        hold_id=found.id,
    )


def _from_reserve(books: UnitOfWork, account: Account, found: Hold, price: int) -> Decision:
    """The part of the price that what was set aside pays, in the store's order."""
    left = {
        Source.PLAN: found.from_plan,
        # A reversal may have taken what was set aside: no more is there than there is.
        Source.BALANCE: min(found.from_balance, account.balance),
        Source.ALLOWANCE: found.from_allowance,
    }
    order = books.rulebook_of(account).spend_order
    taken = draw(price=price, purses=[FundingSource(source, left[source]) for source in order])
    return taken._replace(shortfall=0)


def _beyond(means: Means, first: Decision, first_parts: tuple[PlanPart, ...], found: Hold, price: int) -> Decision:
    """The part of the price beyond what was set aside, drawn from what the sources have besides."""
    if price <= 0:
        return Decision()
    purses = []
    for purse in means.purses:
        left = purse.left
        if purse.source is Source.PLAN:
            left = sum(part.tokens for part in _less(means.plans, first_parts))
        elif purse.source is Source.BALANCE:
            left = max(0, (left or 0) - first.balance)
        elif left is not None and means.free is not None and first.allowance:
            # One spend counts in one window: where the hold's has closed, its successor pays nothing.
            left = max(0, left - first.allowance) if means.free.window.starts_at == found.window_starts_at else 0
        elif left is None and first.allowance and means.free and means.free.window.starts_at != found.window_starts_at:
            left = 0
        purses.append(FundingSource(purse.source, left))
    return draw(price=price, purses=purses)


def _less(plans: tuple[PlanPart, ...], taken: tuple[PlanPart, ...]) -> tuple[PlanPart, ...]:
    gone = {(part.product_id, part.starts_at): part.tokens for part in taken}
    return tuple(
        replace(part, tokens=max(0, part.tokens - gone.get((part.product_id, part.starts_at), 0))) for part in plans
    )


def _merged(parts: tuple[PlanPart, ...]) -> tuple[PlanPart, ...]:
    merged: dict[tuple[int, object], PlanPart] = {}
    for part in parts:
        key = (part.product_id, part.starts_at)
        known = merged.get(key)
        merged[key] = part if known is None else replace(known, tokens=known.tokens + part.tokens)
    return tuple(merged.values())
