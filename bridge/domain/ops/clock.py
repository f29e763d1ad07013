"""Detect a wrong clock by comparing it with stored and external times."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

TOLERANCE = timedelta(seconds=60)
"""The largest difference between the clocks of two hosts, or of a host and its database, that counts as right."""
SHOP_TOLERANCE = timedelta(minutes=5)
"""As `TOLERANCE`, between a host and shops, whose clocks we cannot set."""


def unless_ahead(moment: datetime | None, now: datetime) -> datetime | None:
    """Return a stored moment, or None if it lies in the future: a wrong clock recorded it."""
    return None if moment is not None and moment - now > TOLERANCE else moment


class ClockState(StrEnum):
    """The result of comparing this host's clock with other sources."""

    OK = "ok"
    BEHIND = "behind"
    DIFFERS = "differs"
    DIFFERS_FROM_SHOPS = "differs_from_shops"
    JUMPED = "jumped"


@dataclass(frozen=True, slots=True)
class ClockCheck:
    """The clock of this host, compared with the newest row, the database server, the shops and the monotonic clock.

    `seconds` is how far the clock is behind; negative if it is ahead or was set
    forward.
    """

    state: ClockState
    seconds: float = 0.0
    shops: int = 0

    @property
    def sentence(self) -> str:
        """Return the problem and its remedy; empty if there is none."""
        apart, side = f"{abs(self.seconds):.0f} seconds", "behind" if self.seconds > 0 else "ahead of"
        if self.state is ClockState.BEHIND:
            return (
                f"the clock of this host is {apart} behind the newest row in the database:"
                f" either it is wrong now, or it was ahead when that row was written; set it, then {_SEE}"
            )
        if self.state is ClockState.DIFFERS:
            return f"the clock of this host is {apart} {side} the clock of the database server: synchronize both hosts"
        if self.state is ClockState.DIFFERS_FROM_SHOPS:
            shops = (
                f"the clocks of all {self.shops} shops"
                if self.shops > 1
                else "the clock of the only shop that was read"
            )
            return f"the clock of this host is {apart} {side} {shops}: compare it with one you trust, then {_SEE}"
        if self.state is ClockState.JUMPED:
            way = "back" if self.seconds > 0 else "forward"
            return (
                f"the clock of this host was set {way} by {apart} since this process started: it is wrong now, or was"
                f" wrong before; compare it with one you trust, restart the service, then {_SEE}"
            )
        return ""


_SEE = "see docs/how-to/fix-the-clock.md"


@dataclass(frozen=True, slots=True)
class ShopClocks:
    """The number of shop clocks read, and how far the nearest is ahead of ours.

    0 if some are ahead and others behind.
    """

    shops: int
    offset_seconds: int


def nearest_clock(offsets: Collection[int]) -> ShopClocks:
    """Return the clock nearest to ours; `offsets` are the seconds by which each shop is ahead."""
    lowest, highest = min(offsets), max(offsets)
    return ShopClocks(len(offsets), lowest if lowest > 0 else min(highest, 0))


def check_clock(
    now: datetime,
    *,
    newest: datetime | None,
    server_offset: timedelta | None,
    shops: ShopClocks | None = None,
    jump: timedelta = timedelta(),
) -> ClockCheck:
    """Compare the clock with each given source; the strongest proof comes first.

    `jump` is how far the clock was set forward while this process ran. Shops
    that agree with the clock prove that it is right now.
    """
    if newest is not None and newest - now > TOLERANCE:
        return ClockCheck(ClockState.BEHIND, round((newest - now).total_seconds(), 1))
    if server_offset is not None and abs(server_offset) > TOLERANCE:
        return ClockCheck(ClockState.DIFFERS, round(server_offset.total_seconds(), 1))
    if shops is not None:
        if abs(shops.offset_seconds) > SHOP_TOLERANCE.total_seconds():
            return ClockCheck(ClockState.DIFFERS_FROM_SHOPS, float(shops.offset_seconds), shops.shops)
        return ClockCheck(ClockState.OK)
    if abs(jump) > TOLERANCE:
        return ClockCheck(ClockState.JUMPED, round(-jump.total_seconds(), 1))
    return ClockCheck(ClockState.OK)
