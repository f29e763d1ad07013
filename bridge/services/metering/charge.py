"""Charging: the price of a request, the bounds of a payment, and the rows it writes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from bridge.domain.accounts.accounts import MAX_TOKENS, Account
from bridge.domain.accounts.ledger import Kind, Movement
from bridge.domain.errors import FieldError, InvalidRequest
from bridge.domain.events.events import EventType
from bridge.domain.metering.commands import AnyRequest, CaptureRequest, SpendRequest
from bridge.domain.metering.errors import UnknownOperation, UseOutOfRange
from bridge.domain.metering.funding import Decision, PlanPart
from bridge.domain.metering.limits import Allowance, WindowKey
from bridge.domain.metering.pricing import price_of
from bridge.domain.metering.spends import Spend
from bridge.domain.stores.principals import Principal
from bridge.domain.stores.stores import Policy
from bridge.rendering.event_payloads import exhausted_payload
from bridge.services.metering.funding import Funding
from bridge.services.metering.unit_of_work import UnitOfWork
from bridge.storage.engine.database import Connection
from bridge.storage.engine.ids import new_id
from bridge.storage.metering import spends

_LARGE = 2**32
"""Smaller amounts reach no bound of a day: it would take two million of them."""


class Priced(NamedTuple):
    """The price of a request, in whole tokens; 0 where nothing is charged."""

    module: str
    operation: str | None
    units: int
    tokens: int


class Payment(NamedTuple):
    """Tokens that leave an account: what each source pays, in which windows, for what.

    `windows` are those that the allowance's part counts in, each with its end.
    `allowance` is the one in the module before the payment.
    """

    caller: Principal
    site_id: int
    priced: Priced
    decision: Decision
    plan_parts: Sequence[PlanPart]
    windows: Mapping[WindowKey, datetime | None]
    allowance: Allowance | None
    source: str | None
    reference: str | None
    hold_id: int | None = None


def price(policy: Policy, request: SpendRequest) -> Priced:
    """Return the price of a request by the store's price list.

    Raises `UnknownOperation`, `UnknownModule`, `TooManyUnits`, and `InvalidRequest` where the request
    names neither an operation nor a module with tokens. In an unmetered module
    everything costs 0.
    """
    if request.operation is not None:
        operation = policy.operations.get(request.operation)
        if operation is None:
            raise UnknownOperation(
                f"the price list has no operation {request.operation}",
                fields=[FieldError("operation", "not in the price list")],
            )
        tokens = price_of(operation, request.units)
        module = operation.module
    elif request.module is not None and request.tokens is not None:
        tokens, module = request.tokens, request.module
        policy.check_module(module)
    else:
        raise InvalidRequest(fields=[FieldError("operation", "name an operation, or a module with tokens")])
    return Priced(module, request.operation, request.units, tokens if policy.is_metered(module) else 0)


def spend(
    work: UnitOfWork, request: SpendRequest, account: Account, priced: Priced, sources: Funding, decision: Decision
) -> Spend:
    """Charge what was decided, at once."""
    payment = Payment(
        caller=request.caller,
        site_id=request.caller.site_id,
        priced=priced,
        decision=decision,
        plan_parts=sources.plan_parts(decision) if decision.plan else (),
        windows=sources.allowance.keys(account.id) if sources.allowance and decision.allowance else {},
        allowance=sources.allowance,
        source=request.source,
        reference=request.reference,
    )
    return pay(work, account, payment)


def pay(work: UnitOfWork, account: Account, payment: Payment) -> Spend:
    """Write a payment: the spend, its entry, the windows it counts in, its day of history."""
    decision, priced = payment.decision, payment.priced
    # Only what the allowance pays can use it up.
    before = payment.allowance if decision.allowance else None
    starts = {counter: starts_at for _, _, starts_at, counter in payment.windows}
    taken = Spend(
        id=new_id(),
        account_id=account.id,
        store_id=account.store_id,
        module=priced.module,
        operation=priced.operation,
        units=priced.units,
        tokens=decision.paid + decision.shortfall,
        from_plan=decision.plan,
        from_balance=decision.balance,
        from_allowance=decision.allowance,
        window_starts_at=starts.get(0),
        source=payment.source,
        reference=payment.reference,
        created_at=work.now,
        site_id=payment.site_id,
        hold_id=payment.hold_id,
        uncovered=decision.shortfall,
        second_window_starts_at=starts.get(1),
        plan_parts=tuple(payment.plan_parts),
    )
    _check_bounds(work, account, taken)
    work.spends[taken.id] = taken
    work.new_spends.add(taken.id)
    # Whatever paid, the account was active: the credits list sorts by that.
    work.changed_accounts.add(account.id)
    _charge(work, account, taken, payment)
    work.use_site(account, taken.site_id, work.now, decision.paid)
    work.use_day(account, taken, units=taken.units, tokens=taken.tokens)
    emit_exhausted(work, account, priced.module, before)
    return taken


def _charge(work: UnitOfWork, account: Account, taken: Spend, payment: Payment) -> None:
    if taken.from_balance:
        reason = taken.module if taken.operation is None else f"{taken.module}: {taken.operation}"
        movement = Movement(-taken.from_balance)
        work.move(account.id, Kind.SPEND, movement, actor=payment.caller.name, reason=reason, spend=taken)
    if taken.from_allowance:
        for key, ends_at in payment.windows.items():
            work.use_window(key, ends_at, taken.from_allowance)
    for part in taken.plan_parts:
        work.use_plan(account.id, part, part.tokens)


def emit_exhausted(work: UnitOfWork, account: Account, module: str, before: Allowance | None) -> None:
    """Announce an allowance that has no token left and had one `before`."""
    if before is None or not before.remaining:
        return
    after = work.allowance_of(account, module)
    if after is None or after.remaining != 0:
        return
    used_up = after.strictest
    period = used_up.period if len(after.windows) > 1 else None
    work.announce(account, EventType.ALLOWANCE_EXHAUSTED, exhausted_payload(module, used_up.window, period))


def read_days(connection: Connection, work: UnitOfWork, requests: Iterable[AnyRequest]) -> None:
    """Read the totals of today's history of the accounts, if a request is large; otherwise nothing."""
    if any(_is_large(work, request) for request in requests):
        today = {(id_, work.day_of(account, work.now)) for id_, account in work.accounts.items()}
        found = spends.usage_totals(connection, work.accounts.keys(), {day for _, day in today})
        work.day_totals = {place: found.get(place, (0, 0)) for place in today}


