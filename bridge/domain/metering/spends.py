"""Spends and refunds, and the results of the requests that make them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from bridge.domain.accounts.accounts import Balance
from bridge.domain.metering.funding import PlanPart
from bridge.domain.metering.holds import Hold
from bridge.domain.metering.limits import Allowance, WindowKey, keys_of


class Spend(NamedTuple):
    """Tokens taken for one act, and the sources they came from; whole tokens, zero or more.

    `tokens` is the price: what the sources paid and what was left `uncovered`.
    `window_starts_at` and `second_window_starts_at` are the windows the allowance
    part counts in, by their counter; None where no window has it. `plan_parts` are
    the plans' windows that paid. The `back_…` fields say what was
    given back since, and `lapsed` what could not be.

    A named tuple, its fields named as the columns and `plan_parts` last: one is
    made and written for each act, and a frozen dataclass of as many fields
    takes several times as long to make.
    """

    id: int
    account_id: int
    store_id: int
    module: str
    operation: str | None
    units: int
    tokens: int
    from_plan: int
    from_balance: int
    from_allowance: int
    window_starts_at: datetime | None
    source: str | None
    reference: str | None
    created_at: datetime
    site_id: int = 0
    hold_id: int | None = None
    uncovered: int = 0
    back_plan: int = 0
    back_balance: int = 0
    back_allowance: int = 0
    lapsed: int = 0
    second_window_starts_at: datetime | None = None
    plan_parts: tuple[PlanPart, ...] = ()

    @property
    def window_keys(self) -> tuple[WindowKey, ...]:
        """Return the windows that the allowance part counts in."""
        return keys_of(self.account_id, self.module, self.window_starts_at, self.second_window_starts_at)


@dataclass(frozen=True, slots=True)
class Refund:
    """Tokens given back for a spend, source by source; `lapsed` went with a closed window."""

    id: int
    account_id: int
    spend_id: int
    to_plan: int
    to_balance: int
    to_allowance: int
    lapsed: int
    reason: str
    created_at: datetime


class Receipt(NamedTuple):
    """The spend, hold or refund that a request made or changed, and what the account has after it.

    `allowance` is the one in the module; None where no rule gives one.
    """

    item: Spend | Hold | Refund
    balance: Balance
    allowance: Allowance | None
