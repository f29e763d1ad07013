"""Many holds that expire together have the same result as one after the other."""

from __future__ import annotations

import contextlib
import random
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from bench import growth_data
from bridge.domain.errors import Unavailable
from bridge.domain.stores.principals import Caller
from bridge.services.metering import expiry
from bridge.services.ops import audit
from bridge.services.sites import sites
from bridge.services.sites.sites import NewSite
from bridge.storage.metering import holds
from bridge.web.context import utcnow
from schedulers import jobs
from tests.support import ledger_sql
from tests.support.clock import shift_at
from tests.support.seeds import FRESH, resolve
from tests.support.spend_driver import SpendDriver
from tests.support.statements import counted
from tests.support.steps import steps_of

NOW = datetime(2026, 3, 10, 15, tzinfo=UTC)
SEEN = (
    "select id, balance, debt, alert, updated_at from accounts order by id",
    "select id, state, settled_at, spend_id from holds order by id",
    "select account_id, store_id, type, payload, created_at from outbox order by account_id, id",
    "select account_id, module, starts_at, used from window_uses order by account_id, module, starts_at",
    "select account_id, product_id, starts_at, used from plan_uses order by account_id, product_id, starts_at",
    "select site_id, starts_at, used from site_uses order by site_id, starts_at",
    "select account_id, id, tokens from entries order by account_id, id",
)


@pytest.fixture
def driver(shop, database):
    return SpendDriver(database, Caller(shop.id, "key"))


def faults(database):
    with database.reading() as connection:
        return list(audit.list_faults(connection, now=NOW + timedelta(days=60)))


def states(database):
    return [row["state"] for row in ledger_sql.rows(database, "select state from holds order by id")]


def busy_store(driver, rng):
    """Return holds from every source, of users and of a capped site, that end at different moments."""
    driver.limit("chat", "daily", user=40)
    driver.limit("ai_forms", "monthly", user="unlimited")
    driver.settings(spend_order=rng.sample(["plan", "allowance", "balance"], 3), low_balance=30)
    driver.plan(70, tokens=50, months=2, now=NOW)
    for user in range(1, 7):
        driver.give(user, rng.choice([20, 60, 100]), now=NOW)
        if rng.random() < 0.5:
            driver.order(user, user, now=NOW, product=70)
    account = ledger_sql.rows(driver.database, "select id from accounts order by id")[0]["id"]
    with driver.database.transaction() as connection:
        wanted = NewSite("https://blog.example.com", "Blog", monthly_cap=30)
        linked = sites.link_site(connection, wanted, store_id=driver.caller.store_id, account_id=account, now=NOW)
    site = SpendDriver(driver.database, Caller(driver.caller.store_id, "site", 0, linked.site.id, account))
    for _ in range(40):
        who = rng.choice([*range(1, 7), "guest"])
        module, ttl = rng.choice(["chat", "ai_forms"]), rng.choice([1, 60, 3_600])
        asked = site if rng.random() < 0.3 else driver
        answer = asked.one(asked.hold(who, rng.randint(1, 25), module=module, ttl=ttl), now=NOW)
        if "id" in answer and rng.random() < 0.2:
            asked.one(asked.capture(answer, 3) if rng.random() < 0.5 else asked.release(answer), now=NOW)


def tried(database, limit):
    """Return the ledger after all holds due in an hour expired `limit` at a time; all is rolled back again."""
    with database.transaction() as connection:

        @contextlib.contextmanager
        def nested():
            with connection.begin_nested():
                yield connection

        while expiry.expire_due(nested, now=NOW + timedelta(seconds=60), limit=limit).found:
            pass
        seen = [connection.exec_driver_sql(statement).all() for statement in SEEN]
        connection.rollback()
    return seen


@pytest.mark.parametrize("seed", [1, 2, 3, FRESH])
def test_many_at_once_end_as_one_after_the_other(driver, database, seed):
    busy_store(driver, random.Random(resolve(seed)))
    before = states(database).count("open")

    alone, together = tried(database, 1), tried(database, 200)

    assert alone == together
    assert states(database).count("open") == before
    expiry.expire_due(database.transaction, now=NOW + timedelta(seconds=60), limit=200)
    assert 0 < states(database).count("open") < before
    assert faults(database) == []


def test_statements_do_not_grow_with_the_holds(driver, database):
    counts = []
    for users in (range(1, 3), range(3, 63)):
        for user in users:
            driver.give(user, 100, now=NOW)
            driver.send(*(driver.hold(user, 1, ttl=1) for _ in range(3)), now=NOW)
        with counted(database) as seen:
            found = expiry.expire_due(database.transaction, now=NOW + timedelta(seconds=1), limit=200).found
        counts.append((found, len(seen)))

    assert [found for found, _ in counts] == [6, 180]
    assert counts[0][1] + 2 >= counts[1][1]


