"""Limits: the free use of each audience, and the windows it is counted in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from enum import StrEnum
from typing import NamedTuple

FOREVER = datetime(1970, 1, 1, tzinfo=UTC)
"""The start of the one window of a limit that never resets."""

WindowKey = tuple[int, str, datetime, int]
"""One window of one account: the account, the module, when the window begins, and the counter of its use."""

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
class LimitWindow:
    """One window of a limit: its period and the rule of each audience.

    `counter` is where its use is counted, 0 or 1. It tells the two windows of a limit
    apart, which may begin at the same moment.
    """

    period: Period
    rules: Mapping[str, Rule]
    counter: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Limit:
    """The limit of one module: its period and the rule of each audience, and perhaps a second window with its own.

    Audiences are `guest`, `user` (any signed-in user) and `role:<slug>`. Free use
    counts in both windows. The first gives the allowance; the second can only
    restrict it, and restricts no audience that it has no rule for. `counter` is that
    of the first window; the second counts in the other one.
    """

    module: str
    period: Period
    rules: Mapping[str, Rule]
    message: str = ""
    second: LimitWindow | None = None
    counter: int = field(default=0, compare=False)
    windows: tuple[LimitWindow, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        first = LimitWindow(self.period, self.rules, self.counter)
        others = () if self.second is None else (replace(self.second, counter=1 - self.counter),)
        object.__setattr__(self, "windows", (first, *others))

    def window_of(self, period: Period) -> LimitWindow | None:
        """Return the window with this period; None where the limit has none."""
        return next((window for window in self.windows if window.period is period), None)


@dataclass(frozen=True, slots=True)
class MatchedRule:
    """The rule that applies to an account, and the audience it was written for."""

    audience: str
    rule: Rule


@dataclass(frozen=True, slots=True)
class Override:
    """One account's own rule for a module, replacing those of its audiences until `ends_at`; None never ends.

    `rule` is for the first window of the limit, `second` for the second. Where
    `second` is None, the rules of the audiences apply in the second window.
    """

    module: str
    rule: Rule
    ends_at: datetime | None = None
    second: Rule | None = None


@dataclass(frozen=True, slots=True)
class Reset:
    """A manual reset of an account, a role, a module, a period, or any of them where the field is None."""

    reset_at: datetime
    module: str | None = None
    role: str | None = None
    account_id: int | None = None
    period: Period | None = None

    def concerns(self, module: str, period: Period, roles: Iterable[str]) -> bool:
        """Return whether the reset opens a new window of this module and period for a user with these roles."""
        is_meant = self.module in {None, module} and self.period in {None, period}
        return is_meant and (self.role is None or self.role in roles)


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


NO_SECOND_RULE = MatchedRule("", Rule(Allows.UNLIMITED))
"""The rule of a second window for an audience that it names no rule for: no restriction."""


def rules_of(
    limit: Limit, override: Override | None, roles: Iterable[str], *, guest: bool
) -> tuple[MatchedRule, ...] | None:
    """Return the rule of an account in each window of a limit; None where it has no free allowance.

    Each window chooses its rule by itself, as `rule_for` does. A rule of the account's
    own takes precedence.
    """
    roles = tuple(roles)
    first = rule_for(limit.rules, roles, guest=guest) if override is None else MatchedRule("override", override.rule)
    if first is None:
        return None
    if limit.second is None:
        return (first,)
    if override is not None and override.second is not None:
        return (first, MatchedRule("override", override.second))
    return (first, rule_for(limit.second.rules, roles, guest=guest) or NO_SECOND_RULE)


def keep_counters(limit: Limit, before: Limit | None) -> Limit:
    """Return a limit that replaces another: a window keeps the counter that its period had, so its use stays.

    A period that is new takes the counter that is left.
    """
    if before is None:
        return limit
    known = {window.period: window.counter for window in before.windows}
    if limit.period in known:
        counter = known[limit.period]
    elif limit.second is not None and limit.second.period in known:
        counter = 1 - known[limit.second.period]
    else:
        counter = before.counter
    return replace(limit, counter=counter)


def left_of(rule: Rule, *, used: int) -> int | None:
    """Return what a rule still allows once `used` tokens are spent; None for unlimited."""
    if rule.allows is Allows.UNLIMITED:
        return None
    if rule.allows is Allows.DISABLED:
        return 0
    return max(0, rule.tokens - used)


def keys_of(
    account_id: int, module: str, starts_at: datetime | None, second_starts_at: datetime | None
) -> tuple[WindowKey, ...]:
    """Return the windows of an account that begin at these moments, by counter; None for none."""
    starts = ((starts_at, 0), (second_starts_at, 1))
    return tuple((account_id, module, start, counter) for start, counter in starts if start is not None)


class AllowanceState(StrEnum):
    """The state of an allowance in its window."""

    OK = "ok"
    LOW = "low"
    EXHAUSTED = "exhausted"
    UNLIMITED = "unlimited"
    DISABLED = "disabled"


LOW_SHARE = 10
"""An allowance is low when less than one part in this many is left."""


class WindowAllowance(NamedTuple):
    """The part of an allowance in one window: the rule that applies in it, and the use counted in it.

    `held` is what open holds set aside of it. A named tuple: each spend makes several.
    """

    period: Period
    matched: MatchedRule
    window: Window
    used: int
    held: int = 0
    counter: int = 0

    @property
    def remaining(self) -> int | None:
        """Return the tokens the window still allows, less what is held; None for unlimited."""
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


class Allowance(NamedTuple):
    """The free allowance of one account in one module, in the one or two windows of its limit, in their order.

    Each amount counts in all of them, so the strictest decides.
    """

    limit: Limit
    windows: tuple[WindowAllowance, ...]

    @property
    def module(self) -> str:
        """Return the module of the limit."""
        return self.limit.module

    @property
    def strictest(self) -> WindowAllowance:
        """Return the window that leaves the least; of equal ones a disabled one, then the last to end."""
        return self.windows[0] if len(self.windows) == 1 else _stricter(*self.windows)

    @property
    def remaining(self) -> int | None:
        """Return the tokens it can still pay, less what is held; None for unlimited."""
        return self.strictest.remaining

    @property
    def is_disabled(self) -> bool:
        """Return whether a rule disables free use of the module."""
        return self.strictest.is_disabled

    @property
    def state(self) -> AllowanceState:
        """Return how much is left, in one word."""
        return self.strictest.state

    @property
    def is_used_up(self) -> bool:
        """Return whether use, and not a rule of 0 tokens, left nothing in one of the windows."""
        return any(
            window.state is AllowanceState.EXHAUSTED and bool(window.matched.rule.tokens) for window in self.windows
        )

    def refusing(self, shortfall: int) -> tuple[WindowAllowance, ...]:
        """Return the windows that refuse a price of which so much cannot be paid; none for a shortfall of 0.

        The other sources leave a rest to the allowance: what it has, and the shortfall.
        """
        rest = (self.remaining or 0) + shortfall
        return tuple(window for window in self.windows if window.remaining is not None and window.remaining < rest)

    def keys(self, account_id: int) -> dict[WindowKey, datetime | None]:
        """Return the windows of this account that an amount counts in, each with its end."""
        return {
            (account_id, self.limit.module, one.window.starts_at, one.counter): one.window.ends_at
            for one in self.windows
        }


def _stricter(one: WindowAllowance, other: WindowAllowance) -> WindowAllowance:
    # Compared by hand: each spend asks for it several times.
    left, others_left = one.remaining, other.remaining
    if left != others_left:
        is_less = others_left is None or (left is not None and left < others_left)
        return one if is_less else other
    if one.is_disabled != other.is_disabled:
        return one if one.is_disabled else other
    if one.window.ends_at is None or other.window.ends_at is None:
        return one if one.window.ends_at is None else other
    return one if one.window.ends_at >= other.window.ends_at else other
