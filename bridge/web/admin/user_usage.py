"""The free use of a user in the current windows, as a cell of the user list, and the time since an activity."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bridge.domain.metering.limits import Allowance, AllowanceState
from bridge.services.metering.overview import AccountOverview
from bridge.web import allowances
from bridge.web.admin.user_limits_view import period_words
from bridge.web.allowances import AllowanceRow
from bridge.web.i18n.formatting import Language, LocalTime, local_time, number

SHOWN = 2
"""How many modules are shown before the rest is folded away."""
_MINUTE, _HOUR, _DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
_MARKS = {"exhausted": "Limit reached", "low": "Almost used up", "unlimited": "No limit"}


@dataclass(frozen=True, slots=True)
class UsageLine:
    """The free use of one module, or a plan; `mark` says in words that little or nothing is left.

    `percent` is None where nothing limits it. `since` is the last reset, None
    for a window that was always open.
    """

    label: str
    state: str
    amount: str
    mark: str
    percent: int | None
    since: LocalTime | None
    resets_text: str
    resets: LocalTime | None


@dataclass(frozen=True, slots=True)
class UsageCell:
    """The use of one user: the most pressing modules, the rest, and how many limits are not used yet."""

    shown: tuple[UsageLine, ...] = ()
    more: tuple[UsageLine, ...] = ()
    unused: int = 0


def usage_cell(overview: AccountOverview, *, now: datetime) -> UsageCell:
    """Return what the user used for free or of a plan: modules at their limit first, then by the share that is used."""
    policy, zone = overview.policy, overview.policy.calendar.zone
    metered = [each for each in overview.allowances if not each.is_disabled and policy.is_metered(each.module)]
    used = sorted((each for each in metered if each.strictest.used or each.is_used_up), key=_urgency)
    rows = allowances.rows(policy, overview.allowances, [each.module for each in used], Language.ENGLISH, now=now)
    lines = []
    plan = allowances.plan_row(policy, overview.plan, Language.ENGLISH, now=now)
    if plan is not None:
        lines.append(_line(plan, None))
    for allowance, row in zip(used, rows, strict=True):
        if row.windows:
            row = replace(row, label=f"{row.label}, {period_words(allowance.strictest.period)}")
        opened = allowance.strictest.window.opened_at
        lines.append(_line(row, local_time(opened, zone) if opened else None))
    limited = sum(1 for each in metered if each.state is not AllowanceState.UNLIMITED)
    unused = limited - sum(1 for each in used if each.state is not AllowanceState.UNLIMITED)
    return UsageCell(tuple(lines[:SHOWN]), tuple(lines[SHOWN:]), unused)


def usage_text(overview: AccountOverview, *, now: datetime) -> str:
    """Return the same in one line, for a table of texts."""
    cell = usage_cell(overview, now=now)
    parts = (f"{line.label}: {line.amount}{f' ({line.mark})' if line.mark else ''}" for line in cell.shown + cell.more)
    return "; ".join(parts)


def ago(at: datetime, *, now: datetime) -> str:
    """Return how long ago a moment is, in its largest unit: `3 hours ago`."""
    length = now - at
    for unit, name in ((_DAY, "day"), (_HOUR, "hour"), (_MINUTE, "minute")):
        if length >= unit:
            count = length // unit
            return f"1 {name} ago" if count == 1 else f"{number(count)} {name}s ago"
    return "just now"


def _line(row: AllowanceRow, since: LocalTime | None) -> UsageLine:
    return UsageLine(
        label=row.label,
        state=row.state,
        amount=row.amount,
        mark=_MARKS.get(row.state, ""),
        percent=row.percent,
        since=since,
        resets_text=row.resets_text,
        resets=row.resets,
    )


def _urgency(allowance: Allowance) -> tuple[bool, float, int]:
    window = allowance.strictest
    limit = window.matched.rule.tokens
    share = window.used / limit if limit and window.state is not AllowanceState.UNLIMITED else 0.0
    return (not allowance.is_used_up, -share, -window.used)
