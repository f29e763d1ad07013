"""Refusals: what is missing, from when the same request could succeed, and whether buying helps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo

from bridge.domain.accounts.accounts import Account, Balance
from bridge.domain.metering.funding import Decision, Refusal, Source
from bridge.domain.metering.limits import Allowance, Period, left_of, window_at
from bridge.domain.metering.plans import allotments_at
from bridge.services.metering.charge import Priced
from bridge.services.metering.funding import left_of_cap
from bridge.services.metering.unit_of_work import UnitOfWork

_NEVER = datetime(9999, 1, 1, tzinfo=UTC)
"""A rule that ends after it has no end that helps; in its last hours no other time zone can show it."""


@dataclass(frozen=True, slots=True)
class RefusedRequest:
    """A request that was refused, and how the same one can succeed; nothing was charged.

    `price`, `payable` and `shortfall` are in tokens. `resets_at` is the first
    moment from which it could succeed by itself, None when no reset helps;
    `zone` is the store's time zone. `purchase_url` is None where bought tokens
    do not help. `message` is the owner's text for a used-up limit, or empty.
    """

    reason: Refusal
    module_label: str
    price: int
    payable: int
    shortfall: int
    balance: Balance
    allowance: Allowance | None
    resets_at: datetime | None
    zone: tzinfo
    purchase_url: str | None
    message: str


def refuse(work: UnitOfWork, account: Account, priced: Priced, decision: Decision, *, site_id: int) -> RefusedRequest:
    """Return a refusal with everything its caller needs to know."""
    policy = work.policy_of(account)
    reason = decision.refusal or Refusal.INSUFFICIENT_TOKENS
    is_over_cap = reason is Refusal.SITE_CAP_REACHED
    limit = policy.limits.get(priced.module)
    return RefusedRequest(
        reason=reason,
        module_label=policy.label_of(priced.module),
        price=priced.tokens,
        payable=priced.tokens - decision.shortfall,
        shortfall=decision.shortfall,
        balance=work.balance_of(account),
        allowance=work.allowance_of(account, priced.module),
        resets_at=resets_at(work, account, priced, site_id=site_id),
        zone=policy.calendar.zone,
        # Bought tokens pay in a disabled module as well. They lift no site's cap.
        purchase_url=None if is_over_cap else policy.store.purchase_url,
        message="" if limit is None or is_over_cap else limit.message,
    )


def resets_at(work: UnitOfWork, account: Account, priced: Priced, *, site_id: int) -> datetime | None:
    """The first moment from which the same request could succeed by itself; None when no reset helps.

    Considers the end of the allowance's window, of the plans' windows, of the
    account's own rule, and of the linked site's month, each and together. The
    balance is taken as it stands.
    """
    for moment in sorted(set(_changes(work, account, priced.module, site_id))):
        left = _left_of_cap_at(work, account, site_id, moment)
        if left is not None and priced.tokens > left:
            continue
        if _can_pay_at(work, account, priced, moment):
            return moment
    return None


def _changes(work: UnitOfWork, account: Account, module: str, site_id: int) -> Iterator[datetime]:
    """The moments after now at which a source or the cap starts again."""
    override = work.overrides.get((account.id, module))
    if override is not None and override.ends_at is not None and work.now < override.ends_at < _NEVER:
        yield override.ends_at
    if module in work.policy_of(account).limits:
        window = work.window_of(account, module)
        if window.ends_at is not None:
            yield window.ends_at
    for allotment in work.allotments.get(account.id, ()):
        yield allotment.window.ends_at or allotment.ends_at
    if left_of_cap(work, account, site_id) is not None:
        yield _month_end(work, account)


def _can_pay_at(work: UnitOfWork, account: Account, priced: Priced, moment: datetime) -> bool:
    total = 0
    for source in work.policy_of(account).spend_order:
        if source is Source.BALANCE:
            left: int | None = work.balance_of(account).available
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
    policy = work.policy_of(account)
    if module not in policy.limits:
        return 0
    override = work.overrides.get((account.id, module))
    if override is not None and (override.ends_at is None or moment < override.ends_at):
        rule = override.rule
    else:
        matched = policy.match_rule(module, account.roles, guest=account.is_guest)
        if matched is None:
            return 0
        rule = matched.rule
    window = work.window_of(account, module)
    key = (account.id, module, window.starts_at)
    is_same_window = window.ends_at is None or moment < window.ends_at
    used = work.uses.get(key, 0) + work.held_allowances.get(key, 0) if is_same_window else 0
    return left_of(rule, used=used)


def _left_of_cap_at(work: UnitOfWork, account: Account, site_id: int, moment: datetime) -> int | None:
    left = left_of_cap(work, account, site_id)
    return work.caps[site_id] if left is not None and moment >= _month_end(work, account) else left


def _month_end(work: UnitOfWork, account: Account) -> datetime:
    window = window_at(Period.MONTHLY, work.now, work.policy_of(account).calendar)
    # A month always ends.
    return window.ends_at or work.now
