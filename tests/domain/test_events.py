"""Events about balances, and the retries of failed deliveries."""

from __future__ import annotations

import random
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bridge.domain.events.events import (
    JITTER,
    RETRY_SECONDS,
    Alert,
    EventType,
    alert_after,
    rest,
    retry_wait,
)
from bridge.domain.stores.thresholds import Line, Threshold, lines_of

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
LOW = 1000
DOCS = Path(__file__).parents[2] / "docs"

TABLE = [
    (Alert.NEW, 0, Alert.NEW, None),
    (Alert.NEW, 999, Alert.LOW, None),
    (Alert.NEW, 1000, Alert.OK, None),
    (Alert.OK, 1000, Alert.OK, None),
    (Alert.OK, 999, Alert.LOW, EventType.BALANCE_LOW),
    (Alert.OK, 1, Alert.LOW, EventType.BALANCE_LOW),
    (Alert.OK, 0, Alert.EXHAUSTED, EventType.BALANCE_EXHAUSTED),
    (Alert.LOW, 1, Alert.LOW, None),
    (Alert.LOW, 999, Alert.LOW, None),
    (Alert.LOW, 1000, Alert.OK, None),
    (Alert.LOW, 0, Alert.EXHAUSTED, EventType.BALANCE_EXHAUSTED),
    (Alert.EXHAUSTED, 0, Alert.EXHAUSTED, None),
    (Alert.EXHAUSTED, 1, Alert.LOW, EventType.BALANCE_REPLENISHED),
    (Alert.EXHAUSTED, 1000, Alert.OK, EventType.BALANCE_REPLENISHED),
]


@pytest.mark.parametrize(("before", "available", "after", "event"), TABLE)
def test_alert_after_each_balance(before, available, after, event):
    below = LOW if before is Alert.LOW else None

    change = alert_after(before, below, available=available, lines=[Line(LOW)])

    assert change.alert is after
    assert change.below == (LOW if after is Alert.LOW else None)
    assert [each.type for each in change.announced] == ([] if event is None else [event])


def test_no_balance_is_low_where_nothing_counts_as_low():
    assert alert_after(Alert.OK, None, available=1, lines=[]) == (Alert.OK, None, ())


def test_each_crossing_is_announced_once_and_armed_again_when_the_balance_rises():
    alert, below, emitted = Alert.NEW, None, []
    for available in (5000, 900, 500, 0, 0, 20, 5000, 999, 1000, 999, 0, 5000):
        alert, below, events = alert_after(alert, below, available=available, lines=[Line(LOW)])
        emitted.append([each.type.removeprefix("balance.") for each in events])

    low, exhausted, replenished = ["low"], ["exhausted"], ["replenished"]
    assert emitted == [[], low, [], exhausted, [], replenished, [], low, [], low, exhausted, replenished]


def test_each_of_several_levels_is_announced_once_for_each_fall_below_it():
    """Compared with a second implementation: a set of armed levels."""
    rng = random.Random(7)
    for _ in range(300):
        lines = lines_of(0, [Threshold(tokens=rng.randint(1, 30)) for _ in range(rng.randint(1, 4))], 0)
        alert, below, armed = Alert.OK, None, {line.tokens for line in lines}
        for _ in range(25):
            available = rng.randint(1, 40)
            alert, below, events = alert_after(alert, below, available=available, lines=lines)
            under = {line.tokens for line in lines if available < line.tokens}
            assert [each.line.tokens for each in events] == sorted(under & armed, reverse=True)
            armed = {line.tokens for line in lines} - under


def test_levels_are_the_low_balance_and_each_threshold_once_the_highest_first():
    thresholds = [Threshold(tokens=500), Threshold(tokens=1000), Threshold(percent=20), Threshold(percent=1)]

    assert lines_of(1000, [], 99) == (Line(1000),)
    assert lines_of(0, [], 99) == ()
    assert lines_of(1000, thresholds, 10_000) == (Line(2000, 20), Line(1000), Line(500), Line(100, 1))
    assert lines_of(0, thresholds, 2500) == (Line(1000), Line(500), Line(25, 1))
    assert lines_of(0, thresholds[2:], 0) == ()
    assert lines_of(0, thresholds[2:], 4) == (Line(1, 20),)


@pytest.mark.parametrize("failures", range(1, len(RETRY_SECONDS) + 1))
def test_wait_is_moved_by_chance_within_its_bounds(failures):
    seconds = RETRY_SECONDS[failures - 1]

    assert retry_wait(failures, draw=0.0) == timedelta(seconds=seconds * (1 - JITTER))
    assert retry_wait(failures, draw=0.5) == timedelta(seconds=seconds)
    assert timedelta(seconds=seconds) < retry_wait(failures, draw=0.999) < timedelta(seconds=seconds * (1 + JITTER))


def test_waits_grow_over_three_days_and_then_end():
    assert retry_wait(len(RETRY_SECONDS) + 1, draw=0.5) is None
    assert list(RETRY_SECONDS) == sorted(RETRY_SECONDS)
    # Even where chance shortens every wait, a receiver that is down for two days gets the event.
    assert sum(RETRY_SECONDS) * (1 - JITTER) > 2 * 86_400
    assert sum(RETRY_SECONDS) > 3 * 86_400


def test_rest_doubles_up_to_five_minutes():
    rests = [rest(failures, draw=0.0).total_seconds() for failures in (1, 2, 3, 6, 7, 50)]

    assert rests == [5, 10, 20, 160, 300, 300]
    assert rest(50, draw=0.999) >= timedelta(seconds=300 * (1 - JITTER))


def test_every_event_is_documented():
    document = (DOCS / "reference/events.md").read_text()

    assert {type_.value for type_ in EventType} == set(
        re.findall(r"^\| `([a-z]+\.[a-z_]+)` \|", document, re.MULTILINE)
    )
