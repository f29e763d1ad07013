"""An exhausted allowance is announced once for each crossing, whatever spent its last token."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from bridge.domain.stores.principals import Caller
from tests.support.ledger_sql import rows
from tests.support.spend_driver import SpendDriver

NOW = datetime(2026, 3, 10, 15, tzinfo=UTC)


@pytest.fixture
def driver(shop, database):
    """Return user 2 with 30 of allowance in chat, each day, which pays first."""
    driver = SpendDriver(database, Caller(shop.id, "key"))
    driver.limit("chat", "daily", user=30, role_editor="unlimited")
    driver.settings(spend_order=["allowance", "balance", "plan"])
    return driver


def emitted(database):
    """Return the payloads of the exhausted-allowance events, in their order."""
    found = rows(database, "select payload from outbox where type = 'allowance.exhausted' order by id")
    return [one["payload"] if isinstance(one["payload"], dict) else json.loads(one["payload"]) for one in found]


def test_last_token_of_an_allowance_is_announced_once(driver, database):
    driver.give(2, 100, now=NOW)

    driver.one(driver.spend(2, 29), now=NOW)
    assert emitted(database) == []
    driver.one(driver.spend(2, 5), now=NOW)
    driver.one(driver.spend(2, 5), now=NOW)

    (payload,) = emitted(database)
    assert (payload["module"], payload["resets_at"]) == ("chat", "2026-03-11T04:00:00.000000Z"), "midnight in New York"


def test_allowance_refunded_and_used_up_again_is_announced_again(driver, database):
    spent = driver.one(driver.spend(2, 30), now=NOW)
    driver.one(driver.refund(spent), now=NOW)

    driver.one(driver.spend(2, 30), now=NOW)

    assert len(emitted(database)) == 2


def test_capture_that_takes_the_last_token_is_announced(driver, database):
    driver.one(driver.spend(2, 20), now=NOW)
    held = driver.one(driver.hold(2, 5), now=NOW)
    assert emitted(database) == []

    driver.one(driver.capture(held, 10), now=NOW)

    assert len(emitted(database)) == 1


def test_what_the_balance_pays_or_has_no_end_uses_no_allowance_up(driver, database):
    driver.settings(spend_order=["balance", "allowance", "plan"])
    driver.give(2, 30, now=NOW)

    driver.one(driver.spend(2, 30), now=NOW)
    driver.one(driver.spend(3, 1_000, roles=("editor",)), now=NOW)

    assert emitted(database) == []


def test_hold_of_yesterday_captured_today_announces_nothing_of_todays_allowance(driver, database):
    """It is paid from the window it was held in; the current one was exhausted, and announced, before."""
    tomorrow = NOW + timedelta(hours=14)
    held = driver.one(driver.hold(2, 5, ttl=86_400), now=NOW)
    driver.one(driver.spend(2, 30), now=tomorrow)
    assert len(emitted(database)) == 1

    captured = driver.one(driver.capture(held, 5), now=tomorrow)

    assert captured["paid_by"] == {"plan": 0, "balance": 0, "allowance": 5}
    assert len(emitted(database)) == 1
