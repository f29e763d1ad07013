"""The tokens that an account can pay with now, and the sources they come from."""

from __future__ import annotations

from typing import NamedTuple

from bridge.domain.accounts.accounts import Account
from bridge.domain.metering.funding import Decision, FundingSource, PlanPart, Refusal, Source, decide, draw, split_plan
from bridge.domain.metering.limits import Allowance
from bridge.services.metering.unit_of_work import UnitOfWork


class Funding(NamedTuple):
    """The sources of one account for one module, in the store's order."""

    plans: tuple[PlanPart, ...]
    allowance: Allowance | None
    funding_sources: tuple[FundingSource, ...]

    def decide(self, price: int) -> Decision:
        """Return whether the sources pay the whole price."""
        is_disabled = self.allowance is not None and self.allowance.is_disabled
        return decide(price=price, funding_sources=self.funding_sources, disabled=is_disabled)

    def draw(self, price: int) -> Decision:
        """Return as much of the price as the sources pay."""
        return draw(price=price, funding_sources=self.funding_sources)

    def without(self, source: Source) -> Funding:
        """Return the same with nothing left in one source."""
        return self._replace(
            funding_sources=tuple(
                FundingSource(source, 0) if one.source is source else one for one in self.funding_sources
            )
        )

    def plan_parts(self, decision: Decision) -> tuple[PlanPart, ...]:
        """Return the windows of plans that pay a decision's plan part."""
        return split_plan(tokens=decision.plan, parts=self.plans)


def funding_of(work: UnitOfWork, account: Account, module: str) -> Funding:
    """Return what the account can pay for a module at this point of the batch."""
    plans = tuple(work.plan_lefts(account))
    allowance = work.allowance_of(account, module)
    funding_sources = []
    # Compared by identity: looking up a member of an enumeration hashes its name, in Python.
    for source in work.policy_of(account).spend_order:
        if source is Source.BALANCE:
            left: int | None = work.balance_of(account).available
        elif source is Source.PLAN:
            left = sum(part.tokens for part in plans) if plans else 0
        else:
            left = allowance.remaining if allowance else 0
        funding_sources.append(FundingSource(source, left))
    return Funding(plans, allowance, tuple(funding_sources))


def left_of_cap(work: UnitOfWork, account: Account, site_id: int) -> int | None:
    """Return what a linked site may still spend this month; None where it has no cap, or it is the store itself."""
    cap = work.caps.get(site_id) if site_id else None
    if cap is None:
        return None
    used = work.site_uses.get((site_id, work.month_of(account, work.now)), 0)
    return max(0, cap - used - work.held_sites.get(site_id, 0))


def left_for(work: UnitOfWork, account: Account, module: str, *, site_id: int) -> int | None:
    """Return the tokens that an account can pay for a module in all, within a linked site's cap; None for no limit."""
    cap = left_of_cap(work, account, site_id)
    lefts = [one.left for one in funding_of(work, account, module).funding_sources]
    total = None if None in lefts else sum(left or 0 for left in lefts)
    return total if cap is None else cap if total is None else min(total, cap)


def over_cap(work: UnitOfWork, account: Account, site_id: int, price: int) -> Decision | None:
    """Return the refusal of a linked site that would pass its monthly cap; None where it may go on."""
    left = left_of_cap(work, account, site_id)
    if left is None or price <= left:
        return None
    return Decision(refusal=Refusal.SITE_CAP_REACHED, shortfall=price - left)
