"""Plans: months counted from the day of the purchase, however long they are and whatever the clocks do."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from bridge.domain.metering.plans import Term, add_months, allotments_at

PARIS, NEW_YORK, UTC_ZONE = ZoneInfo("Europe/Paris"), ZoneInfo("America/New_York"), ZoneInfo("UTC")
TICK = timedelta(microseconds=1)


def at(text, zone=UTC_ZONE):
    return datetime.fromisoformat(text).replace(tzinfo=zone).astimezone(UTC)


def term(bought_at, *, months=3, tokens=100, number=1, product=7, name="Pro"):
    return Term(number, 1, product, name, tokens, months, bought_at)


def windows(terms, moments, zone=UTC_ZONE):
    """Return the start of the running window at each moment, None for no plan."""
    found = [allotments_at(terms, moment, zone) for moment in moments]
    return [one[0].window.starts_at if one else None for one in found]


def test_plan_bought_on_the_31st_turns_on_the_last_day_of_shorter_months_and_on_the_31st_again():
    bought = at("2027-10-31T15:00")
    turns = [at(f"{day}T15:00") for day in ("2027-10-31", "2027-11-30", "2027-12-31", "2028-01-31", "2028-02-29")]

    just_before = windows([term(bought, months=6)], [turn - TICK for turn in turns])
    at_them = windows([term(bought, months=6)], turns)

    assert at_them == turns
    assert just_before == [None, *turns[:-1]]


@pytest.mark.parametrize(("year", "last"), [(2027, 28), (2028, 29)])
def test_february_has_one_window_and_ends_it_on_march_31st(year, last):
    bought = at(f"{year}-01-31T00:00")

    (allotment,) = allotments_at([term(bought)], at(f"{year}-02-{last}T00:00"), UTC_ZONE)

    assert (allotment.window.starts_at, allotment.window.ends_at) == (
        at(f"{year}-02-{last}T00:00"),
        at(f"{year}-03-31T00:00"),
    )


def test_windows_begin_at_the_same_local_time_on_either_side_of_a_clock_change():
    bought = at("2026-10-10T09:30", PARIS)

    starts = windows([term(bought)], [at("2026-10-20T00:00"), at("2026-11-20T00:00")], PARIS)

    assert starts == [at("2026-10-10T07:30"), at("2026-11-10T08:30")]


def test_local_time_that_does_not_exist_is_passed_over_and_one_that_comes_twice_is_its_first():
    """At 02:30 on 8 March 2026 New York has no such time; on 1 November it comes twice."""
    assert add_months(at("2026-02-08T02:30", NEW_YORK), 1, NEW_YORK) == at("2026-03-08T07:30")
    assert add_months(at("2026-10-01T01:30", NEW_YORK), 1, NEW_YORK) == at("2026-11-01T05:30")


@pytest.mark.parametrize("zone", [PARIS, NEW_YORK, ZoneInfo("Africa/Cairo"), ZoneInfo("Australia/Lord_Howe")])
def test_windows_follow_each_other_without_a_gap_or_an_overlap(zone):
    """Every six hours of nearly two years are in the running window, and each begins where the last one ended."""
    bought = at("2026-01-31T02:30", zone)
    found = []
    for step in range(4 * 700):
        moment = bought + timedelta(hours=6 * step)
        (allotment,) = allotments_at([term(bought, months=30)], moment, zone)
        assert allotment.window.holds(moment)
        if not found or found[-1] != allotment.window:
            found.append(allotment.window)

    assert len(found) == 24
    assert [one.ends_at for one in found[:-1]] == [one.starts_at for one in found[1:]]


def test_term_ends_after_its_months_and_gives_nothing_at_its_end():
    bought = at("2027-01-31T12:00")
    end = at("2027-04-30T12:00")

    assert windows([term(bought)], [bought - TICK, end - TICK, end]) == [None, at("2027-03-31T12:00"), None]
    assert allotments_at([term(bought)], bought, UTC_ZONE)[0].ends_at == end


def test_renewal_before_the_end_extends_and_keeps_the_day():
    first, renewal = term(at("2027-01-31T12:00")), term(at("2027-04-01T00:00"), number=2, months=2)

    starts = windows([first, renewal], [at("2027-04-30T12:00"), at("2027-05-31T12:00"), at("2027-06-30T12:00")])

    assert starts == [at("2027-04-30T12:00"), at("2027-05-31T12:00"), None]


def test_renewal_at_the_very_end_starts_again_and_one_just_before_it_extends():
    first, end = term(at("2027-01-31T12:00")), at("2027-04-30T12:00")

    renewed = allotments_at([first, term(end, number=2, months=1)], at("2027-05-30T13:00"), UTC_ZONE)
    extended = allotments_at([first, term(end - TICK, number=2, months=1)], at("2027-05-30T13:00"), UTC_ZONE)

    assert renewed == []
    assert extended[0].ends_at == at("2027-05-31T12:00")


def test_renewal_after_the_end_starts_again_with_its_own_day_and_amount():
    terms = [term(at("2027-01-31T12:00"), months=1), term(at("2027-03-15T08:00"), number=2, months=1, tokens=500)]

    gap, running = at("2027-03-01T00:00"), at("2027-04-15T08:00") - TICK

    assert windows(terms, [gap, running]) == [None, at("2027-03-15T08:00")]
    assert allotments_at(terms, running, UTC_ZONE)[0].tokens == 500


def test_renewal_changes_the_amount_from_its_own_months_on():
    terms = [term(at("2027-01-10T00:00"), months=1, tokens=100), term(at("2027-01-20T00:00"), number=2, tokens=500)]

    first, second = (allotments_at(terms, at(f"2027-0{month}-25T00:00"), UTC_ZONE)[0] for month in (1, 2))

    assert (first.tokens, second.tokens) == (100, 500)


def test_term_that_was_taken_back_gives_nothing_and_extends_nothing():
    bought = at("2027-01-10T00:00")
    terms = [term(bought, months=1), term(bought + timedelta(days=5), number=2, months=0)]

    assert windows(terms, [bought, at("2027-02-10T00:00")]) == [bought, None]
    assert windows([term(bought, months=0)], [bought]) == [None]


def test_of_several_plans_the_one_whose_window_ends_first_stands_in_front():
    late = term(at("2027-01-20T00:00"), product=1)
    soon = term(at("2027-01-10T00:00"), number=2, product=2)

    found = allotments_at([late, soon], at("2027-01-25T00:00"), UTC_ZONE)

    assert [allotment.product_id for allotment in found] == [2, 1]


def test_terms_may_come_in_any_order():
    terms = [term(at("2027-01-31T12:00"), number=3), term(at("2027-02-01T00:00"), number=1, tokens=9)]
    moments = [at("2027-01-31T12:00") + timedelta(days=day) for day in range(200)]

    assert windows(terms, moments) == windows(terms[::-1], moments)


@pytest.mark.parametrize("zone", [UTC_ZONE, ZoneInfo("Pacific/Kiritimati"), ZoneInfo("America/New_York")])
def test_terms_that_are_longer_than_the_calendar_end_in_its_last_year(zone):
    bought = at("2027-01-31T12:00")
    terms = [term(bought, number=number, months=1200) for number in range(1, 100)]
    (allotment,) = allotments_at(terms, at("2027-03-01T00:00"), zone)
    assert allotment.ends_at.year == 9998
    assert allotment.window.starts_at <= at("2027-03-01T00:00") < allotment.window.ends_at
