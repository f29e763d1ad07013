"""Holds: tokens set aside, then captured, in full or in part, or released."""

from __future__ import annotations

from collections.abc import Mapping
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
from bridge.domain.metering.limits import WindowKey
from bridge.domain.metering.pricing import price_of
from bridge.domain.metering.spends import Receipt
from bridge.domain.stores.principals import Caller
from bridge.services.metering import confirmations
from bridge.services.metering.account_lookup import may_see
from bridge.services.metering.charge import Payment, Priced, pay
from bridge.services.metering.funding import Funding, funding_of, left_of_cap
from bridge.services.metering.unit_of_work import UnitOfWork, Wanted, open_unit
from bridge.storage.engine.database import Connection
from bridge.storage.engine.ids import new_id
from bridge.storage.metering import holds, policies


def hold(
    work: UnitOfWork, request: HoldRequest, account: Account, priced: Priced, sources: Funding, decision: Decision
) -> Receipt:
    """Set aside what was decided, from the sources a spend would take it from."""
    windows = sources.allowance.keys(account.id) if sources.allowance and decision.allowance else {}
    spans = {counter: (starts_at, ends_at) for (_, _, starts_at, counter), ends_at in windows.items()}
    first, second = spans.get(0, (None, None)), spans.get(1, (None, None))
    held = Hold(
        id=new_id(),
        account_id=account.id,
        store_id=account.store_id,
        site_id=request.caller.site_id,
        module=priced.module,
        operation=priced.operation,
        units=priced.units,
        tokens=decision.paid,
        from_plan=decision.plan,
        from_balance=decision.balance,
        from_allowance=decision.allowance,
        window_starts_at=first[0],
        window_ends_at=first[1],
        plan_parts=sources.plan_parts(decision) if decision.plan else (),
        source=request.source,
        reference=request.reference,
        state=HoldState.OPEN,
        created_at=work.now,
        expires_at=work.now + timedelta(seconds=request.ttl_seconds),
        second_window_starts_at=second[0],
        second_window_ends_at=second[1],
    )
    work.holds[held.id] = held
    work.new_holds.add(held.id)
    work.set_aside(held, 1)
    return work.receipt_of(account, held, held.module)


def capture(work: UnitOfWork, request: CaptureRequest, account: Account) -> Receipt:
    """Charge the final price: first from what was set aside, then from the sources if they have more.

    Tokens that were set aside and are not needed become available. After its
    expiry a hold sets nothing aside, and the price is charged like a spend's.
    What no source can pay is stored and returned as `uncovered`: also what only
    tokens of the balance could pay whose user has not confirmed that. Raises
    `HoldCaptured` and `HoldReleased` for a hold that is settled.
    """
    found = _settleable(work, request.hold_id)
    price = _captured_price(work, request, found)
    settled = replace(found, state=HoldState.CAPTURED, settled_at=work.now)
    reserved = found.counts_at(work.now)
    if reserved:
        work.set_aside(found, -1)
    payment = _payment(work, request, account, found, price, reserved=reserved)
    try:
        taken = pay(work, account, payment)
    except UseOutOfRange:
        if reserved:
            work.set_aside(found, 1)
        raise
    if request.confirmed and taken.from_balance:
        confirmations.keep(work, account, found.module)
    work.holds[found.id] = replace(settled, spend_id=taken.id)
    work.changed_holds.add(found.id)
    work.changed_accounts.add(account.id)
    return work.receipt_of(account, taken, taken.module)


def release(work: UnitOfWork, request: ReleaseRequest, account: Account) -> Receipt:
    """Free all that a hold set aside; raises `HoldCaptured` and `HoldReleasedBefore` for one that is settled."""
    if request.hold_id in work.holds and work.holds[request.hold_id].state is HoldState.RELEASED:
        raise HoldReleasedBefore()
    found = _settleable(work, request.hold_id)
    if found.counts_at(work.now):
        work.set_aside(found, -1)
    work.holds[found.id] = replace(found, state=HoldState.RELEASED, settled_at=work.now)
    work.changed_holds.add(found.id)
    return work.receipt_of(account, work.holds[found.id], found.module)


def look(connection: Connection, caller: Caller, hold_id: int, *, now: datetime) -> Receipt:
    """Return a hold and its state, without a lock; raises `UnknownHold` for one the caller may not see."""
    found = holds.find_many(connection, [hold_id]).get(hold_id)
    if found is None or not may_see(caller, store_id=found.store_id, site_id=found.site_id):
        raise UnknownHold()
    wanted = Wanted(
        account_ids=[found.account_id],
        policies_by_store=policies.for_stores(connection, [found.store_id]),
        modules=[(found.store_id, found.module)],
    )
    work = open_unit(connection, wanted, now=now, lock=False)
    if found.state is HoldState.OPEN and not found.counts_at(now):
        found = replace(found, state=HoldState.EXPIRED)
    return work.receipt_of(work.accounts[found.account_id], found, found.module)


