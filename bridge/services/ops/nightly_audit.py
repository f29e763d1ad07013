"""The nightly audit: check all records in small parts, and record how many faults there are."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import NamedTuple

from bridge.domain.ops.audit import Fault, last_night
from bridge.domain.ops.clock import TOLERANCE
from bridge.domain.orders.dates import from_microseconds, to_microseconds
from bridge.services.ops import audit
from bridge.services.ops.audit import Part
from bridge.services.transactions import in_transaction
from bridge.storage.engine.database import Connection, Database
from bridge.storage.jobs import service_state

log = logging.getLogger(__name__)

PART_ROWS = 200_000
"""The approximate number of rows that one part reads, so that none takes long."""
MOST_SECONDS = 120.0
"""How long one run checks; the next run continues after its last part."""
_LOGGED = 20
_PROGRESS, _RESULT = "audit.progress", "audit.result"


@dataclass(frozen=True, slots=True)
class AuditResult:
    """The number of faults that the last complete audit found, and when it ended."""

    faults: int
    ended_at: datetime


_ACCOUNTS, _ORDERS, _ANSWERS = range(3)


class _Position(NamedTuple):
    """How far an audit got: its phase, and the highest account, order check or microsecond it checked."""

    phase: int = _ACCOUNTS
    upto: int = -1


_START = _Position()


@dataclass(frozen=True, slots=True)
class _Progress:
    """How far an unfinished audit got, and the faults it found until then."""

    position: _Position = _START
    faults: int = 0


@dataclass(slots=True)
class _Step:
    """Parts that are checked in one go, and the position after them."""

    position: _Position
    parts: list[Part]


def find_result(connection: Connection) -> AuditResult | None:
    """Return the result of the last complete nightly audit; None if there was none."""
    recorded = service_state.find(connection, _RESULT)
    return None if recorded is None else AuditResult(int(recorded.value), recorded.recorded_at)


def withdraw(connection: Connection, *, now: datetime) -> None:
    """Record that another audit found no faults, if the last nightly one found some."""
    result = find_result(connection)
    if result is not None and result.faults:
        service_state.put(connection, _RESULT, "0", now=now)


def is_due(connection: Connection, *, now: datetime) -> bool:
    """Return whether an audit was interrupted, or none ended since the last 3 a.m. UTC."""
    if _find_progress(connection) is not None:
        return True
    result = find_result(connection)
    # A result from the future was recorded by a wrong clock, and must not delay the next audit.
    return result is None or not last_night(now) <= result.ended_at <= now + TOLERANCE


def go_on(
    database: Database,
    *,
    clock: Callable[[], datetime],
    may_go_on: Callable[[], bool],
    pause: Callable[[float], None],
    rows: int = PART_ROWS,
    seconds: float = MOST_SECONDS,
) -> AuditResult | None:
    """Check the next parts, each in its own consistent state; return the result after the last one, else None.

    `pause` is called with the monotonic moment at which each part began. At least
    one part is checked, so that every run gets on.
    """
    began = time.monotonic()
    with database.reading() as connection:
        progress = _find_progress(connection) or _Progress()
        steps = _list_steps(audit.list_parts(connection, now=clock(), rows=rows), progress.position)
    for step in steps:
        for part in step.parts:
            part_began = time.monotonic()
            with database.reading() as connection:
                found = _count(audit.check_part(connection, part), logged=max(0, _LOGGED - progress.faults))
            progress = replace(progress, faults=progress.faults + found)
            pause(part_began)
        progress = replace(progress, position=step.position)
        in_transaction(database.transaction, partial(_record_progress, progress=progress, now=clock()))
        if step is not steps[-1] and (time.monotonic() - began >= seconds or not may_go_on()):
            return None
    result = AuditResult(progress.faults, clock())
    in_transaction(database.transaction, partial(_record_result, result=result))
    if result.faults:
        log.error("the nightly audit found %d faults; run: flask audit", result.faults)
    return result


def _count(faults: Iterable[Fault], *, logged: int) -> int:
    count = 0
    for fault in faults:
        if count < logged:
            log.error("the audit found a fault: %s: %s", fault.check, fault.sentence)
        count += 1
    return count


def _list_steps(parts: list[Part], position: _Position) -> list[_Step]:
    """Return the steps after a position; rows that were added meanwhile move the bounds of the parts."""
    steps: dict[_Position, _Step] = {}
    for part in parts:
        at, rest = _rest(part, position)
        if rest is not None:
            steps.setdefault(at, _Step(at, [])).parts.append(rest)
    return list(steps.values())


def _rest(part: Part, position: _Position) -> tuple[_Position, Part | None]:
    """Return the position after a part, and what of the part comes after another position."""
    values = dict(part.values)
    if "low" in values:
        at = _Position(_ACCOUNTS, values["high"])
        if position.phase == _ACCOUNTS:
            values["low"] = max(values["low"], position.upto)
    elif "span" in values:
        low, high = values["span"]
        at = _Position(_ANSWERS, to_microseconds(high))
        if position.phase == _ANSWERS:
            values["span"] = max(low, from_microseconds(position.upto)), high
    else:
        at = _Position(_ORDERS, audit.CHECKS.index(part.check))
    return at, replace(part, values=values) if at > position else None


def _find_progress(connection: Connection) -> _Progress | None:
    recorded = service_state.find(connection, _PROGRESS)
    return None if recorded is None or not recorded.value else _unpacked(recorded.value)


def _unpacked(value: str) -> _Progress:
    phase, upto, faults = json.loads(value)
    return _Progress(_Position(phase, upto), faults)


def _record_progress(connection: Connection, progress: _Progress, now: datetime) -> None:
    value = json.dumps([*progress.position, progress.faults])
    service_state.put(connection, _PROGRESS, value, now=now)


def _record_result(connection: Connection, result: AuditResult) -> None:
    service_state.put(connection, _PROGRESS, "", now=result.ended_at)
    service_state.put(connection, _RESULT, str(result.faults), now=result.ended_at)
