"""A clock that is wrong, as far as what was written before can show it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

TOLERANCE = timedelta(seconds=60)
"""How far the clocks of two hosts, or of a host and its database, may differ before one counts as wrong."""


def unless_ahead(moment: datetime | None, now: datetime) -> datetime | None:
    """Return a moment that was noted, or None where it lies ahead: a clock that was wrong noted it."""
    return None if moment is not None and moment - now > TOLERANCE else moment


class ClockState(StrEnum):
    """What the clock of this host looks like."""

    OK = "ok"
    BEHIND = "behind"
    DIFFERS = "differs"


@dataclass(frozen=True, slots=True)
class ClockCheck:
    """The clock of this host, compared with the newest row and with the clock of the database server.

    `seconds` is how far the clock is behind the row, or behind the server
    (negative where it is ahead of it).
    """

    state: ClockState
    seconds: float = 0.0

    @property
    def sentence(self) -> str:
        """The problem and its remedy; empty where there is none."""
        if self.state is ClockState.BEHIND:
            return (
                f"the clock of this host is {self.seconds:.0f} seconds behind the newest row in the database:"
                " either it is wrong now, or it was ahead when that row was written; set it, then see"
                " 'A wrong clock' in docs/operations.md"
            )
        if self.state is ClockState.DIFFERS:
            side = "behind" if self.seconds > 0 else "ahead of"
            return (
                f"the clock of this host is {abs(self.seconds):.0f} seconds {side} the clock of the database server:"
                " synchronize both hosts"
            )
        return ""


def check_clock(now: datetime, *, newest: datetime | None, server_offset: timedelta | None) -> ClockCheck:
    """Compare the clock with the newest row written and, where there is one, with the server's clock."""
    if newest is not None and newest - now > TOLERANCE:
        return ClockCheck(ClockState.BEHIND, round((newest - now).total_seconds(), 1))
    if server_offset is not None and abs(server_offset) > TOLERANCE:
        return ClockCheck(ClockState.DIFFERS, round(server_offset.total_seconds(), 1))
    return ClockCheck(ClockState.OK)
