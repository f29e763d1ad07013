"""The number of SQL statements of a batch does not grow with it, whatever is in it."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import event

from bridge.domain.stores.principals import Caller
from bridge.services.metering import manual_resets, overrides
from bridge.services.metering.overrides import Override
from bridge.services.sites import sites
from bridge.services.sites.sites import NewSite
from tests.support import ledger_sql
from tests.support.spend_driver import SpendDriver, rule
from tests.support.statements import counted

NOW = datetime(2026, 3, 10, 15, tzinfo=UTC)
USERS = range(1, 21)
MOST = 25


@pytest.fixture
def driver(shop, database):
    """Return a store that has everything: plans, overrides, resets, two limits; and 20 rich users."""
    driver = SpendDriver(database, Caller(shop.id, "key"))
    driver.limit("chat", "daily", user=100_000, guest=100_000, second=("monthly", {"user": 500_000}))
    driver.limit("ai_forms", "monthly", user="unlimited")
    driver.settings(spend_order=["plan", "allowance", "balance"])
    driver.plan(70, tokens=5_000, months=2, now=NOW)
    for user in USERS:
        driver.give(user, 100_000, now=NOW)
    for user in list(USERS)[::5]:
        driver.order(user, user, now=NOW, product=70)
    with database.transaction() as connection:
        override = Override("chat", rule(1_000), NOW + timedelta(days=1))
        overrides.put_override(connection, shop.id, 1, override, actor="admin", now=NOW)
        manual_resets.reset_account(connection, shop.id, 2, "chat", actor="admin", now=NOW)
        manual_resets.reset_many(connection, shop.id, module=None, role="editor", actor="admin", now=NOW)
        for row in ledger_sql.rows(database, "select id from accounts"):
            wanted = NewSite("https://blog.example.com", "Blog", monthly_cap=1_000_000)
            sites.link_site(connection, wanted, store_id=shop.id, account_id=row["id"], now=NOW)
    return driver


def count(driver, asks, *, now=NOW):
    """Return how many statements the batch takes, BEGIN included; none of its requests may fail."""
    with counted(driver.database) as seen:
        answers = driver.send(*asks, now=now)
    assert {answer["status"] for answer in answers} <= {200, 201}
    return len(seen)


def users(size):
    return [USERS[number % len(USERS)] for number in range(size)]


def spends(driver, size):
    return [driver.spend(user, 3, module=("chat", "ai_forms")[place % 2]) for place, user in enumerate(users(size))]


def holds(driver, size):
    return [driver.hold(user, 3, module=("chat", "ai_forms")[place % 2]) for place, user in enumerate(users(size))]


def captures(driver, size):
    """Less than was held, as much, and more."""
    held = driver.send(*holds(driver, size), now=NOW)
    return [driver.capture(hold, 1 + place % 5) for place, hold in enumerate(held)]


def late_captures(driver, size):
    held = driver.send(*holds(driver, size), now=NOW - timedelta(hours=1))
    return [driver.capture(hold, 2) for hold in held]


def releases(driver, size):
    return [driver.release(hold) for hold in driver.send(*holds(driver, size), now=NOW)]


def refunds(driver, size):
    spent = driver.send(*spends(driver, size), now=NOW)
    return [driver.refund(spend, 1 + place % 3) for place, spend in enumerate(spent)]


def site_refunds(driver, size):
    """Every user's spend came from a linked site of their own."""
    found = {
        row["account_id"]: row["id"] for row in ledger_sql.rows(driver.database, "select id, account_id from sites")
    }
    blogs = [
        SpendDriver(driver.database, Caller(driver.caller.store_id, "site", 0, site, account))
        for account, site in found.items()
    ]
    asks = [blogs[place % len(blogs)].spend(0, 3) for place in range(size)]
    return [driver.refund(spend, 2) for spend in driver.send(*asks, now=NOW)]


def mixed(driver, size):
    fifth = size // 5
    kinds = (spends, holds, captures, releases, refunds)
    return [ask for asks in zip(*(kind(driver, fifth) for kind in kinds), strict=True) for ask in asks]


@pytest.mark.parametrize(
    "kind",
    [spends, holds, captures, late_captures, releases, refunds, site_refunds, mixed],
    ids=lambda kind: kind.__name__,
)
def test_large_batch_takes_as_many_statements_as_one_of_10(driver, database, kind):
    # Read first, so that both batches find the rules cached.
    driver.one(driver.spend(1, 1), now=NOW)

    # Only plain spends come in thousands; fewer of the others show the same.
    small, large = (count(driver, kind(driver, size)) for size in (10, 1_000 if kind in {spends, mixed} else 200))

    assert large == small
    assert large <= MOST
    assert ledger_sql.faults(database) == []


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_wait_behind_another_writer_takes_no_counted_statement(driver, database):
    """The time that SQLite may still wait is set by the clock: a busy machine needs one statement more."""
    driver.one(driver.spend(1, 1), now=NOW)
    alone = count(driver, [driver.spend(1, 1)])
    sent: list[str] = []
    event.listen(database.engine, "before_cursor_execute", lambda *arguments: sent.append(arguments[2]))
    writes, may_end = threading.Event(), threading.Event()

    def write():
        with database.transaction():
            writes.set()
            may_end.wait(timeout=10)

    threading.Thread(target=write).start()
    writes.wait(timeout=10)
    threading.Timer(0.25, may_end.set).start()

    assert count(driver, [driver.spend(1, 1)]) == alone
    assert any(statement.startswith("PRAGMA busy_timeout") for statement in sent)
