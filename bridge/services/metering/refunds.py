"""Refunds: tokens given back after a spend, to the sources they came from."""

from __future__ import annotations

from datetime import datetime

from bridge.domain.accounts.accounts import Account
from bridge.domain.accounts.ledger import Kind, credit
from bridge.domain.errors import BalanceOutOfRange, FieldError
from bridge.domain.metering.commands import RefundRequest
from bridge.domain.metering.errors import RefundTooLarge, UnknownSpend
from bridge.domain.metering.funding import Decision, GivenBack, PlanPart, give_back, left_of_parts, split_plan
from bridge.domain.metering.spends import Receipt, Refund, Spend
from bridge.services.metering import guest_refunds, merged
from bridge.services.metering.unit_of_work import UnitOfWork
from bridge.storage.engine.ids import new_id


def refund(work: UnitOfWork, request: RefundRequest, account: Account) -> Receipt:
    """Give a spend back, whole or in part; never more than was paid and not given back yet.

    Balance pays off debt first, like any tokens that come in. Tokens of a plan go
    back only while their window is open, those of an allowance while one of the
    windows that they count in is; what cannot go back is answered as `lapsed`.
    Raises `UnknownSpend` and `RefundTooLarge`.
    """
    spend = work.spends.get(request.spend_id)
    if spend is None:
        raise UnknownSpend()
    paid = Decision(
        spend.from_plan - spend.back_plan,
        spend.from_balance - spend.back_balance,
        spend.from_allowance - spend.back_allowance,
    )
    left = paid.paid - spend.lapsed
    tokens = left if request.tokens is None else request.tokens
    if tokens > left or left == 0:
        raise RefundTooLarge(
            f"{left} of {spend.tokens - spend.uncovered} tokens are left to give back",
            fields=[FieldError("tokens", f"at most {left}")],
        )
    back = _split(work, account, spend, paid, tokens)
    receipt = _write(work, request, account, spend, back)
    work.changed_accounts.add(account.id)
    return receipt


def _split(work: UnitOfWork, account: Account, spend: Spend, paid: Decision, tokens: int) -> GivenBack:
    open_ = Decision(
        plan=sum(part.tokens for part in _open_parts(spend, work.now)),
        balance=paid.balance,
        allowance=paid.allowance if _is_open(work, account, spend) else 0,
    )
    return give_back(tokens=tokens, open_=open_, order=work.policy_of(account).spend_order)


def _is_open(work: UnitOfWork, account: Account, spend: Spend) -> bool:
    """Return whether one of the windows the spend's allowance counted in is still a running one."""
    if guest_refunds.is_open(work, spend):
        return True
    # The rule of a merged account may have gone to the account it was merged into.
    if account.merged_into is None and work.allowance_of(account, spend.module) is None:
        return False
    return not work.window_keys(account, spend.module).keys().isdisjoint(spend.window_keys)


def _write(work: UnitOfWork, request: RefundRequest, account: Account, spend: Spend, back: GivenBack) -> Receipt:
    if back.balance:
        person = work.person_of(account)
        try:
            movement = credit(tokens=back.balance, balance=account.balance, debt=account.debt)
            credit(tokens=back.balance, balance=person.balance, debt=person.debt)
        except OverflowError as error:
            raise BalanceOutOfRange() from error
        work.move(account.id, Kind.REFUND, movement, actor=request.caller.name, reason=request.reason, spend=spend)
        merged.pass_on(work, account.id, actor=request.caller.name)
    if back.allowance:
        _give_back_use(work, account, spend, back.allowance)
        merged.give_back_use(work, account, spend.module, back.allowance)
    for part in split_plan(tokens=back.plan, parts=_open_parts(spend, work.now)):
        work.use_plan(account.id, part, -part.tokens)
        merged.give_back_plan(work, account, part.product_id, part.tokens)
    given = back.plan + back.balance + back.allowance
    work.use_site(account, spend.site_id, spend.created_at, -given)
    work.use_day(account, spend, units=0, tokens=-given)
    work.spends[spend.id] = spend._replace(
        back_plan=spend.back_plan + back.plan,
        back_balance=spend.back_balance + back.balance,
        back_allowance=spend.back_allowance + back.allowance,
        lapsed=spend.lapsed + back.lapsed,
    )
    work.changed_spends.add(spend.id)
    refunded = Refund(
        id=new_id(),
        account_id=account.id,
        spend_id=spend.id,
        to_plan=back.plan,
        to_balance=back.balance,
        to_allowance=back.allowance,
        lapsed=back.lapsed,
        reason=request.reason,
        created_at=work.now,
    )
    work.new_refunds.append(refunded)
    return work.receipt_of(account, refunded, spend.module)


def _give_back_use(work: UnitOfWork, account: Account, spend: Spend, tokens: int) -> None:
    """Take use back in each window that the spend counts in, so that each is what its spends used."""
    running = work.window_keys(account, spend.module)
    for key in spend.window_keys:
        # A window that closed long ago may be pruned.
        if key in work.uses:
            guest_refunds.give_back_use(work, spend, key, tokens)
            work.use_window(key, running.get(key, work.now), -tokens)


def _open_parts(spend: Spend, now: datetime) -> tuple[PlanPart, ...]:
    """Return what the plans' windows that are still open paid and did not get back yet, the last to end in front."""
    left = left_of_parts(spend.plan_parts, given_back=spend.back_plan)
    return tuple(part for part in left if now < part.ends_at)
