"""Limits with two windows: the strictest decides, each chooses its rule, and use stays with its period."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.domain.metering import replay
from bridge.domain.metering.limits import (
    Allowance,
    AllowanceState,
    Allows,
    Limit,
    LimitWindow,
    MatchedRule,
    Override,
    Period,
    Reset,
    Rule,
    Window,
    WindowAllowance,
    keep_counters,
    rules_of,
)

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
ENDS = [NOON + timedelta(days=1), NOON + timedelta(days=20), None]
RULES = st.one_of(
    st.integers(0, 50).map(lambda tokens: Rule(Allows.AMOUNT, tokens)),
    st.sampled_from([Rule(Allows.UNLIMITED), Rule(Allows.DISABLED)]),
)


def amount(tokens: int) -> Rule:
    return Rule(Allows.AMOUNT, tokens)


def allowance(*parts: tuple[Rule, int, int, datetime | None]) -> Allowance:
    """Return an allowance of windows, each with its rule, its use, what is held of it, and its end."""
    limit = Limit("chat", Period.DAILY, {}, second=LimitWindow(Period.MONTHLY, {}))
    windows = [
        WindowAllowance(each.period, MatchedRule("user", rule), Window(NOON, end), used, held, each.counter)
        for each, (rule, used, held, end) in zip(limit.windows, parts, strict=False)
    ]
    return Allowance(limit, tuple(windows))


@given(
    st.lists(st.tuples(RULES, st.integers(0, 60), st.integers(0, 10), st.sampled_from(ENDS)), min_size=1, max_size=2),
    st.integers(1, 80),
)
def test_strictest_window_decides(parts, price):
    """Against the plain rule: a price passes where every window has room for it."""
    found = allowance(*parts)
    room = [
        price if rule.allows is Allows.UNLIMITED else rule.tokens - used - held if rule.allows is Allows.AMOUNT else 0
        for rule, used, held, _ in parts
    ]

    left = found.remaining

    assert (left is None or price <= left) == all(price <= each for each in room)
    assert left == found.strictest.remaining
    refusing = found.refusing(0 if left is None else max(0, price - left))
    assert [one.counter for one in refusing] == [place for place, each in enumerate(room) if price > each]
    assert found.is_disabled == any(rule.allows is Allows.DISABLED for rule, *_ in parts)
    assert found.is_used_up == any(
        rule.allows is Allows.AMOUNT and 0 < rule.tokens <= used + held for rule, used, held, _ in parts
    )
    ties = [one for one in found.windows if one.remaining == left and one.is_disabled == found.is_disabled]
    later = [one for one in ties if one.window.ends_at is None] or ties
    assert found.strictest.window.ends_at == max((one.window.ends_at for one in later), key=lambda end: end or NOON)


def test_state_is_that_of_the_window_with_less_left():
    day, month = ENDS[0], ENDS[1]

    assert allowance((amount(100), 10, 0, day), (amount(1000), 1000, 0, month)).state is AllowanceState.EXHAUSTED
    assert allowance((amount(100), 95, 0, day), (amount(1000), 100, 0, month)).state is AllowanceState.LOW
    assert allowance((amount(0), 0, 0, day), (Rule(Allows.DISABLED), 0, 0, month)).state is AllowanceState.DISABLED
    assert allowance((Rule(Allows.UNLIMITED), 9, 0, day), (Rule(Allows.UNLIMITED), 9, 0, month)).remaining is None
    # Both are used up: the user can go on when the later one begins again.
    assert allowance((amount(5), 5, 0, day), (amount(9), 9, 0, month)).strictest.window.ends_at == month


LIMIT = Limit(
    "chat",
    Period.DAILY,
    {"user": amount(10), "role:editor": amount(20), "guest": amount(1)},
    second=LimitWindow(Period.MONTHLY, {"user": amount(100), "role:barred": Rule(Allows.DISABLED)}),
)


@pytest.mark.parametrize(
    ("roles", "guest", "override", "expected"),
    [
        ((), False, None, [("user", amount(10)), ("user", amount(100))]),
        (("editor",), False, None, [("role:editor", amount(20)), ("user", amount(100))]),
        (("barred",), False, None, [("user", amount(10)), ("role:barred", Rule(Allows.DISABLED))]),
        ((), True, None, [("guest", amount(1)), ("", Rule(Allows.UNLIMITED))]),
        ((), False, Override("chat", amount(50)), [("override", amount(50)), ("user", amount(100))]),
        (
            (),
            False,
            Override("chat", amount(50), None, Rule(Allows.UNLIMITED)),
            [("override", amount(50)), ("override", Rule(Allows.UNLIMITED))],
        ),
    ],
)
def test_each_window_chooses_its_rule(roles, guest, override, expected):
    assert rules_of(LIMIT, override, roles, guest=guest) == tuple(MatchedRule(*one) for one in expected)


def test_second_window_gives_nothing_by_itself():
    limit = Limit("chat", Period.DAILY, {}, second=LimitWindow(Period.MONTHLY, {"user": amount(5)}))

    assert rules_of(limit, None, (), guest=False) is None


def two(first: Period, second: Period | None = None, counter: int = 0) -> Limit:
    return Limit("chat", first, {}, second=None if second is None else LimitWindow(second, {}), counter=counter)


@given(st.lists(st.permutations(list(Period)).map(lambda found: found[:2]), max_size=6), st.data())
def test_period_that_stays_keeps_its_counter(changes, data):
    """Whatever the order of the changes: windows that are exchanged, added or removed."""
    before: Limit | None = None
    for first, second in changes:
        limit = keep_counters(two(first, data.draw(st.sampled_from([second, None]))), before)
        known = {} if before is None else {window.period: window.counter for window in before.windows}
        assert all(known.get(window.period, window.counter) == window.counter for window in limit.windows)
        assert len({window.counter for window in limit.windows}) == len(limit.windows)
        before = limit


@pytest.mark.parametrize(
    ("before", "after", "counters"),
    [
        (None, two(Period.DAILY, Period.MONTHLY), [0, 1]),
        (two(Period.MONTHLY), two(Period.DAILY, Period.MONTHLY), [1, 0]),
        (two(Period.DAILY, Period.MONTHLY), two(Period.MONTHLY, Period.DAILY), [1, 0]),
        (two(Period.DAILY, Period.MONTHLY), two(Period.MONTHLY), [1]),
        (two(Period.MONTHLY, counter=1), two(Period.WEEKLY), [1]),
        (two(Period.DAILY, Period.MONTHLY), two(Period.WEEKLY, Period.NEVER), [0, 1]),
    ],
)
def test_counters_after_a_change(before, after, counters):
    assert [window.counter for window in keep_counters(after, before).windows] == counters


def test_reset_of_one_period_concerns_no_other():
    reset = Reset(NOON, "chat", None, None, Period.DAILY)

    assert reset.concerns("chat", Period.DAILY, ())
    assert not reset.concerns("chat", Period.MONTHLY, ())
    assert Reset(NOON).concerns("chat", Period.MONTHLY, ())


def test_replay_takes_the_use_of_the_same_period_or_adds_up_shorter_ones():
    known = two(Period.MONTHLY, Period.DAILY).windows

    assert replay.source_of(Period.MONTHLY, known) is known[0]
    assert replay.source_of(Period.WEEKLY, known) is known[1]
    assert replay.source_of(Period.DAILY, two(Period.WEEKLY, Period.NEVER).windows) is None
    assert replay.shortest(known) is known[1]
