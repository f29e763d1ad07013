"""Holds at their limits: the instant of expiry, the end of a window, more than was held, less than is there."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from bridge.domain.stores.principals import Caller
from bridge.services.metering import expiry, manual_resets, overrides
from bridge.services.ops import audit
from tests.factories import add_shop
from tests.support import ledger_sql
from tests.support.ledger_sql import rows
from tests.support.spend_driver import SpendDriver, rule

NOW = datetime(2026, 3, 10, 15, tzinfo=UTC)
TICK = timedelta(microseconds=1)
ORDERS = [
    ["plan", "balance", "allowance"],
    ["plan", "allowance", "balance"],
    ["balance", "plan", "allowance"],
    ["balance", "allowance", "plan"],
    ["allowance", "plan", "balance"],
    ["allowance", "balance", "plan"],
]


@pytest.fixture
def driver(shop, database):
    """Return a driver whose ledger adds up after each test."""
    yield SpendDriver(database, Caller(shop.id, "key"))
    with database.reading() as connection:
        assert list(audit.list_faults(connection, now=NOW + timedelta(days=60))) == []
    assert ledger_sql.faults(database) == []


def available(driver, user, now):
    """Return the available tokens that a refused spend reports."""
    return driver.one(driver.spend(user, 10**9), now=now)["available"]


@pytest.mark.parametrize("job", ["job", "no job"])
@pytest.mark.parametrize("seconds", [1, 300, 86_400])
def test_hold_counts_to_the_last_microsecond_and_at_its_expiry_no_more(driver, job, seconds):
    driver.give(2, 100, now=NOW)
    held = driver.one(driver.hold(2, 60, ttl=seconds), now=NOW)
    end = NOW + timedelta(seconds=seconds)
    found = []

    for moment in (end - TICK, end, end + TICK):
        if job == "job":
            expiry.expire_due(driver.database.transaction, now=moment, limit=10)
        found.append(available(driver, 2, moment))

    assert held["expires_at"] == end.isoformat(timespec="microseconds").replace("+00:00", "Z")
    assert held["balance"] == {"balance": 100, "held": 60, "available": 40, "debt": 0}
    assert found == [40, 100, 100]


def test_hold_of_an_allowance_counts_to_the_last_microsecond_too(driver):
    driver.limit("chat", "monthly", user=50)
    driver.one(driver.hold(2, 50, ttl=60), now=NOW)
    end = NOW + timedelta(seconds=60)

    statuses = [driver.one(driver.spend(2, 50), now=moment)["status"] for moment in (end - TICK, end)]

    assert statuses == [402, 201]


def test_captured_less_frees_the_rest_at_once(driver):
    driver.give(2, 100, now=NOW)
    held = driver.one(driver.hold(2, 60), now=NOW)

    answer = driver.one(driver.capture(held, 25), now=NOW)

    assert (answer["status"], answer["tokens"], answer["uncovered"], answer["hold"]) == (201, 25, 0, held["id"])
    assert answer["balance"] == {"balance": 75, "held": 0, "available": 75, "debt": 0}


@pytest.mark.parametrize(("price", "paid", "uncovered"), [(60, 60, 0), (61, 61, 0), (80, 80, 0), (81, 80, 1)])
def test_captured_above_the_hold_draws_what_is_free_and_the_rest_is_uncovered(driver, price, paid, uncovered):
    """100 tokens, 20 of them held by another hold."""
    driver.give(2, 100, now=NOW)
    held, other = driver.send(driver.hold(2, 60), driver.hold(2, 20), now=NOW)

    answer = driver.one(driver.capture(held, price), now=NOW)

    assert (answer["tokens"], answer["paid_by"]["balance"], answer["uncovered"]) == (price, paid, uncovered)
    assert answer["balance"]["held"] == 20
    assert driver.one(driver.capture(other, 20), now=NOW)["uncovered"] == 0


def test_late_capture_is_a_spend_of_what_is_there_by_then(driver):
    driver.give(2, 100, now=NOW)
    held = driver.one(driver.hold(2, 60, ttl=60), now=NOW)
    late = NOW + timedelta(seconds=60)
    driver.one(driver.spend(2, 70), now=late)

    answer = driver.one(driver.capture(held, 60), now=late)

    assert (answer["tokens"], answer["paid_by"]["balance"], answer["uncovered"]) == (60, 30, 30)


def test_allowance_that_was_used_meanwhile_is_not_drawn_again_beyond_a_hold_of_balance(driver):
    """The hold used nothing of the allowance, so its window has to be looked up separately."""
    driver.limit("chat", "daily", user=50)
    driver.give(2, 10, now=NOW)
    held = driver.one(driver.hold(2, 10), now=NOW)
    driver.one(driver.spend(2, 45), now=NOW)

    answer = driver.one(driver.capture(held, 20), now=NOW)

    assert answer["paid_by"] == {"plan": 0, "balance": 10, "allowance": 5}
    assert (answer["uncovered"], answer["allowance"]["used"], answer["allowance"]["remaining"]) == (5, 50, 0)


def test_release_and_refund_report_the_use_of_an_allowance_that_paid_nothing(driver):
    driver.limit("chat", "daily", user=50)
    driver.give(2, 20, now=NOW)
    held, spent, _ = driver.send(driver.hold(2, 10), driver.spend(2, 10), driver.spend(2, 30), now=NOW)

    released, refunded = (driver.one(ask, now=NOW) for ask in (driver.release(held), driver.refund(spent)))

    assert (released["allowance"]["used"], refunded["allowance"]["used"]) == (30, 30)


def test_limit_lowered_below_what_is_held_takes_nothing_back_from_a_capture_above(driver):
    driver.limit("chat", "daily", user=50)
    driver.give(2, 10, now=NOW)
    driver.settings(spend_order=["allowance", "balance", "plan"])
    held = driver.one(driver.hold(2, 50), now=NOW)
    driver.limit("chat", "daily", user=20)

    answer = driver.one(driver.capture(held, 70), now=NOW)

    assert answer["paid_by"] == {"plan": 0, "balance": 10, "allowance": 50}
    assert (answer["tokens"], answer["uncovered"]) == (70, 10)


def test_reversal_takes_what_was_held_and_the_capture_is_uncovered(driver):
    driver.order(1, 2, now=NOW, tokens=100)
    held, other = driver.send(driver.hold(2, 60), driver.hold(2, 40), now=NOW)
    driver.one(driver.release(other), now=NOW)
    driver.one(driver.spend(2, 40), now=NOW)
    driver.order(1, 2, status="refunded", now=NOW, tokens=100)

    answer = driver.one(driver.capture(held, 60), now=NOW)

    assert (answer["tokens"], answer["paid_by"]["balance"], answer["uncovered"]) == (60, 0, 60)
    assert answer["balance"] == {"balance": 0, "held": 0, "available": 0, "debt": 40}


def test_after_a_reversal_of_part_of_what_is_held_available_is_nothing_and_not_less(driver):
    driver.give(2, 100, now=NOW)
    first, second = driver.send(driver.hold(2, 60), driver.hold(2, 40), now=NOW)
    driver.give(2, -70, now=NOW)

    assert available(driver, 2, NOW) == 0
    captured = [driver.one(driver.capture(hold, 60), now=NOW) for hold in (first, second)]

    assert [(one["paid_by"]["balance"], one["uncovered"]) for one in captured] == [(30, 30), (0, 60)]


def test_hold_across_the_end_of_its_window_is_captured_in_the_window_it_was_held_in(driver):
    """New York's day ends at 04:00 in UTC; 50 tokens a day, 30 of them held over midnight."""
    driver.limit("chat", "daily", user=50)
    midnight = datetime(2026, 3, 11, 4, tzinfo=UTC)
    held = driver.one(driver.hold(2, 30, ttl=7_200), now=midnight - timedelta(minutes=5))

    fresh = driver.one(driver.spend(2, 50), now=midnight)
    answer = driver.one(driver.capture(held, 35), now=midnight)

    assert (fresh["status"], fresh["allowance"]["held"]) == (201, 0)
    assert (answer["paid_by"]["allowance"], answer["uncovered"]) == (30, 5)
    assert (answer["allowance"]["used"], answer["allowance"]["remaining"]) == (50, 0)
    uses = rows(driver.database, "select used from window_uses order by starts_at")
    assert [row["used"] for row in uses] == [30, 50]


