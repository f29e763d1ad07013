"""A hold counts while it is open and its time is not over."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from bridge.domain.metering.holds import Hold, HoldState

START = datetime(2026, 3, 1, tzinfo=UTC)


def hold(state):
    return Hold(
        id=1,
        account_id=1,
        store_id=1,
        site_id=0,
        module="chat",
        operation=None,
        units=1,
        tokens=10,
        from_plan=0,
        from_balance=10,
        from_allowance=0,
        window_starts_at=None,
        window_ends_at=None,
        plan_parts=(),
        source=None,
        reference=None,
        state=state,
        created_at=START,
        expires_at=START + timedelta(seconds=1),
    )


@pytest.mark.parametrize("state", HoldState)
@pytest.mark.parametrize(("micros", "in_time"), [(0, True), (999_999, True), (1_000_000, False), (9_000_000, False)])
def test_open_hold_counts_to_the_microsecond_before_its_expiry(state, micros, in_time):
    counts = hold(state).counts_at(START + timedelta(microseconds=micros))

    assert counts is (in_time and state is HoldState.OPEN)
