"""Admins: the people who may sign in, and how wrong passwords slow a guesser down."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from bridge.domain.clock import TOLERANCE

FREE_FAILURES = 4
"""How many wrong passwords in a row cost nothing; with the next one a pause begins."""
FIRST_PAUSE = timedelta(minutes=1)
LONGEST_PAUSE = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Admin:
    """Somebody who may sign in.

    A session is good for one `session_version`: a new password raises it, and
    with it every session ends.
    """

    id: int
    email: str
    session_version: int


def pause_after(failures: int, *, now: datetime) -> datetime | None:
    """Until when nobody may sign in with an e-mail after this many failures in a row; None: at once.

    The pause doubles with each further failure and stops growing at 15
    minutes, so that a stranger's guesses cannot keep the owner out for a day.
    """
    over = failures - FREE_FAILURES
    if over <= 0:
        return None
    return now + min(LONGEST_PAUSE, FIRST_PAUSE * (1 << min(over - 1, 10)))


def is_paused(until: datetime | None, *, now: datetime) -> bool:
    """Return True before the end of a pause; one that ends later than any pause lasts was set by a wrong clock."""
    return until is not None and now < until <= now + LONGEST_PAUSE + TOLERANCE