def test_job_expires_hundreds_and_announces_each_balance_once(driver, database):
    driver.settings(low_balance=50)
    for user in range(1, 6):
        driver.give(user, 100, now=NOW)
        driver.send(*(driver.hold(user, 1, ttl=1) for _ in range(90)), now=NOW)

    outcome = jobs.expire_holds(shift_at(database, NOW + timedelta(seconds=1)))

    assert outcome == "450 expired"
    assert set(states(database)) == {"expired"}
    alerts = ledger_sql.rows(database, "select alert from accounts")
    assert [row["alert"] for row in alerts] == ["ok"] * 5
    assert jobs.expire_holds(shift_at(database, NOW + timedelta(seconds=1))) == "0 expired"


def test_broken_hold_stops_no_other(driver, database):
    """It is the first to expire; its account has another hold whose plan cannot be read."""
    driver.give(2, 100, now=NOW)
    driver.send(driver.hold(2, 5, ttl=1), driver.hold(2, 6, ttl=80_000), now=NOW)
    for user in range(3, 8):
        driver.give(user, 100, now=NOW)
        driver.send(*(driver.hold(user, 1, ttl=2) for _ in range(60)), now=NOW)
    with database.transaction() as connection:
        connection.exec_driver_sql("update holds set plan_parts = '[[1]]' where tokens = 6")

    later = shift_at(database, NOW + timedelta(seconds=9))
    outcomes = [jobs.expire_holds(later) for _ in range(2)]
    with database.transaction() as connection:
        connection.exec_driver_sql("update holds set plan_parts = null where tokens = 6")
    outcomes.append(jobs.expire_holds(later))

    assert outcomes == ["300 expired, 1 failed", "0 expired, 1 failed", "1 expired"]


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_run_in_which_nothing_expires_ends(driver, database):
    """Every hold is broken: the run stops after a thousand, and the next one tries again."""
    for user in range(2, 10):
        driver.give(user, 1_000, now=NOW)
        driver.send(*(driver.hold(user, 1, ttl=1) for _ in range(150)), now=NOW)
        driver.send(driver.hold(user, 2, ttl=80_000), now=NOW)
    with database.transaction() as connection:
        connection.exec_driver_sql("update holds set plan_parts = '[[1]]' where tokens = 2")

    outcome = jobs.expire_holds(shift_at(database, NOW + timedelta(seconds=9)))

    assert outcome == "0 expired, 1000 failed"


def test_hold_captured_after_it_was_listed_stays_captured(driver, database):
    driver.give(2, 100, now=NOW)
    held, other = driver.send(driver.hold(2, 5, ttl=1), driver.hold(2, 6, ttl=1), now=NOW)
    opened = []

    @contextlib.contextmanager
    def transaction():
        opened.append(1)
        if len(opened) == 2:
            driver.one(driver.capture(held, 5), now=NOW)
        with database.transaction() as connection:
            yield connection

    expiry.expire_due(transaction, now=NOW + timedelta(seconds=1), limit=10)

    assert states(database) == ["captured", "expired"]
    assert other["id"] != held["id"]
    assert faults(database) == []


@pytest.mark.both_engines
@pytest.mark.parametrize("at", [2, 4])
def test_stopped_between_two_batches_or_within_one_the_next_run_does_the_rest(driver, database, at):
    for user in range(1, 4):
        driver.give(user, 100, now=NOW)
        driver.send(*(driver.hold(user, 1, ttl=1) for _ in range(20)), now=NOW)
    opened = []

    @contextlib.contextmanager
    def transaction():
        opened.append(1)
        with database.transaction() as connection:
            yield connection
            if len(opened) == at:
                raise Unavailable()

    def expire_all():
        while expiry.expire_due(transaction, now=NOW + timedelta(seconds=1), limit=30).found:
            pass

    with pytest.raises(Unavailable):
        expire_all()
    stopped = states(database).count("expired")

    assert stopped == (0 if at == 2 else 30)
    assert faults(database) == []
    assert jobs.expire_holds(shift_at(database, NOW + timedelta(seconds=1))) == f"{60 - stopped} expired"


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_batch_costs_the_same_however_many_holds_wait_or_were_settled(shop, database):
    growth_data.add_accounts(database, shop.id, 300, now=utcnow())
    costs, first = [], 1
    for count in (1_000, 19_000):
        growth_data.add_holds(database, shop.id, first=first, count=count, users=300, expired_at=growth_data.long_ago())
        first += count
        costs.append(steps_of(database, partial(expiry.expire_due, database.transaction, now=utcnow(), limit=200)))

    assert costs[1] < costs[0] * 1.3


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_open_holds_of_an_account_cost_the_same_however_many_were_settled(shop, database):
    growth_data.add_accounts(database, shop.id, 3, now=utcnow())
    costs, first = [], 1
    for count in (100, 5_000):
        growth_data.add_holds(database, shop.id, first=first, count=count, users=1, expired_at=growth_data.long_ago())
        first += count
        jobs.expire_holds(shift_at(database, utcnow()))
        costs.append(steps_of(database, partial(_look, database)))

    assert costs[1] < costs[0] * 1.3 + 100


def _look(database):
    with database.reading() as connection:
        ids = [growth_data.account_id(user) for user in (1, 2, 3)]
        assert holds.list_open(connection, ids, now=utcnow()) == []
        assert holds.held_balances(connection, ids, now=utcnow()) == {}