def test_capture_of_a_hold_in_a_closed_window_takes_nothing_more_from_the_new_one(driver):
    """One spend counts in one window."""
    driver.limit("chat", "daily", user=50)
    midnight = datetime(2026, 3, 11, 4, tzinfo=UTC)
    held = driver.one(driver.hold(2, 30, ttl=7_200), now=midnight - timedelta(minutes=5))

    answer = driver.one(driver.capture(held, 35), now=midnight)

    assert (answer["paid_by"]["allowance"], answer["uncovered"], answer["allowance"]["used"]) == (30, 5, 0)


@pytest.mark.parametrize("order", ORDERS, ids=lambda order: "-".join(order))
def test_hold_from_all_three_sources_is_captured_in_the_stores_order(driver, order):
    """10 of the plan, 20 of the balance, 30 of the allowance; first captured in full order, then 5 above."""
    driver.settings(spend_order=order)
    driver.limit("chat", "monthly", user=30)
    driver.plan(70, tokens=10, months=2, now=NOW)
    driver.order(1, 2, now=NOW, product=70)
    driver.give(2, 20, now=NOW)
    there = {"plan": 10, "balance": 20, "allowance": 30}

    held = driver.one(driver.hold(2, 60), now=NOW)
    less = driver.one(driver.capture(held, 35), now=NOW)

    assert held["paid_by"] == there
    expected, missing = {}, 35
    for source in order:
        expected[source] = min(missing, there[source])
        missing -= expected[source]
    assert less["paid_by"] == expected
    again = driver.one(driver.hold(2, 25), now=NOW)
    above = driver.one(driver.capture(again, 30), now=NOW)
    assert {source: above["paid_by"][source] + expected[source] for source in there} == there
    assert (above["tokens"], above["uncovered"]) == (30, 5)


