"""Means: what somebody can pay for a module now, and from which sources."""

from __future__ import annotations

from typing import NamedTuple

from bridge.domain.accounts.accounts import Account
from bridge.domain.metering.funding import Decision, FundingSource, PlanPart, Refusal, Source, decide, draw, split_plan
from bridge.domain.metering.limits import Allows, Limit, MatchedRule, Window, left_of
from bridge.services.metering import documents
from bridge.services.metering.unit_of_work import UnitOfWork
from bridge.storage.metering.limits import WindowKey


class Free(NamedTuple):
    """The free allowance of one account in one module: limit, the rule that won, its window, what is gone of it."""

    limit: Limit
    matched: MatchedRule
    window: Window
    key: WindowKey
    used: int
    held: int

    @property
    def left(self) -> int | None:
        """Return what it can still pay; None for no end."""
        return left_of(self.matched.rule, used=self.used + self.held)

    @property
    def is_disabled(self) -> bool:
        """Return whether the rule shuts the module's free use."""
        return self.matched.rule.allows is Allows.DISABLED


class Funding(NamedTuple):
    """The sources of one account for one module, in the store's order."""

    plans: tuple[PlanPart, ...]
    free: Free | None
    funding_sources: tuple[FundingSource, ...]

    def decide(self, price: int) -> Decision:
        """Return whether the sources pay the whole price."""
        return decide(
            price=price, funding_sources=self.funding_sources, disabled=self.free is not None and self.free.is_disabled
        )

    def draw(self, price: int) -> Decision:
        """As much of the price as the sources pay."""
        return draw(price=price, funding_sources=self.funding_sources)

    def plan_parts(self, decision: Decision) -> tuple[PlanPart, ...]:
        """Which plans' windows pay a decision's plan part."""
        return split_plan(tokens=decision.plan, parts=self.plans)


def free_of(work: UnitOfWork, account: Account, module: str) -> Free | None:
    """The account's free allowance in a module; None where no rule gives one.

    A rule of the account's own beats those of its audiences.
    """
    policy = work.policy_of(account)
    limit = policy.limits.get(module)
    if limit is None:
        return None
    override = work.overrides.get((account.id, module))
    if override is not None:
        matched: MatchedRule | None = MatchedRule("override", override.rule)
    else:
        matched = policy.match_rule(module, account.roles, guest=account.is_guest)
    if matched is None:
        return None
    window = work.window_of(account, module)
    key = (account.id, module, window.starts_at)
    return Free(limit, matched, window, key, work.uses.get(key, 0), work.held.get(key, 0))


def funding_of(work: UnitOfWork, account: Account, module: str) -> Funding:
    """Return what the account can pay for a module at this point of the batch."""
    plans = tuple(work.plan_lefts(account))
    free = free_of(work, account, module)
    funding_sources = []
    # Told apart by identity: looking up a member of an enumeration hashes its name, in Python.
    for source in work.policy_of(account).spend_order:
        if source is Source.BALANCE:
            left: int | None = work.balance_of(account).available
        elif source is Source.PLAN:
            left = sum(part.tokens for part in plans)
        else:
            left = free.left if free else 0
        funding_sources.append(FundingSource(source, left))
    return Funding(plans, free, tuple(funding_sources))


def left_of_cap(work: UnitOfWork, account: Account, site_id: int) -> int | None:
    """Return what a linked site may still spend this month; None where it has no cap, or it is the store itself."""
    cap = work.caps.get(site_id) if site_id else None
    if cap is None:
        return None
    used = work.site_uses.get((site_id, work.month_of(account, work.now)), 0)
    return max(0, cap - used - work.held.get(("site", site_id), 0))


def over_cap(work: UnitOfWork, account: Account, site_id: int, price: int) -> Decision | None:
    """The refusal of a linked site that would pass its monthly cap; None where it may go on."""
    left = left_of_cap(work, account, site_id)
    if left is None or price <= left:
        return None
    return Decision(refusal=Refusal.SITE_CAP_REACHED, shortfall=price - left)


def allowance_document(work: UnitOfWork, account: Account, module: str) -> documents.Document | None:
    """The account's allowance in a module as it stands at this point of the batch; None where there is none."""
    free = free_of(work, account, module)
    if free is None:
        return None
    return documents.allowance_document(free.limit, free.matched, free.window, used=free.used, held=free.held)
