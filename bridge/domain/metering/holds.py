"""Holds: tokens reserved until the price is final."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bridge.domain.metering.funding import PlanPart
from bridge.domain.metering.limits import WindowKey, keys_of

DEFAULT_TTL_SECONDS = 300
MAX_TTL_SECONDS = 24 * 60 * 60


class HoldState(StrEnum):
    """The state of a hold. An open hold past its expiry no longer counts, even before it is marked."""

    OPEN = "open"
    CAPTURED = "captured"
    RELEASED = "released"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Hold:
    """Held tokens and the sources they are held from; whole tokens, zero or more.

    The windows of the allowance part are by their counter, as in a spend.
    """

    id: int
    account_id: int
    store_id: int
    site_id: int
    module: str
    operation: str | None
    units: int
    tokens: int
    from_plan: int
    from_balance: int
    from_allowance: int
    window_starts_at: datetime | None
    window_ends_at: datetime | None
    plan_parts: tuple[PlanPart, ...]
    source: str | None
    reference: str | None
    state: HoldState
    created_at: datetime
    expires_at: datetime
    settled_at: datetime | None = None
    spend_id: int | None = None
    second_window_starts_at: datetime | None = None
    second_window_ends_at: datetime | None = None

    @property
    def window_keys(self) -> tuple[WindowKey, ...]:
        """Return the windows that the allowance part is held in."""
        return keys_of(self.account_id, self.module, self.window_starts_at, self.second_window_starts_at)

    @property
    def windows(self) -> dict[WindowKey, datetime | None]:
        """Return the same windows, each with its end."""
        ends = (self.window_ends_at, self.second_window_ends_at)
        return {key: ends[key[3]] for key in self.window_keys}

    def counts_at(self, now: datetime) -> bool:
        """Return whether the hold still holds tokens at this moment; at its expiry it does not."""
        return self.state is HoldState.OPEN and now < self.expires_at
