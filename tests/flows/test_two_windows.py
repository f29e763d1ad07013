"""A limit with a daily and a monthly window: use counts in both, and the stricter refuses and is named."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from bridge.domain.metering.limits import Override, Period
from bridge.domain.stores.principals import Caller
from bridge.services.metering import manual_resets, overrides, quotes
from bridge.services.metering.batcher import GroupCommit
from bridge.services.metering.execute import spend_many
from bridge.services.ops import account_merge, audit
from bridge.services.transactions import in_transaction
from bridge.web.api.quote_documents import explanation_document
from schedulers import jobs
from tests.support import ledger_sql
from tests.support.clock import shift_at
from tests.support.ledger_sql import rows
from tests.support.spend_driver import SpendDriver, rule
from tests.support.spend_replies import read, status_of, text_of
from tests.support.statements import counted

NOW = datetime(2026, 3, 10, 15, tzinfo=UTC)
DAY, TICK = timedelta(days=1), timedelta(seconds=1)
# Midnight in New York, before and after the clocks change.
TONIGHT, MONTH_END = "2026-03-11T04:00:00.000000Z", "2026-04-01T04:00:00.000000Z"


@pytest.fixture
def driver(shop, database):
    """Return a store where users have 100 a day and 250 a month in chat."""
    driver = SpendDriver(database, Caller(shop.id, "key"))
    driver.limit("chat", "daily", user=100, role_editor=150, second=("monthly", {"user": 250}))
    yield driver
    with database.reading() as connection:
        assert list(audit.list_faults(connection, now=NOW + 60 * DAY)) == []
    assert ledger_sql.faults(database) == []


def lefts(answer):
    """Return what each window of an answer's allowance has left."""
    return [window["remaining"] for window in answer["allowance"]["windows"]]


def used(database):
    return [
        (row["counter"], row["used"]) for row in rows(database, "select * from window_uses order by counter, starts_at")
    ]


def events(database, kind):
    found = rows(database, f"select payload from outbox where type = '{kind}' order by id")
    return [one["payload"] if isinstance(one["payload"], dict) else json.loads(one["payload"]) for one in found]


def test_stricter_window_refuses_and_is_named(driver, database):
    first = driver.one(driver.spend(2, 90), now=NOW)
    assert (lefts(first), first["allowance"]["period"], first["allowance"]["remaining"]) == ([10, 160], "daily", 10)

    refused = driver.one(driver.spend(2, 20), now=NOW)
    assert (refused["status"], refused["refused_by"], refused["resets_at"]) == (402, ["daily"], TONIGHT)
    assert (refused["available"], refused["shortfall"]) == (10, 10)
    assert "Today's free limit does not cover this: you are 10 tokens short" in refused["message"]

    driver.one(driver.spend(2, 100), now=NOW + DAY)
    third = driver.one(driver.spend(2, 55), now=NOW + 2 * DAY)
    assert (lefts(third), third["allowance"]["period"], third["allowance"]["resets_at"]) == (
        [45, 5],
        "monthly",
        MONTH_END,
    )
    by_month = driver.one(driver.spend(2, 6), now=NOW + 2 * DAY)
    assert (by_month["refused_by"], by_month["resets_at"]) == (["monthly"], MONTH_END)
    by_both = driver.one(driver.spend(2, 46), now=NOW + 2 * DAY)
    assert (by_both["refused_by"], by_both["resets_at"]) == (["daily", "monthly"], MONTH_END)
    assert "Today's and this month's free limits do not cover this" in by_both["message"]
    never = driver.one(driver.spend(2, 101), now=NOW + 2 * DAY)
    assert never["resets_at"] is None
    assert driver.one(driver.spend(2, 46), now=datetime(2026, 4, 1, 4, tzinfo=UTC))["status"] == 201
    # The balance pays what the windows do not.
    driver.give(3, 30, now=NOW)
    assert driver.one(driver.spend(3, 140), now=NOW)["refused_by"] == ["daily"]
    assert driver.one(driver.spend(3, 130), now=NOW)["paid_by"] == {"plan": 0, "balance": 30, "allowance": 100}


