"""Refunds: to the sources that paid, while they can take it, and never more than was paid."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest

from bridge.domain.stores.principals import Caller
from bridge.services.metering import manual_resets
from bridge.services.metering.batcher import GroupCommit
from bridge.services.ops import audit
from bridge.services.sites import sites
from bridge.services.sites.sites import NewSite
from tests.support import ledger_sql
from tests.support.ledger_sql import rows
from tests.support.spend_driver import SpendDriver, read

NOW = datetime(2026, 3, 10, 15, tzinfo=UTC)
MIDNIGHT = datetime(2026, 3, 11, 4, tzinfo=UTC)
TICK = timedelta(microseconds=1)


@pytest.fixture
def driver(shop, database):
    """Return a driver whose ledger adds up after each test."""
    yield SpendDriver(database, Caller(shop.id, "key"))
    with database.reading() as connection:
        assert list(audit.list_faults(connection, now=NOW + timedelta(days=60))) == []
    assert ledger_sql.faults(database) == []


@pytest.fixture
def rich(driver):
    """Return user 2 with 10 of a plan, 20 of balance and 30 of allowance, each day."""
    driver.limit("chat", "daily", user=30)
    driver.plan(70, tokens=10, months=2, now=NOW)
    driver.order(1, 2, now=NOW, product=70)
    driver.give(2, 20, now=NOW)
    return driver


@pytest.mark.parametrize(
    ("order", "part", "paid_by"),
    [
        (["plan", "balance", "allowance"], 35, {"plan": 0, "balance": 5, "allowance": 30}),
        (["allowance", "balance", "plan"], 35, {"plan": 10, "balance": 20, "allowance": 5}),
        (["balance", "allowance", "plan"], 35, {"plan": 10, "balance": 0, "allowance": 25}),
        (["plan", "balance", "allowance"], None, {"plan": 10, "balance": 20, "allowance": 30}),
    ],
)
def test_refund_goes_back_the_way_the_price_came(rich, order, part, paid_by):
    rich.settings(spend_order=order)
    spent = rich.one(rich.spend(2, 60), now=NOW)

    refunded = rich.one(rich.refund(spent, part), now=NOW)
    rest = rich.one(rich.refund(spent), now=NOW) if part else {"tokens": 0}

    assert (refunded["status"], refunded["paid_by"], refunded["lapsed"]) == (201, paid_by, 0)
    assert refunded["tokens"] + rest["tokens"] == 60
    assert rich.one(rich.spend(2, 60), now=NOW)["paid_by"] == {"plan": 10, "balance": 20, "allowance": 30}


@pytest.mark.parametrize(
    ("moment", "allowance", "lapsed", "remaining"), [(MIDNIGHT - TICK, 30, 0, 30), (MIDNIGHT, 0, 30, 30)]
)
def test_allowance_goes_back_to_the_last_microsecond_of_its_window_and_lapses_at_its_end(
    rich, moment, allowance, lapsed, remaining
):
    spent = rich.one(rich.spend(2, 60), now=NOW)

    refunded = rich.one(rich.refund(spent), now=moment)

    assert refunded["paid_by"] == {"plan": 10, "balance": 20, "allowance": allowance}
    assert (refunded["tokens"], refunded["lapsed"]) == (30 + allowance, lapsed)
    assert refunded["allowance"]["remaining"] == remaining
    assert rich.one(rich.refund(spent, 1), now=moment)["code"] == "refund_exceeds_spend"


def test_part_refund_after_the_windows_end_goes_to_those_that_can_take_it_first(rich):
    spent = rich.one(rich.spend(2, 60), now=NOW)

    first, second = (rich.one(rich.refund(spent, tokens), now=MIDNIGHT) for tokens in (25, 25))

    assert (first["paid_by"], first["lapsed"]) == ({"plan": 5, "balance": 20, "allowance": 0}, 0)
    assert (second["paid_by"], second["lapsed"]) == ({"plan": 5, "balance": 0, "allowance": 0}, 20)
    assert rich.one(rich.refund(spent, 11), now=MIDNIGHT)["code"] == "refund_exceeds_spend"
    assert rich.one(rich.refund(spent, 10), now=MIDNIGHT)["lapsed"] == 10


def test_reset_by_hand_closes_the_window_a_refund_would_go_to(rich):
    spent = rich.one(rich.spend(2, 60), now=NOW)
    with rich.database.transaction() as connection:
        manual_resets.reset_many(
            connection, rich.caller.store_id, module="chat", role=None, actor="admin", now=NOW + TICK
        )

    refunded = rich.one(rich.refund(spent), now=NOW + TICK)

    assert (refunded["paid_by"]["allowance"], refunded["lapsed"]) == (0, 30)
    assert refunded["allowance"]["used"] == 0


def test_plan_that_is_still_open_gets_its_own_when_another_has_closed(driver):
    """Two plans pay; the first one's month ends, and a refund in two parts fills the other and lapses after."""
    driver.plan(70, tokens=10, months=1, now=NOW)
    driver.plan(71, tokens=10, months=1, now=NOW)
    driver.order(1, 2, now=NOW - timedelta(days=20), product=70)
    driver.order(2, 2, now=NOW, product=71)
    spent = driver.one(driver.spend(2, 20), now=NOW)
    closed = NOW + timedelta(days=15)

    before, first, second = (
        driver.one(driver.refund(spent, tokens), now=moment) for tokens, moment in ((3, NOW), (4, closed), (13, closed))
    )

    assert [(one["paid_by"]["plan"], one["lapsed"]) for one in (before, first, second)] == [(3, 0), (4, 0), (3, 10)]
    used = rows(driver.database, "select product_id, used from plan_uses order by product_id")
    assert [tuple(row.values()) for row in used] == [(70, 10), (71, 0)]


