"""Refusals: what is missing, from when the same request could succeed, and whether buying helps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo

from bridge.domain.accounts.accounts import Account, Balance
from bridge.domain.metering.funding import Decision, Refusal, Source
from bridge.domain.metering.limits import Allowance, Period, WindowAllowance, left_of, rules_of, window_at
from bridge.domain.metering.plans import allotments_at
from bridge.services.metering.charge import Priced
from bridge.services.metering.funding import left_of_cap
from bridge.services.metering.unit_of_work import UnitOfWork

_NEVER = datetime(9999, 1, 1, tzinfo=UTC)
"""A rule that ends after it has no end that helps; in its last hours no other time zone can show it."""


@dataclass(frozen=True, slots=True)
class RefusedRequest:
    """A request that was refused, and how the same one can succeed; nothing was charged.

    `price`, `payable` and `shortfall` are in tokens. `refused_by` are the windows
    that leave less than the other sources do not pay; empty where none decides. `resets_at` is the first
    moment from which it could succeed by itself, None when no reset helps;
    `zone` is the store's time zone. `purchase_url` is None where bought tokens
    do not help. `message` is the owner's text for a used-up limit, or empty.
    `would_pay` are the parts that would pay after the user's confirmation, None
    where more than that is missing.
    """

    reason: Refusal
    module_label: str
    price: int
    payable: int
    shortfall: int
    balance: Balance
    allowance: Allowance | None
    refused_by: tuple[WindowAllowance, ...]
    resets_at: datetime | None
    zone: tzinfo
    purchase_url: str | None
    message: str
    would_pay: Decision | None = None


def refuse(work: UnitOfWork, account: Account, priced: Priced, decision: Decision, *, site_id: int) -> RefusedRequest:
    """Return a refusal with everything its caller needs to know."""
    policy = work.policy_of(account)
    reason = decision.refusal or Refusal.INSUFFICIENT_TOKENS
    is_over_cap = reason is Refusal.SITE_CAP_REACHED
    needs_confirmation = reason is Refusal.CONFIRMATION_REQUIRED
    limit = policy.limits.get(priced.module)
    allowance = work.allowance_of(account, priced.module)
    return RefusedRequest(
        reason=reason,
        module_label=policy.label_of(priced.module),
        price=priced.tokens,
        payable=priced.tokens - decision.shortfall,
        shortfall=decision.shortfall,
        balance=work.balance_of(account),
        allowance=allowance,
        refused_by=allowance.refusing(decision.shortfall) if allowance and not is_over_cap else (),
        resets_at=resets_at(work, account, priced, site_id=site_id, without_balance=needs_confirmation),
        zone=policy.calendar.zone,
        # Bought tokens pay in a disabled module as well. They lift no site's cap, and confirm nothing.
        purchase_url=None if is_over_cap or needs_confirmation else policy.store.purchase_url,
        message="" if limit is None or is_over_cap or needs_confirmation else limit.message,
        would_pay=decision if needs_confirmation else None,
    )


def resets_at(
    work: UnitOfWork, account: Account, priced: Priced, *, site_id: int, without_balance: bool = False
) -> datetime | None:
    """The first moment from which the same request could succeed by itself; None when no reset helps.

    Considers the end of the allowance's windows, of the plans' windows, of the
    account's own rule, and of the linked site's month, each and together. The
    balance is taken as it stands, or `without_balance` as 0.
    """
    for moment in sorted(set(_changes(work, account, priced.module, site_id))):
        left = _left_of_cap_at(work, account, site_id, moment)
        if left is not None and priced.tokens > left:
            continue
        if _can_pay_at(work, account, priced, moment, without_balance=without_balance):
            return moment
    return None


def _changes(work: UnitOfWork, account: Account, module: str, site_id: int) -> Iterator[datetime]:
    """The moments after now at which a source or the cap starts again."""
    override = work.overrides.get((account.id, module))
    if override is not None and override.ends_at is not None and work.now < override.ends_at < _NEVER:
        yield override.ends_at
    if module in work.policy_of(account).limits:
        for window in work.windows_of(account, module):
            if window.ends_at is not None:
                yield window.ends_at
    for allotment in work.allotments.get(account.id, ()):
        yield allotment.window.ends_at or allotment.ends_at
    if left_of_cap(work, account, site_id) is not None:
        yield _month_end(work, account)


def _can_pay_at(work: UnitOfWork, account: Account, priced: Priced, moment: datetime, *, without_balance: bool) -> bool:
    total = 0
    for source in work.policy_of(account).spend_order:
        if source is Source.BALANCE:
            left: int | None = 0 if without_balance else work.balance_of(account).available
        elif source is Source.PLAN:
            left = _plans_at(work, account, moment)
        else:
            left = _allowance_at(work, account, priced.module, moment)
        if left is None:
            return True
        total += left
    return total >= priced.tokens


def _plans_at(work: UnitOfWork, account: Account, moment: datetime) -> int:
    zone = work.policy_of(account).calendar.zone
    total = 0
    for allotment in allotments_at(work.plan_terms.get(account.id, ()), moment, zone):
        key = (account.id, allotment.product_id, allotment.window.starts_at)
        total += max(0, allotment.tokens - work.plan_uses.get(key, 0) - work.held_plans.get(key, 0))
    return total


def _allowance_at(work: UnitOfWork, account: Account, module: str, moment: datetime) -> int | None:
    """Return what the free allowance gives at a moment; None for no end."""
    limit = work.policy_of(account).limits.get(module)
    if limit is None:
        return 0
    override = work.overrides.get((account.id, module))
    if override is not None and override.ends_at is not None and moment >= override.ends_at:
        override = None
    rules = rules_of(limit, override, account.roles, guest=account.is_guest)
    if rules is None:
        return 0
    lefts = []
    for each, matched, window in zip(limit.windows, rules, work.windows_of(account, module), strict=True):
        key = (account.id, module, window.starts_at, each.counter)
        is_same_window = window.ends_at is None or moment < window.ends_at
        used = work.uses.get(key, 0) + work.held_allowances.get(key, 0) if is_same_window else 0
        lefts.append(left_of(matched.rule, used=used))
    return min((left for left in lefts if left is not None), default=None)


def _left_of_cap_at(work: UnitOfWork, account: Account, site_id: int, moment: datetime) -> int | None:
    left = left_of_cap(work, account, site_id)
    return work.caps[site_id] if left is not None and moment >= _month_end(work, account) else left


def _month_end(work: UnitOfWork, account: Account) -> datetime:
    window = window_at(Period.MONTHLY, work.now, work.policy_of(account).calendar)
    # A month always ends.
    return window.ends_at or work.now
