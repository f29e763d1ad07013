"""The answer to a spend: which sources pay, or what is missing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Source(StrEnum):
    """Where tokens come from when somebody spends."""

    PLAN = "plan"
    BALANCE = "balance"
    ALLOWANCE = "allowance"


DEFAULT_ORDER = (Source.PLAN, Source.BALANCE, Source.ALLOWANCE)


class Refusal(StrEnum):
    """Why the answer was no."""

    INSUFFICIENT_TOKENS = "insufficient_tokens"
    MODULE_DISABLED = "module_disabled"


@dataclass(frozen=True, slots=True)
class Purse:
    """What one source can still pay: whole tokens, or None for no end."""

    source: Source
    left: int | None


@dataclass(frozen=True, slots=True)
class Decision:
    """Who pays what, or why nobody does; a refusal takes nothing."""

    plan: int = 0
    balance: int = 0
    allowance: int = 0
    refusal: Refusal | None = None
    shortfall: int = 0

    @property
    def is_accepted(self) -> bool:
        """Whether the price is paid in full."""
        return self.refusal is None


def decide(*, price: int, purses: Sequence[Purse], disabled: bool = False) -> Decision:
    """Split a price over the purses, in the order given; all of it, or nothing.

    Amounts are whole tokens, zero or more. A refusal is a `Decision`, not an
    exception: it is an everyday answer, and it says how much was missing.
    `disabled` says that the module's rule shuts its free use; somebody who can
    pay otherwise still may.
    """
    parts = {Source.PLAN: 0, Source.BALANCE: 0, Source.ALLOWANCE: 0}
    missing = price
    for purse in purses:
        taken = missing if purse.left is None else min(missing, purse.left)
        parts[purse.source] += taken
        missing -= taken
    if missing:
        refusal = Refusal.MODULE_DISABLED if disabled else Refusal.INSUFFICIENT_TOKENS
        return Decision(refusal=refusal, shortfall=missing)
    return Decision(parts[Source.PLAN], parts[Source.BALANCE], parts[Source.ALLOWANCE])
