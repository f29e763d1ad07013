"""Limits: one window for each local day, week and month, whatever the clocks do; and the rule of each user.

The clock changes, from the time zone rules, with the instants computed
out by hand:

Paris springs forward on the last Sunday of March at 01:00 UTC (02:00 → 03:00)
and falls back on the last Sunday of October at 01:00 UTC: midnight is not
touched, and 29 March 2026 runs from 28 March 23:00 UTC (+01) to 29 March
22:00 UTC (+02).

Santiago springs forward at midnight: on 6 September 2026 at 04:00 UTC 24:00
(−04) becomes 01:00 (−03), so that this day begins at 01:00. It falls back on
5 April 2026 at 03:00 UTC, when 24:00 (−03) becomes 23:00 (−04) of 4 April once
more: that day has 25 hours.

Cairo springs forward on the last Friday of April at 00:00 (+02), 22:00 UTC the
day before, and falls back on the last Thursday of October at 24:00 (+03),
21:00 UTC, when 23:00 of the same day comes again.
"""

from __future__ import annotations

import itertools
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bridge.domain.metering.limits import (
    FOREVER,
    WEEKDAYS,
    Allows,
    Calendar,
    MatchedRule,
    Period,
    Rule,
    Window,
    left_of,
    rule_for,
    since_reset,
    window_at,
)

PARIS, SANTIAGO, CAIRO = "Europe/Paris", "America/Santiago", "Africa/Cairo"
TICK = timedelta(microseconds=1)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def calendar(zone: str, week_start: str = "monday") -> Calendar:
    return Calendar(ZoneInfo(zone), WEEKDAYS.index(week_start))


@pytest.mark.parametrize(
    ("zone", "starts_at", "ends_at", "hours"),
    [
        (PARIS, "2026-03-27T23:00", "2026-03-28T23:00", 24),
        (PARIS, "2026-03-28T23:00", "2026-03-29T22:00", 23),
        (PARIS, "2026-03-29T22:00", "2026-03-30T22:00", 24),
        (PARIS, "2026-10-23T22:00", "2026-10-24T22:00", 24),
        (PARIS, "2026-10-24T22:00", "2026-10-25T23:00", 25),
        (PARIS, "2026-10-25T23:00", "2026-10-26T23:00", 24),
        (PARIS, "2027-03-27T23:00", "2027-03-28T22:00", 23),
        (PARIS, "2027-10-30T22:00", "2027-10-31T23:00", 25),
        (SANTIAGO, "2026-04-03T03:00", "2026-04-04T03:00", 24),
        (SANTIAGO, "2026-04-04T03:00", "2026-04-05T04:00", 25),
        (SANTIAGO, "2026-04-05T04:00", "2026-04-06T04:00", 24),
        (SANTIAGO, "2026-09-05T04:00", "2026-09-06T04:00", 24),
        (SANTIAGO, "2026-09-06T04:00", "2026-09-07T03:00", 23),
        (SANTIAGO, "2026-09-07T03:00", "2026-09-08T03:00", 24),
        (SANTIAGO, "2027-04-03T03:00", "2027-04-04T04:00", 25),
        (SANTIAGO, "2027-09-05T04:00", "2027-09-06T03:00", 23),
        (CAIRO, "2026-04-22T22:00", "2026-04-23T22:00", 24),
        (CAIRO, "2026-04-23T22:00", "2026-04-24T21:00", 23),
        (CAIRO, "2026-04-24T21:00", "2026-04-25T21:00", 24),
        (CAIRO, "2026-10-27T21:00", "2026-10-28T21:00", 24),
        (CAIRO, "2026-10-28T21:00", "2026-10-29T22:00", 25),
        (CAIRO, "2026-10-29T22:00", "2026-10-30T22:00", 24),
        (CAIRO, "2027-04-29T22:00", "2027-04-30T21:00", 23),
        (CAIRO, "2027-10-27T21:00", "2027-10-28T22:00", 25),
    ],
)
def test_day_around_a_change_of_the_clocks(zone, starts_at, ends_at, hours):
    expected = Window(utc(starts_at), utc(ends_at))
    assert expected.ends_at is not None
    assert expected.ends_at - expected.starts_at == timedelta(hours=hours)

    inside = [expected.starts_at + timedelta(hours=hour) for hour in range(hours)] + [expected.ends_at - TICK]

    assert {window_at(Period.DAILY, now, calendar(zone)) for now in inside} == {expected}
    assert window_at(Period.DAILY, expected.ends_at, calendar(zone)).starts_at == expected.ends_at
    assert window_at(Period.DAILY, expected.starts_at - TICK, calendar(zone)).ends_at == expected.starts_at


