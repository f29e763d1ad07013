"""Refuse to delete rows if the clock may be wrong, because deleted rows cannot be restored."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from bridge.domain.ops.clock import TOLERANCE, ClockState
from bridge.services.ops import clock, retention
from bridge.storage.engine.database import Connection
from bridge.storage.jobs import runs

LONGEST_GAP = timedelta(days=7)
"""The longest plausible time between two runs: beyond it, the clock was probably set forward."""
MANY_TIMES = 100
MANY_ROWS = 20_000
"""A run that would delete more than this, and many times as much as the last one, is refused."""
REFUSED = "refused"
_RECORD = "prune.done"
_REMEDY = "If the clock is right, run: flask prune --force"


def find_refusal(connection: Connection, *, now: datetime, is_regular: bool) -> str:
    """Return the reason not to delete anything now, with its remedy; empty if there is none.

    A regular run is also compared with the clock of the database server and with
    the last regular run.
    """
    checked = clock.check(connection, now=now)
    if checked.state is ClockState.BEHIND or (is_regular and checked.state is ClockState.DIFFERS):
        return f"{checked.sentence}. {_REMEDY}"
    return _compared(connection, now=now) if is_regular else ""


def _compared(connection: Connection, *, now: datetime) -> str:
    last = runs.find(connection, _RECORD)
    if last is None or last.finished_at is None:
        return ""
    gap = now - last.finished_at
    if gap < -TOLERANCE:
        return f"the last run is {-gap.total_seconds():.0f} seconds in the future. {_REMEDY}"
    is_gap_long = gap > LONGEST_GAP
    usual = _counts_in(last.outcome)
    for name, limit in {name: max(MANY_ROWS, MANY_TIMES * usual.get(name, 0)) for name in retention.KINDS}.items():
        count = retention.count_old(connection, name, now=now, limit=1 if is_gap_long else limit + 1)
        if count and is_gap_long:
            return f"the last run was {gap.days} days ago: the service was off, or its clock jumped. {_REMEDY}"
        if count > limit:
            last_count = usual.get(name, 0)
            return f"this run would delete more than {limit} {name}, and the last one deleted {last_count}. {_REMEDY}"
    return ""


def record(connection: Connection, removed: Mapping[str, int], *, now: datetime) -> None:
    """Record what a run deleted; the next run is compared with it."""
    runs.start(connection, _RECORD, now=now)
    runs.finish(connection, _RECORD, outcome=", ".join(f"{count} {name}" for name, count in removed.items()), now=now)


def _counts_in(outcome: str) -> dict[str, int]:
    pairs = (part.split(" ", 1) for part in outcome.split(", ") if " " in part)
    return {name: int(count) for count, name in pairs if count.isdigit()}