def test_month_that_ends_within_a_week_waits_for_the_week(driver):
    """Both are used up on 30 March: on 1 April the week of 30 March is still the same one."""
    driver.limit("chat", "weekly", user=100, second=("monthly", {"user": 100}))
    at = datetime(2026, 3, 30, 15, tzinfo=UTC)
    driver.one(driver.spend(2, 100), now=at)

    refused = driver.one(driver.spend(2, 1), now=at)

    assert (refused["refused_by"], refused["resets_at"]) == (["weekly", "monthly"], "2026-04-06T04:00:00.000000Z")
    assert driver.one(driver.spend(2, 1), now=datetime(2026, 4, 1, 5, tzinfo=UTC))["refused_by"] == ["weekly"]
    assert driver.one(driver.spend(2, 1), now=datetime(2026, 4, 6, 4, tzinfo=UTC))["status"] == 201


def test_windows_that_begin_together_are_counted_apart(driver, database):
    """On the first of a month, and after a reset of both, the two begin at the same moment."""
    first = datetime(2026, 4, 1, 12, tzinfo=UTC)
    spent = driver.one(driver.spend(2, 40), now=first)
    assert lefts(spent) == [60, 210]
    assert used(database) == [(0, 40), (1, 40)]

    driver.one(driver.spend(2, 60), now=first + DAY)
    back = driver.one(driver.refund(spent, 15), now=first + DAY)

    # The day is over, the month is not: what comes back counts for the month alone.
    assert (back["paid_by"]["allowance"], back["lapsed"], lefts(back)) == (15, 0, [40, 165])
    assert used(database) == [(0, 25), (0, 60), (1, 85)]
    with database.transaction() as connection:
        manual_resets.reset_account(connection, driver.caller.store_id, 2, None, actor="admin", now=first + DAY + TICK)
    assert lefts(driver.one(driver.spend(2, 1), now=first + DAY + 2 * TICK)) == [99, 249]
    late = driver.one(driver.refund(spent), now=first + 2 * DAY)
    assert (late["paid_by"]["allowance"], late["lapsed"]) == (0, 25), "both windows were closed by the reset"


def test_hold_over_midnight_is_charged_where_it_was_held(driver, database):
    evening = datetime(2026, 3, 11, 3, 50, tzinfo=UTC)
    held, other = driver.send(driver.hold(2, 60, ttl=3600), driver.hold(2, 30, ttl=3600), now=evening)
    assert lefts(other) == [10, 160]
    assert driver.one(driver.spend(2, 20), now=evening)["refused_by"] == ["daily"]

    morning = evening + timedelta(minutes=20)
    assert lefts(driver.one(driver.spend(2, 5), now=morning)) == [95, 155]
    captured = driver.one(driver.capture(held, 70), now=morning)
    released = driver.one(driver.release(other), now=morning)

    # 60 were held in yesterday's window and this month's; 10 more would begin in today's.
    assert (captured["paid_by"]["allowance"], captured["uncovered"]) == (60, 10)
    assert lefts(released) == [95, 185]
    assert used(database) == [(0, 60), (0, 5), (1, 65)]
    assert lefts(driver.one(driver.refund(captured), now=morning)) == [95, 245]


def test_window_keeps_its_use_when_the_other_is_added_exchanged_or_removed(driver, database):
    driver.limit("chat", "monthly", user=250)
    driver.one(driver.spend(2, 90), now=NOW)

    driver.limit("chat", "daily", user=100, second=("monthly", {"user": 250}))
    added = driver.one(driver.spend(2, 10), now=NOW)
    driver.limit("chat", "monthly", user=250, second=("daily", {"user": 100}))
    exchanged = driver.one(driver.spend(2, 10), now=NOW)
    driver.limit("chat", "daily", user=100)
    removed = driver.one(driver.spend(2, 10), now=NOW)

    # A new window counts from the change on.
    assert lefts(added) == [90, 150]
    assert lefts(exchanged) == [140, 80]
    assert (removed["allowance"]["remaining"], "windows" in removed["allowance"]) == (70, False)
    assert driver.one(driver.refund(removed), now=NOW)["allowance"]["remaining"] == 80
    assert driver.one(driver.refund(exchanged), now=NOW)["allowance"]["remaining"] == 90