@pytest.mark.parametrize("zone", [PARIS, SANTIAGO, CAIRO, "Asia/Kathmandu", "Pacific/Apia", "UTC"])
def test_two_years_hour_by_hour_have_one_window_for_each_local_day(zone):
    start = utc("2026-01-01T00:00")
    instants = [start + timedelta(hours=hour) for hour in range(2 * 365 * 24)]

    windows = [window_at(Period.DAILY, now, calendar(zone)) for now in instants]

    assert all(window.holds(now) for window, now in zip(windows, instants, strict=True))
    days = {now.astimezone(ZoneInfo(zone)).date() for now in instants}
    distinct = sorted(set(windows), key=lambda window: window.starts_at)
    assert len(distinct) == len(days)
    assert all(first.ends_at == second.starts_at for first, second in itertools.pairwise(distinct))


@pytest.mark.parametrize(
    ("week_start", "starts_on"),
    [
        ("monday", date(2026, 3, 23)),
        ("tuesday", date(2026, 3, 24)),
        ("wednesday", date(2026, 3, 25)),
        ("thursday", date(2026, 3, 26)),
        ("friday", date(2026, 3, 27)),
        ("saturday", date(2026, 3, 28)),
        ("sunday", date(2026, 3, 29)),
    ],
)
def test_week_of_every_start_around_a_change_of_the_clocks(week_start, starts_on):
    """Noon of Sunday 29 March 2026 in Paris: midnight is 23:00 UTC of the day before until then, 22:00 UTC after."""
    window = window_at(Period.WEEKLY, utc("2026-03-29T10:00"), calendar(PARIS, week_start))

    assert window.starts_at == utc(f"{starts_on - timedelta(days=1)}T23:00")
    assert window.ends_at == utc(f"{starts_on + timedelta(days=6)}T22:00")


@pytest.mark.parametrize(
    ("now", "starts_at", "ends_at"),
    [
        # In Paris: +01 until 29 March and from 25 October, +02 between.
        ("2026-01-31T22:59", "2025-12-31T23:00", "2026-01-31T23:00"),
        ("2026-01-31T23:00", "2026-01-31T23:00", "2026-02-28T23:00"),
        ("2026-02-28T22:59", "2026-01-31T23:00", "2026-02-28T23:00"),
        ("2026-02-28T23:00", "2026-02-28T23:00", "2026-03-31T22:00"),
        ("2026-10-15T00:00", "2026-09-30T22:00", "2026-10-31T23:00"),
        ("2026-12-31T23:00", "2026-12-31T23:00", "2027-01-31T23:00"),
        # A leap year's February.
        ("2028-02-29T12:00", "2028-01-31T23:00", "2028-02-29T23:00"),
    ],
)
def test_month(now, starts_at, ends_at):
    assert window_at(Period.MONTHLY, utc(now), calendar(PARIS)) == Window(utc(starts_at), utc(ends_at))


def test_limit_that_never_resets_has_one_window():
    window = window_at(Period.NEVER, utc("2026-03-29T10:00"), calendar(PARIS))

    assert window == Window(FOREVER, None)
    assert window.holds(utc("9999-12-31T23:59"))


