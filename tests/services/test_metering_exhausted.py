"""An allowance that is used up is told of once for each crossing, by whatever took its last token."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from bridge.domain.stores.principals import Caller
from tests.support.books import rows
from tests.support.desk import Desk

NOW = datetime(2026, 3, 10, 15, tzinfo=UTC)


@pytest.fixture
def desk(shop, database):
    """User 2 has 30 of allowance in chat, each day, and it pays first."""
    desk = Desk(database, Caller(shop.id, "key"))
    desk.limit("chat", "daily", user=30, role_editor="unlimited")
    desk.settings(spend_order=["allowance", "balance", "plan"])
    return desk


def told(database):
    """The payloads of what was told of allowances used up, in their order."""
    found = rows(database, "select payload from outbox where type = 'allowance.exhausted' order by id")
    return [one["payload"] if isinstance(one["payload"], dict) else json.loads(one["payload"]) for one in found]


def test_last_token_of_an_allowance_is_told_once(desk, database):
    desk.give(2, 100, now=NOW)

    desk.one(desk.spend(2, 29), now=NOW)
    assert told(database) == []
    desk.one(desk.spend(2, 5), now=NOW)
    desk.one(desk.spend(2, 5), now=NOW)

    (payload,) = told(database)
    assert (payload["module"], payload["resets_at"]) == ("chat", "2026-03-11T04:00:00.000000Z"), "midnight in New York"


def test_allowance_given_back_and_used_up_again_is_told_again(desk, database):
    spent = desk.one(desk.spend(2, 30), now=NOW)
    desk.one(desk.refund(spent), now=NOW)

    desk.one(desk.spend(2, 30), now=NOW)

    assert len(told(database)) == 2


def test_capture_that_takes_the_last_token_tells_it(desk, database):
    desk.one(desk.spend(2, 20), now=NOW)
    held = desk.one(desk.hold(2, 5), now=NOW)
    assert told(database) == []

    desk.one(desk.capture(held, 10), now=NOW)

    assert len(told(database)) == 1


def test_what_the_balance_pays_or_has_no_end_uses_no_allowance_up(desk, database):
    desk.settings(spend_order=["balance", "allowance", "plan"])
    desk.give(2, 30, now=NOW)

    desk.one(desk.spend(2, 30), now=NOW)
    desk.one(desk.spend(3, 1_000, roles=("editor",)), now=NOW)

    assert told(database) == []


def test_hold_of_yesterday_captured_today_tells_nothing_of_todays_allowance(desk, database):
    """It is paid from the window it was set aside in; the one that runs now was used up, and told of, before."""
    tomorrow = NOW + timedelta(hours=14)
    held = desk.one(desk.hold(2, 5, ttl=86_400), now=NOW)
    desk.one(desk.spend(2, 30), now=tomorrow)
    assert len(told(database)) == 1

    captured = desk.one(desk.capture(held, 5), now=tomorrow)

    assert captured["paid_by"] == {"plan": 0, "balance": 0, "allowance": 5}
    assert len(told(database)) == 1