def test_resets_and_own_limits_of_one_window(driver, database):
    store = driver.caller.store_id
    driver.one(driver.spend(2, 90), now=NOW)
    with database.transaction() as connection:
        manual_resets.reset_account(connection, store, 2, "chat", period=Period.DAILY, actor="admin", now=NOW + TICK)
    assert lefts(driver.one(driver.spend(2, 5), now=NOW + 2 * TICK)) == [95, 155]
    with database.transaction() as connection:
        manual_resets.reset_many(
            connection, store, module=None, role=None, period=Period.MONTHLY, actor="admin", now=NOW + 3 * TICK
        )
    assert lefts(driver.one(driver.spend(2, 5), now=NOW + 4 * TICK)) == [90, 245]

    def own(first, second, *, keeps=False):
        with database.transaction() as connection:
            override = Override("chat", rule(first), None, None if second is None else rule(second))
            overrides.put_override(connection, store, 2, override, keeps_second=keeps, actor="admin", now=NOW)
        return driver.one(driver.spend(2, 1), now=NOW + 5 * TICK)["allowance"]["windows"]

    assert [window["limit"] for window in own(500, None)] == [500, 250], "the second keeps the rule of all users"
    assert [window["limit"] for window in own("unlimited", 900)] == ["unlimited", 900]
    assert [window["limit"] for window in own(7, None, keeps=True)] == [7, 900]
    assert [window["limit"] for window in own(500, "disabled")] == [500, "disabled"]
    assert driver.one(driver.spend(2, 1), now=NOW + 6 * TICK)["code"] == "module_disabled"
    assert events(database, "allowance.reset")[0]["period"] == "daily"


def test_events_name_the_window(driver, database):
    driver.settings(spend_order=["allowance", "balance", "plan"])
    tick = lambda moment: jobs.due_windows(shift_at(database, moment))  # noqa: E731

    def announced():
        sql = (
            "select a.user_id, o.payload from outbox o join accounts a on a.id = o.account_id"
            " where o.type = 'allowance.reset' order by o.id"
        )
        found = [(row["user_id"], row["payload"]) for row in rows(database, sql)]
        return [(user, (json.loads(one) if isinstance(one, str) else one)["period"]) for user, one in found]

    for day in range(2):
        tick(NOW + day * DAY)
        driver.send(driver.spend(2, 100), driver.spend(3, 90), now=NOW + day * DAY)
    assert announced() == [(2, "daily")]
    # The month has 50 left for one and 70 for the other: as much as a day now gives.
    driver.limit("chat", "daily", user=50, second=("monthly", {"user": 250}))
    tick(NOW + 2 * DAY)
    driver.send(driver.spend(2, 50), driver.spend(3, 50), now=NOW + 2 * DAY)
    assert announced()[1:] == [(2, "daily"), (3, "daily")]
    tick(NOW + 3 * DAY)
    # The day of user 2 began again, and their month refuses still.
    assert announced()[3:] == [(3, "daily")]
    tick(datetime(2026, 4, 1, 4, tzinfo=UTC))
    tick(datetime(2026, 4, 1, 4, 1, tzinfo=UTC))
    assert announced()[4:] == [(2, "monthly")]
    assert len(rows(database, "select * from window_runs where counter = 1")) == 2
    assert [(one["period"], one["resets_at"]) for one in events(database, "allowance.exhausted")] == [
        ("daily", TONIGHT),
        ("daily", "2026-03-12T04:00:00.000000Z"),
        ("monthly", MONTH_END),
        ("daily", "2026-03-13T04:00:00.000000Z"),
    ]


def test_use_of_the_month_is_not_taken_for_that_of_its_first_day(driver, database):
    first = datetime(2026, 4, 1, 12, tzinfo=UTC)
    jobs.due_windows(shift_at(database, first))
    driver.one(driver.spend(2, 60), now=first)
    driver.one(driver.spend(2, 60), now=first + DAY)

    jobs.due_windows(shift_at(database, first + DAY))

    assert events(database, "allowance.reset") == []


def test_merged_account_brings_the_use_of_both_windows(driver, database):
    """Also where a window of one of the two began again by hand, and for what is held and refunded later."""
    store = driver.caller.store_id
    spent = driver.one(driver.spend(3, 40), now=NOW)
    held = driver.one(driver.hold(3, 20, ttl=86_400), now=NOW)
    driver.one(driver.spend(2, 10), now=NOW)
    with database.transaction() as connection:
        manual_resets.reset_account(connection, store, 2, "chat", period=Period.DAILY, actor="admin", now=NOW + TICK)
        account_merge.merge(connection, store, 2, 3, actor="admin", now=NOW + 2 * TICK)

    after = driver.one(driver.spend(2, 5), now=NOW + 3 * TICK)
    assert lefts(after) == [35, 175]

    def refund(tokens, now):
        # The first attempt finds that the account was merged, as in the batch.
        ask = driver.refund(spent, tokens)
        (reply,) = in_transaction(database.transaction, lambda connection: spend_many(connection, [ask], now=now))
        return read(reply)

    back = refund(30, NOW + 3 * TICK)
    assert (back["paid_by"]["allowance"], lefts(back)) == (30, [65, 205])
    assert lefts(driver.one(driver.release(held), now=NOW + 4 * TICK)) == [85, 225]
    # A day later only the month can have its part back.
    assert lefts(refund(None, NOW + DAY)) == [100, 235]


