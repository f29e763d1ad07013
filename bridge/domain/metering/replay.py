"""Replay of past use: whether another rule would have stopped an account."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime, time

from bridge.domain.metering.funding import FundingSource, Source, decide
from bridge.domain.metering.limits import Allows, Calendar, LimitWindow, Period, Rule, left_of, window_at

_LENGTHS = (Period.DAILY, Period.WEEKLY, Period.MONTHLY, Period.NEVER)


def is_stopped(rule: Rule | None, used: int, *, balance: int, order: Sequence[Source]) -> bool:
    """Return whether a rule refuses part of what an allowance paid in one window.

    None is no free allowance. The balance pays for the rest only where it pays
    after the allowance: in any other order it was used up before.
    """
    allowance = 0 if rule is None else left_of(rule, used=0)
    sources = [FundingSource(Source.ALLOWANCE, allowance)]
    if Source.ALLOWANCE in order and Source.BALANCE in order[order.index(Source.ALLOWANCE) :]:
        sources.append(FundingSource(Source.BALANCE, balance))
    is_disabled = rule is not None and rule.allows is Allows.DISABLED
    return not decide(price=used, funding_sources=sources, disabled=is_disabled).is_accepted


def keeps_windows(old: Period, new: Period) -> bool:
    """Return whether windows of the old period can be added up to those of the new one."""
    return _LENGTHS.index(new) >= _LENGTHS.index(old)


def shortest(windows: Sequence[LimitWindow]) -> LimitWindow:
    """Return the window with the shortest period; there is at least one."""
    return min(windows, key=lambda window: _LENGTHS.index(window.period))


def source_of(period: Period, windows: Sequence[LimitWindow]) -> LimitWindow | None:
    """Return the window whose use says what was used in windows of a period; None where none does.

    That is the window with the same period, or one whose windows can be added up.
    """
    same = [window for window in windows if window.period is period]
    parts = [window for window in windows if window.period is not Period.NEVER and keeps_windows(window.period, period)]
    return same[0] if same else shortest(parts) if parts else None


def add_up(used: Iterable[tuple[datetime, int]], period: Period, calendar: Calendar) -> dict[datetime, int]:
    """Return the use by the window of the period it falls in."""
    found: dict[datetime, int] = {}
    for moment, tokens in used:
        starts_at = window_at(period, moment, calendar).starts_at
        found[starts_at] = found.get(starts_at, 0) + tokens
    return found


def noon_of(day: date, calendar: Calendar) -> datetime:
    """Return a moment in the middle of a local day."""
    return datetime.combine(day, time(12), tzinfo=calendar.zone)


def without_first(used: Iterable[tuple[datetime, int]], tokens: int) -> list[tuple[datetime, int]]:
    """Return the use without its first `tokens`, in the order of time."""
    left = []
    for moment, amount in sorted(used):
        taken = min(tokens, amount)
        tokens -= taken
        if amount > taken:
            left.append((moment, amount - taken))
    return left
