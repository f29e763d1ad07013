"""Refusing to delete where the clock may be wrong: what was deleted by mistake cannot be brought back."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from bridge.domain.ops.clock import TOLERANCE, ClockState
from bridge.services.ops import clock, retention
from bridge.storage.engine.database import Connection
from bridge.storage.jobs import runs

LONGEST_GAP = timedelta(days=7)
"""The longest time between two runs that is believed: more often it is a clock that was set forward."""
MANY_TIMES = 100
MANY_ROWS = 20_000
"""A run that would delete more than this, and many times what the last one did, is refused."""
REFUSED = "refused"
_RECORD = "prune.done"
_REMEDY = "If the clock is right, run: flask prune --force"


def find_refusal(connection: Connection, *, now: datetime, is_regular: bool) -> str:
    """Return the reason not to delete anything now, with its remedy; empty where there is none.

    A regular run, by the clock of this host, is compared with the clock of the
    database server and with the last such run as well.
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
        return f"the last run lies {-gap.total_seconds():.0f} seconds in the future. {_REMEDY}"
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
    """Note that a run deleted what was old: the next one is compared with it."""
    runs.start(connection, _RECORD, now=now)
    runs.finish(connection, _RECORD, outcome=", ".join(f"{count} {name}" for name, count in removed.items()), now=now)


def _counts_in(outcome: str) -> dict[str, int]:
    pairs = (part.split(" ", 1) for part in outcome.split(", ") if " " in part)
    return {name: int(count) for count, name in pairs if count.isdigit()}