def test_refund_to_a_user_in_debt_pays_the_debt_first(driver):
    driver.order(1, 2, now=NOW, tokens=100)
    spent = driver.one(driver.spend(2, 80), now=NOW)
    driver.order(1, 2, status="refunded", now=NOW, tokens=100)

    part, rest = (driver.one(driver.refund(spent, tokens), now=NOW) for tokens in (50, None))

    assert part["balance"] == {"balance": 0, "held": 0, "available": 0, "debt": 30}
    assert rest["balance"] == {"balance": 0, "held": 0, "available": 0, "debt": 0}
    entries = rows(driver.database, "select tokens, debt from entries where kind = 'refund' order by id")
    assert [tuple(entry.values()) for entry in entries] == [(0, -50), (0, -30)]


def test_uncovered_tokens_are_not_refunded(driver):
    driver.give(2, 10, now=NOW)
    held = driver.one(driver.hold(2, 10), now=NOW)
    taken = driver.one(driver.capture(held, 25), now=NOW)

    refused, refunded = driver.one(driver.refund(taken, 11), now=NOW), driver.one(driver.refund(taken), now=NOW)

    assert (taken["uncovered"], refused["code"], refunded["tokens"]) == (15, "refund_exceeds_spend", 10)
    assert refunded["balance"]["balance"] == 10


@pytest.mark.both_engines
@pytest.mark.parametrize("tokens", [None, 7])
def test_16_refunds_at_once_never_give_back_more_than_was_paid(rich, tokens):
    spent = rich.one(rich.spend(2, 60), now=NOW)
    group, start, answers = GroupCommit(rich.database, clock=lambda: NOW), threading.Barrier(16), []

    def ask():
        start.wait(10)
        answers.append(read(group.spend(rich.refund(spent, tokens))))

    callers = [threading.Thread(target=ask) for _ in range(16)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    group.close()

    given = [answer["tokens"] for answer in answers if answer["status"] == 201]
    assert given == ([60] if tokens is None else [7] * 8)
    assert {answer["code"] for answer in answers if answer["status"] != 201} == {"refund_exceeds_spend"}


def test_refund_of_a_linked_sites_spend_survives_a_change_of_the_stores_zone(driver):
    """The months then begin at other moments; the new month is not charged for what it lacks."""
    driver.give(2, 100, now=NOW)
    with driver.database.transaction() as connection:
        account = rows(driver.database, "select id from accounts where user_id = 2")[0]["id"]
        wanted = NewSite("https://blog.example.com", "Blog", monthly_cap=100)
        site = sites.link_site(connection, wanted, store_id=driver.caller.store_id, account_id=account, now=NOW).site
    blog = SpendDriver(driver.database, Caller(driver.caller.store_id, "site Blog", 0, site.id, account))
    spent = blog.one(blog.spend(2, 60), now=NOW)
    driver.settings(time_zone="Asia/Tokyo")

    first = blog.one(blog.refund(spent, 20), now=NOW)
    again = blog.one(blog.spend(2, 30), now=NOW)
    rest = blog.one(blog.refund(spent, 40), now=NOW)

    assert [answer["status"] for answer in (first, again, rest)] == [201, 201, 201]
    used = [row["used"] for row in rows(driver.database, "select used from site_uses order by used")]
    assert used == [0, 60]
    assert rest["balance"]["balance"] == 70