def _settleable(work: UnitOfWork, hold_id: int) -> Hold:
    found = work.holds.get(hold_id)
    if found is None:
        raise UnknownHold()
    if found.state is HoldState.CAPTURED:
        raise HoldCaptured()
    if found.state is HoldState.RELEASED:
        raise HoldReleased()
    return found


def _captured_price(work: UnitOfWork, request: CaptureRequest, found: Hold) -> Priced:
    policy = work.policies_by_store[found.store_id]
    if request.units is None:
        tokens, units = request.tokens or 0, found.units
    else:
        if found.operation is None:
            raise InvalidRequest(fields=[FieldError("quantity", "the hold has no operation: say how many tokens")])
        operation = policy.operations.get(found.operation)
        if operation is None:
            raise UnknownOperation(f"the price list no longer has the operation {found.operation}")
        tokens, units = price_of(operation, request.units) if request.units else 0, request.units
    return Priced(found.module, found.operation, units, tokens if policy.is_metered(found.module) else 0)


def _payment(
    work: UnitOfWork, request: CaptureRequest, account: Account, found: Hold, price: Priced, *, reserved: bool
) -> Payment:
    sources = _agreed(work, request, account, found)
    first = _from_reserve(work, account, found, price.tokens) if reserved else Decision()
    first_parts = split_plan(tokens=first.plan, parts=found.plan_parts)
    beyond = price.tokens - first.paid
    left = left_of_cap(work, account, found.site_id)
    drawn = beyond if left is None else min(beyond, max(0, left - first.paid))
    rest = _beyond(sources, first, first_parts, found, drawn)
    parts = (*first_parts, *split_plan(tokens=rest.plan, parts=_less(sources.plans, first_parts)))
    windows: Mapping[WindowKey, datetime | None] = {}
    if first.allowance:
        windows = found.windows
    elif rest.allowance and sources.allowance is not None:
        windows = sources.allowance.keys(account.id)
    decision = Decision(
        first.plan + rest.plan,
        first.balance + rest.balance,
        first.allowance + rest.allowance,
        shortfall=rest.shortfall + beyond - drawn,
    )
    return Payment(
        caller=request.caller,
        site_id=found.site_id,
        priced=price,
        decision=decision,
        plan_parts=_merged(parts),
        windows=windows,
        allowance=sources.allowance,
        source=found.source,
        reference=found.reference,
        hold_id=found.id,
    )


def _agreed(work: UnitOfWork, request: CaptureRequest, account: Account, found: Hold) -> Funding:
    """The sources that may pay beyond the hold: the balance only if its user confirmed, by the hold or since."""
    sources = funding_of(work, account, found.module)
    if request.confirmed or found.from_balance or not confirmations.is_missing(work, account, found.module):
        return sources
    return sources.without(Source.BALANCE)


def _from_reserve(work: UnitOfWork, account: Account, found: Hold, price: int) -> Decision:
    """The part of the price that what was set aside pays, in the store's order."""
    left = {
        Source.PLAN: found.from_plan,
        # A reversal may have taken what was set aside: no more is there than there is.
        Source.BALANCE: min(found.from_balance, account.balance),
        Source.ALLOWANCE: found.from_allowance,
    }
    order = work.policy_of(account).spend_order
    taken = draw(price=price, funding_sources=[FundingSource(source, left[source]) for source in order])
    return taken._replace(shortfall=0)


def _beyond(sources: Funding, first: Decision, first_parts: tuple[PlanPart, ...], found: Hold, price: int) -> Decision:
    """The part of the price beyond what was set aside, drawn from what the sources have besides."""
    if price <= 0:
        return Decision()
    funding_sources = []
    for funding_source in sources.funding_sources:
        left = funding_source.left
        if funding_source.source is Source.PLAN:
            left = sum(part.tokens for part in _less(sources.plans, first_parts))
        elif funding_source.source is Source.BALANCE:
            left = max(0, (left or 0) - first.balance)
        elif sources.allowance is not None and first.allowance:
            # One spend counts in one set of windows: where one of the hold's has closed, its successor pays nothing.
            is_running = sources.allowance.keys(found.account_id).keys() == found.windows.keys()
            left = 0 if not is_running else None if left is None else max(0, left - first.allowance)
        funding_sources.append(FundingSource(funding_source.source, left))
    return draw(price=price, funding_sources=funding_sources)


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