def test_quotes_and_explanations_see_both_windows(driver, database, shop):
    driver.one(driver.spend(2, 100), now=NOW)
    driver.one(driver.spend(2, 100), now=NOW + DAY)
    with database.reading() as connection:
        asked = [driver.spend(2, 40), driver.spend(2, 20)]
        quoted = quotes.quote(connection, driver.caller, asked[0].who, asked, now=NOW + 2 * DAY)
        found = quotes.explain(connection, shop.id, 2, module="chat", tokens=120, now=NOW + 2 * DAY)

    assert (quoted.paid.allowance, quoted.shortfall) == (50, 10)
    explained = explanation_document(found)
    assert explained["refused_by"] == ["daily", "monthly"]
    assert explained["window"]["period"] == "monthly"
    assert [(one["period"], one["used"], one["remaining"], one["rule"]) for one in explained["windows"]] == [
        ("daily", 0, 100, {"audience": "user", "limit": 100}),
        ("monthly", 200, 50, {"audience": "user", "limit": 250}),
    ]
    assert any("250 tokens monthly" in words for words in explained["words"])
    assert explained["words"][-1] == "Refused by: the daily and the monthly window."


def test_spend_takes_as_many_statements_as_with_one_window(driver, database):
    def count(*asks, now):
        with counted(database) as seen:
            assert {answer["status"] for answer in driver.send(*asks, now=now)} == {201}
        return len(seen)

    driver.limit("ai_forms", "daily", user=1000)
    for module in ("ai_forms", "chat"):
        driver.send(*(driver.spend(user, 1, module=module) for user in (2, 3, 4)), now=NOW)

    one = count(*(driver.spend(user, 1, module="ai_forms") for user in (2, 3, 4)), now=NOW)
    both = count(*(driver.spend(user, 1) for user in (2, 3, 4)), now=NOW)

    assert one == both


def test_64_threads_overrun_neither_window(driver, database):
    driver.limit("chat", "daily", user=100, second=("monthly", {"user": 120}))
    group = GroupCommit(database, clock=lambda: NOW)
    try:
        with ThreadPoolExecutor(64) as pool:
            asks = [driver.spend(user, 3) if at % 2 else driver.hold(user, 3) for at in range(120) for user in (2, 3)]
            first = list(pool.map(group.spend, asks))
            paid = sum(3 for reply in first if status_of(reply) == 201)
        assert paid == 2 * 99
    finally:
        group.close()
    group = GroupCommit(database, clock=lambda: NOW + DAY)
    try:
        with ThreadPoolExecutor(64) as pool:
            replies = list(pool.map(group.spend, [driver.spend(user, 3) for _ in range(40) for user in (2, 3)]))
    finally:
        group.close()
    spent = rows(database, "select account_id, sum(from_allowance) as n from spends group by account_id")
    assert all(row["n"] <= 120 for row in spent)
    assert {status_of(reply) for reply in replies} == {201, 402}
    over = "select account_id from window_uses where used > case counter when 0 then 100 else 120 end"
    assert rows(database, over) == []


def test_stored_answer_keeps_its_bytes(driver, database):
    ask = driver.spend(2, 10, key="kept")
    (first,) = driver.replies([ask], now=NOW)

    driver.limit("chat", "daily", user=100)
    (again,) = driver.replies([ask], now=NOW + DAY)

    assert (status_of(again), text_of(again)) == (status_of(first), text_of(first))
    assert lefts(read(again)) == [90, 240]


@pytest.mark.parametrize("counter", [0, 1])
def test_audit_finds_a_wrong_count_of_either_window(driver, database, counter):
    """Also where both begin at the same moment, so that one could stand for the other."""
    first = datetime(2026, 4, 1, 12, tzinfo=UTC)
    driver.one(driver.spend(2, 40), now=first)
    change = text("update window_uses set used = used + :by where counter = :counter")

    def plant(by, at):
        with database.transaction() as connection:
            connection.execute(change, {"by": by, "counter": at})

    plant(1, counter)
    plant(-1, 1 - counter)
    with database.reading() as connection:
        found = [(fault.check, fault.sentence) for fault in audit.list_faults(connection, now=first)]
    assert [check for check, _ in found] == ["window", "window"]
    assert "(counter 1)" in found[1][1]
    plant(-1, counter)
    plant(1, 1 - counter)