ZONES = st.sampled_from([PARIS, SANTIAGO, CAIRO, "America/New_York", "Australia/Lord_Howe", "Asia/Tehran", "UTC"])
MOMENTS = st.datetimes(datetime(2025, 1, 1), datetime(2029, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
PERIODS = st.sampled_from([Period.DAILY, Period.WEEKLY, Period.MONTHLY])


@given(PERIODS, MOMENTS, ZONES, st.integers(0, 6))
@example(Period.DAILY, utc("2026-09-06T04:00"), SANTIAGO, 0)
@example(Period.DAILY, utc("2026-04-05T03:30"), SANTIAGO, 0)
@example(Period.DAILY, utc("2026-10-29T21:30"), CAIRO, 0)
def test_windows_hold_now_and_tile_time(period, now, zone, week_start):
    days = Calendar(ZoneInfo(zone), week_start)

    window = window_at(period, now, days)

    assert window.ends_at is not None
    assert window.starts_at <= now < window.ends_at
    assert window.holds(now)
    assert not window.holds(window.ends_at)
    assert window_at(period, window.starts_at, days) == window
    assert window_at(period, window.ends_at - TICK, days) == window
    assert window_at(period, window.ends_at, days).starts_at == window.ends_at
    assert window_at(period, window.starts_at - TICK, days).ends_at == window.starts_at
    local = window.starts_at.astimezone(days.zone)
    assert period is not Period.WEEKLY or local.weekday() == week_start
    assert period is not Period.MONTHLY or local.day == 1


def test_window_counts_from_the_last_reset_by_hand_in_it():
    window = Window(utc("2026-03-01T00:00"), utc("2026-03-02T00:00"))
    resets = [utc("2026-02-28T12:00"), utc("2026-03-01T06:00"), utc("2026-03-01T09:00"), utc("2026-03-01T18:00")]

    assert since_reset(window, resets, utc("2026-03-01T12:00")) == Window(utc("2026-03-01T09:00"), window.ends_at)
    assert since_reset(window, resets, utc("2026-03-01T09:00")) == Window(utc("2026-03-01T09:00"), window.ends_at)
    assert since_reset(window, resets, utc("2026-03-01T05:00")) == window
    assert since_reset(window, [], utc("2026-03-01T12:00")) == window


AMOUNT, UNLIMITED, DISABLED = Allows.AMOUNT, Allows.UNLIMITED, Allows.DISABLED
RULES = {
    "guest": Rule(AMOUNT, 10),
    "user": Rule(AMOUNT, 1_000),
    "role:pupil": Rule(AMOUNT, 100),
    "role:teacher": Rule(AMOUNT, 500),
    "role:head": Rule(UNLIMITED),
    "role:barred": Rule(DISABLED),
    "role:nothing": Rule(AMOUNT, 0),
}


@pytest.mark.parametrize(
    ("roles", "audience"),
    [
        ([], "user"),
        (["unheard-of"], "user"),
        (["pupil"], "role:pupil"),
        (["pupil", "unheard-of"], "role:pupil"),
        (["pupil", "teacher"], "role:teacher"),
        (["teacher", "pupil"], "role:teacher"),
        (["teacher", "head"], "role:head"),
        (["barred"], "role:barred"),
        (["barred", "nothing"], "role:nothing"),
        (["barred", "pupil"], "role:pupil"),
        (["head", "barred"], "role:head"),
        (["guest"], "user"),
        (["user"], "user"),
    ],
)
def test_role_beats_user_and_the_most_generous_role_wins(roles, audience):
    """Also where the role's rule is the stricter one: `pupil` has 100 where any user has 1000."""
    assert rule_for(RULES, roles, guest=False) == MatchedRule(audience, RULES[audience])


def test_guest_has_the_guests_rule_whatever_roles_are_claimed():
    assert rule_for(RULES, ["head"], guest=True) == MatchedRule("guest", RULES["guest"])


@pytest.mark.parametrize(
    ("rules", "roles", "guest"),
    [({}, [], False), ({}, [], True), ({"user": RULES["user"]}, [], True), ({"role:pupil": RULES["user"]}, [], False)],
)
def test_no_rule_is_no_allowance(rules, roles, guest):
    assert rule_for(rules, roles, guest=guest) is None


@pytest.mark.parametrize(
    ("rule", "used", "left"),
    [
        (Rule(AMOUNT, 100), 0, 100),
        (Rule(AMOUNT, 100), 99, 1),
        (Rule(AMOUNT, 100), 100, 0),
        (Rule(AMOUNT, 100), 150, 0),
        (Rule(AMOUNT, 0), 0, 0),
        (Rule(UNLIMITED), 10**15, None),
        (Rule(DISABLED), 0, 0),
        # An amount on a rule of another kind means nothing.
        (Rule(DISABLED, 50), 0, 0),
    ],
)
def test_rest_of_a_rule(rule, used, left):
    assert left_of(rule, used=used) == left


@pytest.mark.parametrize(
    ("rule", "document"), [(Rule(AMOUNT, 0), 0), (Rule(UNLIMITED), "unlimited"), (Rule(DISABLED), "disabled")]
)
def test_rule_as_the_api_writes_it(rule, document):
    assert rule.document == document