def test_hold_of_an_operation_is_captured_by_units_at_todays_price(driver):
    driver.give(2, 100, now=NOW)
    held = driver.one(driver.hold(2, operation="image.pipeline", units=10), now=NOW)

    answer = driver.one(driver.capture(held, units=7), now=NOW)

    assert (held["tokens"], answer["tokens"], answer["quantity"], answer["operation"]) == (20, 14, 7, "image.pipeline")


@pytest.mark.parametrize("settle", ["capture", "release"])
def test_settled_hold_is_settled_for_good(driver, settle):
    driver.give(2, 100, now=NOW)
    held = driver.one(driver.hold(2, 60), now=NOW)
    driver.one(driver.capture(held, 10) if settle == "capture" else driver.release(held), now=NOW)

    codes = [driver.one(ask, now=NOW)["code"] for ask in (driver.capture(held, 10), driver.release(held))]

    codes_of = {"capture": ["hold_captured", "hold_captured"], "release": ["hold_released", "hold_released_before"]}
    assert codes == codes_of[settle]


def test_reset_by_hand_leaves_a_hold_in_the_window_it_was_held_in(driver):
    driver.limit("chat", "daily", user=50)
    held = driver.one(driver.hold(2, 30), now=NOW)
    with driver.database.transaction() as connection:
        manual_resets.reset_account(connection, driver.caller.store_id, 2, "chat", actor="admin", now=NOW + TICK)

    later = NOW + 2 * TICK
    assert driver.one(driver.spend(2, 50), now=later)["status"] == 201
    assert driver.one(driver.capture(held, 30), now=later)["paid_by"]["allowance"] == 30


def test_override_that_ends_while_a_hold_is_open_does_not_shrink_the_hold(driver):
    driver.limit("chat", "daily", user=10)
    driver.put_user(2, now=NOW)
    end = NOW + timedelta(minutes=1)
    with driver.database.transaction() as connection:
        override = overrides.Override("chat", rule("unlimited"), end)
        overrides.put_override(connection, driver.caller.store_id, 2, override, actor="admin", now=NOW)
    held = driver.one(driver.hold(2, 500), now=end - TICK)

    refused, answer = driver.one(driver.spend(2, 1), now=end), driver.one(driver.capture(held, 500), now=end)

    assert (refused["status"], answer["paid_by"]["allowance"]) == (402, 500)


def test_another_stores_holds_and_spends_are_unknown_whatever_paid_for_them(driver, app):
    """The other store's rules are not loaded in such a batch, so its rows must not be read."""
    driver.limit("chat", "daily", user=50)
    driver.plan(70, tokens=10, months=2, now=NOW)
    driver.order(1, 2, now=NOW, product=70)
    theirs, _headers = add_shop(app, "other")
    other = SpendDriver(driver.database, Caller(theirs.store.id, "key"))
    held, spent = driver.send(driver.hold(2, 30), driver.spend(2, 20), now=NOW)

    asks = [other.capture(held, 1), other.release(held), other.refund(spent), other.refund(spent, 1)]
    alone = [other.one(ask, now=NOW)["code"] for ask in asks]
    mixed = driver.send(*asks, driver.release(held), now=NOW)

    assert alone == ["unknown_hold", "unknown_hold", "unknown_spend", "unknown_spend"]
    assert [answer["status"] for answer in mixed] == [0, 0, 0, 0, 200]


@pytest.mark.parametrize("news", ["override", "reset of one", "reset of all", "plan", "limit"])
def test_exception_counts_from_the_next_ask_also_where_the_rules_were_known(driver, news):
    """The rules are cached; the first of a kind must make them be read again."""
    driver.limit("chat", "daily", user=10)
    assert driver.one(driver.spend(2, 10), now=NOW)["status"] == 201
    assert driver.one(driver.spend(2, 1), now=NOW)["status"] == 402
    store_id = driver.caller.store_id

    with driver.database.transaction() as connection:
        if news == "override":
            override = overrides.Override("chat", rule(20))
            overrides.put_override(connection, store_id, 2, override, actor="admin", now=NOW)
        if news == "reset of one":
            manual_resets.reset_account(connection, store_id, 2, None, actor="admin", now=NOW)
        if news == "reset of all":
            manual_resets.reset_many(connection, store_id, module="chat", role=None, actor="admin", now=NOW)
    if news == "plan":
        driver.plan(70, tokens=10, months=1, now=NOW)
        driver.order(1, 2, now=NOW, product=70)
    if news == "limit":
        driver.limit("chat", "daily", user=20)

    answers = driver.send(driver.spend(2, 10), driver.spend(2, 1), now=NOW)

    assert [answer["status"] for answer in answers] == [201, 402]
