"""Taking tokens: what an ask costs, and the rows a paid price leaves in the books."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from bridge.domain.accounts.accounts import Account
from bridge.domain.accounts.ledger import Kind, Movement
from bridge.domain.errors import FieldError, InvalidRequest
from bridge.domain.events.events import EventType
from bridge.domain.metering.commands import SpendRequest
from bridge.domain.metering.errors import UnknownOperation
from bridge.domain.metering.funding import Decision, PlanPart
from bridge.domain.metering.pricing import price_of
from bridge.domain.stores.principals import Caller
from bridge.domain.stores.stores import Policy
from bridge.services.metering import documents, limits, use_bounds
from bridge.services.metering.funding import Free, Means, allowance_document, free_of
from bridge.services.metering.unit_of_work import UnitOfWork
from bridge.storage.engine.ids import new_id
from bridge.storage.metering.limits import WindowKey
from bridge.storage.metering.spends import Spend


class Priced(NamedTuple):
    """An ask with its price worked out, in whole tokens; 0 where nothing is charged."""

    module: str
    operation: str | None
    units: int
    tokens: int


class Payment(NamedTuple):
    """Tokens that leave an account: what each source pays, in which windows, for what."""

    caller: Caller
    site_id: int
    priced: Priced
    decision: Decision
    plan_parts: Sequence[PlanPart]
    window: WindowKey | None
    window_ends_at: datetime | None
    source: str | None
    reference: str | None
    hold_id: int | None = None


def price(rulebook: Policy, ask: SpendRequest) -> Priced:
    """Return what an ask costs by the store's price list.

    Raises `UnknownOperation`, `UnknownModule`, `TooManyUnits`, and `InvalidRequest` where the ask
    names neither an operation nor a module with tokens. In an unmetered module
    everything costs 0.
    """
    if ask.operation is not None:
        operation = rulebook.operations.get(ask.operation)
        if operation is None:
            raise UnknownOperation(
                f"the price list has no operation {ask.operation}",
                fields=[FieldError("operation", "not in the price list")],
            )
        tokens = price_of(operation, ask.units)
        module = operation.module
    elif ask.module is not None and ask.tokens is not None:
        tokens, module = ask.tokens, ask.module
        limits.check_known(rulebook, module)
    else:
        raise InvalidRequest(fields=[FieldError("operation", "name an operation, or a module with tokens")])
    return Priced(module, ask.operation, ask.units, tokens if rulebook.is_metered(module) else 0)


def spend(
    books: UnitOfWork, ask: SpendRequest, account: Account, priced: Priced, means: Means, decision: Decision
) -> Spend:
    """Take what was decided, at once."""
    payment = Payment(
        caller=ask.caller,
        site_id=ask.caller.site_id,
        priced=priced,
        decision=decision,
        plan_parts=means.plan_parts(decision) if decision.plan else (),
        window=means.free.key if means.free and decision.allowance else None,
        window_ends_at=means.free.window.ends_at if means.free else None,
        source=ask.source,
        reference=ask.reference,
    )
    return pay(books, account, payment)


def pay(books: UnitOfWork, account: Account, payment: Payment) -> Spend:
    """Write a payment: the spend, its entry, the windows it counts in, its day of history."""
    decision, priced = payment.decision, payment.priced
    # Only what the allowance pays can use it up.
    before = free_of(books, account, priced.module) if decision.allowance else None
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
        window_starts_at=payment.window[2] if payment.window else None,
        source=payment.source,
        reference=payment.reference,
        created_at=books.now,
        site_id=payment.site_id,
        hold_id=payment.hold_id,
        uncovered=decision.shortfall,
        plan_parts=tuple(payment.plan_parts),
    )
    use_bounds.check(books, account, taken)
    books.spends[taken.id] = taken
    books.new_spends.add(taken.id)
    # Whatever paid, the account was active: the credits list sorts by that.
    books.changed_accounts.add(account.id)
    _charge(books, account, taken, payment)
    books.use_site(account, taken.site_id, books.now, decision.paid)
    books.use_day(account, taken, units=taken.units, tokens=taken.tokens)
    _tell_exhausted(books, account, priced.module, before)
    return taken


def describe(books: UnitOfWork, account: Account, taken: Spend) -> documents.Document:
    """A spend as the caller sees it, with what is left after it."""
    return documents.spend_document(
        taken,
        standing=books.standing_of(books.accounts[account.id]),
        allowance=allowance_document(books, account, taken.module),
    )


def _charge(books: UnitOfWork, account: Account, taken: Spend, payment: Payment) -> None:
    if taken.from_balance:
        reason = taken.module if taken.operation is None else f"{taken.module}: {taken.operation}"
        movement = Movement(-taken.from_balance)
        books.move(account.id, Kind.SPEND, movement, actor=payment.caller.name, reason=reason, spend=taken)
    if payment.window is not None and taken.from_allowance:
        books.use_window(payment.window, payment.window_ends_at, taken.from_allowance)
    for part in taken.plan_parts:
        books.use_plan(account.id, part, part.tokens)


def _tell_exhausted(books: UnitOfWork, account: Account, module: str, before: Free | None) -> None:
    """Announce an allowance whose last token this payment took."""
    if before is None or before.left in {None, 0}:
        return
    after = free_of(books, account, module)
    if after is None or after.left != 0:
        return
    payload = {"module": module, "resets_at": documents.instant(after.window.ends_at)}
    books.announce(account, EventType.ALLOWANCE_EXHAUSTED, payload)
