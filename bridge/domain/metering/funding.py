"""The decision about a spend: the sources that pay, or the missing amount."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple


class Source(StrEnum):
    """The sources of tokens for a spend."""

    PLAN = "plan"
    BALANCE = "balance"
    ALLOWANCE = "allowance"


DEFAULT_ORDER = (Source.PLAN, Source.BALANCE, Source.ALLOWANCE)


class Refusal(StrEnum):
    """The reason a spend was refused."""

    INSUFFICIENT_TOKENS = "insufficient_tokens"
    MODULE_DISABLED = "module_disabled"
    SITE_CAP_REACHED = "site_cap_reached"
    CONFIRMATION_REQUIRED = "confirmation_required"


@dataclass(frozen=True, slots=True)
class PlanPart:
    """Tokens that one window of one plan pays; plan product and start identify a window."""

    product_id: int
    starts_at: datetime
    ends_at: datetime
    tokens: int


class FundingSource(NamedTuple):
    """The tokens one source can still pay: whole tokens, or None for unlimited."""

    source: Source
    left: int | None


class Decision(NamedTuple):
    """The parts each source pays, or the reason for a refusal; a refusal takes nothing.

    `shortfall` is the missing part of the price: in a refusal the amount that
    was needed, after `draw` the amount that no source paid. A refusal that only
    lacks the user's confirmation has the parts that would pay.
    """

    plan: int = 0
    balance: int = 0
    allowance: int = 0
    refusal: Refusal | None = None
    shortfall: int = 0

    @property
    def is_accepted(self) -> bool:
        """Return whether the sources pay."""
        return self.refusal is None

    @property
    def paid(self) -> int:
        """Return the sum that the sources pay."""
        return self.plan + self.balance + self.allowance


@dataclass(frozen=True, slots=True)
class GivenBack:
    """The tokens that a refund returns to each source; `lapsed` are those of a closed window."""

    plan: int = 0
    balance: int = 0
    allowance: int = 0
    lapsed: int = 0


def draw(*, price: int, funding_sources: Sequence[FundingSource]) -> Decision:
    """Take as much of a price as the sources hold, in the given order; the rest is the shortfall."""
    plan = balance = allowance = 0
    missing = price
    for funding_source in funding_sources:
        taken = missing if funding_source.left is None else min(missing, funding_source.left)
        missing -= taken
        if funding_source.source is Source.BALANCE:
            balance += taken
        elif funding_source.source is Source.PLAN:
            plan += taken
        else:
            allowance += taken
    return Decision(plan, balance, allowance, shortfall=missing)


def decide(*, price: int, funding_sources: Sequence[FundingSource], disabled: bool = False) -> Decision:
    """Split a price over the sources in the given order: all of it, or nothing.

    Amounts are whole tokens, zero or more. A refusal is a `Decision`, not an
    exception, because it is a normal result; it has the missing amount.
    `disabled` means that the module's rule disables free use; other sources
    can still pay.
    """
    decision = draw(price=price, funding_sources=funding_sources)
    if decision.shortfall:
        refusal = Refusal.MODULE_DISABLED if disabled else Refusal.INSUFFICIENT_TOKENS
        return Decision(refusal=refusal, shortfall=decision.shortfall)
    return decision


def give_back(*, tokens: int, open_: Decision, order: Sequence[Source]) -> GivenBack:
    """Split a refund over the sources that paid, the last to pay first.

    `open_` is what each source paid, has not been returned, and can be returned:
    tokens from a closed window cannot. Only the rest, after every source has been
    repaid, lapses.
    """
    left = {Source.PLAN: open_.plan, Source.BALANCE: open_.balance, Source.ALLOWANCE: open_.allowance}
    back = dict.fromkeys(left, 0)
    for source in reversed(order):
        back[source] = min(tokens, left[source])
        tokens -= back[source]
    return GivenBack(back[Source.PLAN], back[Source.BALANCE], back[Source.ALLOWANCE], lapsed=tokens)


def split_plan(*, tokens: int, parts: Sequence[PlanPart]) -> tuple[PlanPart, ...]:
    """Return the first `tokens` of these parts; the caller has checked that they hold as many."""
    taken = []
    for part in parts:
        amount = min(tokens, part.tokens)
        if amount:
            taken.append(PlanPart(part.product_id, part.starts_at, part.ends_at, amount))
        tokens -= amount
    return tuple(taken)


def left_of_parts(parts: Sequence[PlanPart], *, given_back: int) -> tuple[PlanPart, ...]:
    """Return the rest of each part after refunds of so many tokens, the last to end first.

    Refunds fill the parts in this order, so the sum of earlier refunds shows
    where they went: windows that have closed since are at the end.
    """
    ordered = sorted(parts, key=lambda part: (part.ends_at, part.product_id, part.starts_at), reverse=True)
    before = split_plan(tokens=given_back, parts=ordered)
    gone = {(part.product_id, part.starts_at): part.tokens for part in before}
    return tuple(replace(part, tokens=part.tokens - gone.get((part.product_id, part.starts_at), 0)) for part in ordered)
