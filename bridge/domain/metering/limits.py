"""Limits: the free use of each audience, and the windows it is counted in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from enum import StrEnum
from typing import NamedTuple

FOREVER = datetime(1970, 1, 1, tzinfo=UTC)
"""The start of the one window of a limit that never resets."""

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


class Period(StrEnum):
    """The period of a limit, on the store's own calendar."""

    DAILY = "daily"
    WEEKLY = "weekly"
    MONTHLY = "monthly"
    NEVER = "never"


class Allows(StrEnum):
    """The kind of a rule: an amount, unlimited, or disabled."""

    AMOUNT = "amount"
    UNLIMITED = "unlimited"
    DISABLED = "disabled"


@dataclass(frozen=True, slots=True)
class Rule:
    """The free tokens of one audience for a module in one window.

    `tokens` counts only where `allows` is an amount: whole tokens, 0 to 2^53-1.
    """

    allows: Allows
    tokens: int = 0

    @property
    def generosity(self) -> tuple[int, int]:
        """The sort key of rules, from the strictest to the most generous."""
        order = {Allows.DISABLED: 0, Allows.AMOUNT: 1, Allows.UNLIMITED: 2}
        return (order[self.allows], self.tokens)

    @property
    def document(self) -> int | str:
        """Return the rule as the API writes it: a number, `unlimited` or `disabled`."""
        return self.tokens if self.allows is Allows.AMOUNT else self.allows.value


@dataclass(frozen=True, slots=True)
class Calendar:
    """The store's own clock: its time zone and the day its week starts (0 is Monday)."""

    zone: tzinfo
    week_start: int = 0


@dataclass(frozen=True, slots=True)
class Window:
    """The period a limit counts in, `[starts_at, ends_at)`; no end means it never resets."""

    starts_at: datetime
    ends_at: datetime | None

    @property
    def opened_at(self) -> datetime | None:
        """Return when the window opened; None for one that was always open."""
        return self.starts_at if self.starts_at > FOREVER else None

    def holds(self, instant: datetime) -> bool:
        """Return whether the instant lies in the window; its end does not."""
        return self.starts_at <= instant and (self.ends_at is None or instant < self.ends_at)


@dataclass(frozen=True, slots=True)
class Limit:
    """The limit of one module: its period and the rule of each audience.

    Audiences are `guest`, `user` (any signed-in user) and `role:<slug>`.
    """

    module: str
    period: Period
    rules: Mapping[str, Rule]
    message: str = ""


@dataclass(frozen=True, slots=True)
class MatchedRule:
    """The rule that applies to an account, and the audience it was written for."""

    audience: str
    rule: Rule


@dataclass(frozen=True, slots=True)
class Override:
    """One account's own rule for a module, replacing those of its audiences until `ends_at`; None never ends."""

    module: str
    rule: Rule
    ends_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Reset:
    """A manual reset of an account, a role, a module, or any of them where the field is None."""

    reset_at: datetime
    module: str | None = None
    role: str | None = None
    account_id: int | None = None

    def concerns(self, module: str, roles: Iterable[str]) -> bool:
        """Return whether the reset opens a new window of this module for a user with these roles."""
        return self.module in {None, module} and (self.role is None or self.role in roles)


def first_instant(day: date, zone: tzinfo) -> datetime:
    """Return the moment a local day begins, in UTC.

    If midnight does not exist (Cairo and Santiago spring forward at 00:00), the day
    begins at the jump; if it comes twice, at the first. PEP 495 gives both: a
    missing or repeated time with fold 0 has the offset before the change.
    """
    return datetime.combine(day, time(), tzinfo=zone).astimezone(UTC)


def window_at(period: Period, now: datetime, calendar: Calendar) -> Window:
    """Return the window that holds `now`, bounds in UTC.

    Bounds are computed from local dates, never by adding hours, so a day of 23
    or 25 hours is one window and months may differ in length.
    """
    if period is Period.NEVER:
        return Window(FOREVER, None)
    today = now.astimezone(calendar.zone).date()
    if period is Period.DAILY:
        first, following = today, today + timedelta(days=1)
    elif period is Period.WEEKLY:
        first = today - timedelta(days=(today.weekday() - calendar.week_start) % 7)
        following = first + timedelta(days=7)
    else:
        first = today.replace(day=1)
        following = (first + timedelta(days=31)).replace(day=1)
    return Window(first_instant(first, calendar.zone), first_instant(following, calendar.zone))


def since_reset(window: Window, resets: Iterable[datetime], now: datetime) -> Window:
    """Return the window after manual resets: it begins at the last reset inside it."""
    starts_at = max(
        (reset for reset in resets if window.starts_at < reset <= now),
        default=window.starts_at,
    )
    return Window(starts_at, window.ends_at)


def rule_for(rules: Mapping[str, Rule], roles: Iterable[str], *, guest: bool) -> MatchedRule | None:
    """Return the rule that applies to an account; None means no free allowance.

    Rules for a user's roles take precedence over the one for `user`; of several
    roles, the most generous rule applies.
    """
    if guest:
        return MatchedRule("guest", rules["guest"]) if "guest" in rules else None
    named = [MatchedRule(f"role:{role}", rules[f"role:{role}"]) for role in roles if f"role:{role}" in rules]
    if named:
        return max(named, key=lambda matched: matched.rule.generosity)
    return MatchedRule("user", rules["user"]) if "user" in rules else None


def left_of(rule: Rule, *, used: int) -> int | None:
    """Return what a rule still allows once `used` tokens are spent; None for unlimited."""
    if rule.allows is Allows.UNLIMITED:
        return None
    if rule.allows is Allows.DISABLED:
        return 0
    return max(0, rule.tokens - used)


class AllowanceState(StrEnum):
    """The state of an allowance in its window."""

    OK = "ok"
    LOW = "low"
    EXHAUSTED = "exhausted"
    UNLIMITED = "unlimited"
    DISABLED = "disabled"


LOW_SHARE = 10
"""An allowance is low when less than one part in this many is left."""


class Allowance(NamedTuple):
    """The free allowance of one account in one module: the rule that applies, its window and its use.

    `held` is what open holds set aside of it. A named tuple: each spend makes several.
    """

    limit: Limit
    matched: MatchedRule
    window: Window
    used: int
    held: int = 0

    @property
    def module(self) -> str:
        """Return the module of the limit."""
        return self.limit.module

    @property
    def remaining(self) -> int | None:
        """Return the tokens it can still pay in its window, less what is held; None for unlimited."""
        return left_of(self.matched.rule, used=self.used + self.held)

    @property
    def is_disabled(self) -> bool:
        """Return whether the rule disables free use of the module."""
        return self.matched.rule.allows is Allows.DISABLED

    @property
    def state(self) -> AllowanceState:
        """Return how much is left, in one word."""
        rule = self.matched.rule
        if rule.allows is not Allows.AMOUNT:
            return AllowanceState(rule.allows.value)
        left = self.remaining or 0
        if left == 0:
            return AllowanceState.EXHAUSTED
        return AllowanceState.LOW if left * LOW_SHARE < rule.tokens else AllowanceState.OK