def _check_bounds(work: UnitOfWork, account: Account, taken: Spend) -> None:
    """Raise `UseOutOfRange` for a payment that would pass a bound; call it before anything of it is counted."""
    if taken.from_allowance:
        for key in taken.window_keys:
            _check_bound("the window", work.uses.get(key, 0) + taken.from_allowance)
    if taken.site_id:
        used = work.site_uses.get((taken.site_id, work.month_of(account, taken.created_at)), 0)
        _check_bound("the linked site's month", used + taken.tokens - taken.uncovered)
    day = work.day_of(account, taken.created_at)
    units, tokens = work.day_totals.get((account.id, day), (0, 0))
    _check_bound("the account's day", max(units + taken.units, tokens + taken.tokens))


def _check_bound(counted_in: str, total: int) -> None:
    if total > MAX_TOKENS:
        raise UseOutOfRange(f"{counted_in} would count more than 2^53-1; nothing was charged")


def _is_large(work: UnitOfWork, request: AnyRequest) -> bool:
    if isinstance(request, SpendRequest):
        name, units, tokens = request.operation, request.units, request.tokens or 0
    elif isinstance(request, CaptureRequest):
        hold = work.holds.get(request.hold_id)
        units = (hold.units if hold else 0) if request.units is None else request.units
        name, tokens = hold.operation if hold else None, request.tokens or 0
    else:
        return False
    operation = work.policies_by_store[request.caller.store_id].operations.get(name) if name else None
    price = operation.tokens_per_unit if operation else 0
    return max(units, tokens, units * price) >= _LARGE
