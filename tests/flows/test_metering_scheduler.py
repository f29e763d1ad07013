"""A scheduler stopped for three days around a month's end: no response differs, and windows open once."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from bridge.domain.stores.principals import Caller
from bridge.services.metering import manual_resets, overrides
from bridge.services.ops import audit
from bridge.services.secrets import Vault
from bridge.services.stores.settings import NewStore, add_store
from bridge.storage.engine.database import Database
from schedulers.context import Job, JobContext, run
from schedulers.schedule import TIMETABLE
from tests.support import ledger_sql
from tests.support.spend_driver import SpendDriver, rule

START = datetime(2026, 10, 30, 12, tzinfo=UTC)
"""Three days later, October has ended, a week has begun, and New York's clocks have gone back."""
HOURS = 78
MONTH = {"id", "hold", "spend"}


@dataclass
class Run:
    """One database and its driver; ids are replaced by the order of their appearance, since each run has its own."""

    driver: SpendDriver
    answers: list[Any] = field(default_factory=list)
    known: dict[str, dict[str, Any]] = field(default_factory=dict)

    def ask(self, name: str, ask: Any, now: datetime) -> None:
        """Send a request, and store the response under a name."""
        answer = self.driver.one(ask, now=now)
        self.known[name] = answer
        self.answers.append((name, {key: value for key, value in answer.items() if key not in MONTH}))

    def tick(self, now: datetime, jobs: tuple[Job, ...]) -> None:
        """Run every job once."""
        shift = JobContext(self.driver.database, lambda: now)
        for job in jobs:
            run(job, shift)


def put_override(run: Run, now: datetime, ends_at: datetime) -> None:
    with run.driver.database.transaction() as connection:
        override = overrides.Override("chat", rule(9), ends_at)
        overrides.put_override(connection, run.driver.caller.store_id, 3, override, actor="admin", now=now)


def reset(run: Run, now: datetime) -> None:
    with run.driver.database.transaction() as connection:
        manual_resets.reset_many(
            connection, run.driver.caller.store_id, module="chat", role=None, actor="admin", now=now
        )


def prepare(run: Run) -> None:
    driver = run.driver
    driver.settings(spend_order=["allowance", "plan", "balance"])
    driver.limit("chat", "daily", user=20, guest=3)
    driver.limit("ai_forms", "monthly", user=50)
    driver.limit("image_optimizer", "weekly", user=10)
    driver.plan(70, tokens=15, months=1, now=START)
    for user in (1, 2, 3):
        driver.give(user, 30 * user, now=START)
    driver.order(1, 1, now=START - timedelta(days=29), product=70)


def history(run: Run, hour: int, now: datetime) -> None:
    """Send the requests of one hour; the same in every run."""
    driver, module = run.driver, ("chat", "ai_forms", "image_optimizer")[hour % 3]
    user = 1 + hour % 3
    run.ask(f"spend-{hour}", driver.spend(user, 7, module=module), now)
    run.ask(f"guest-{hour}", driver.spend("ann", 1), now + timedelta(minutes=1))
    run.ask(f"hold-{hour}", driver.hold(user, 4, module=module, ttl=(900, 7_200, 14_400)[hour % 3]), now)
    if hour >= 3:
        before = run.known[f"hold-{hour - 3}"]
        # Every fifth hold is left to expire.
        if before["status"] == 201 and hour % 5:
            settle = (driver.capture(before, 6), driver.release(before), driver.capture(before, 2))[hour // 3 % 3]
            run.ask(f"settle-{hour}", settle, now + timedelta(minutes=20))
        spent = run.known[f"spend-{hour - 3}"]
        if spent["status"] == 201 and hour % 2:
            run.ask(f"refund-{hour}", driver.refund(spent, 3), now + timedelta(minutes=25))
    if hour == 20:
        put_override(run, now, now + timedelta(hours=9, minutes=30))
    if hour == 30:
        reset(run, now)
    if hour in {10, 50}:
        driver.order(50 + hour, 2, now=now, tokens=25)
    if hour == 60:
        driver.order(60, 2, status="refunded", now=now, tokens=25)


def announced_resets(database: Database) -> Counter[tuple[Any, ...]]:
    found = ledger_sql.rows(
        database,
        "select user_id, payload from outbox o join accounts a on a.id = o.account_id where type = 'allowance.reset'",
    )
    documents = [
        (row["user_id"], row["payload"] if isinstance(row["payload"], dict) else json.loads(row["payload"]))
        for row in found
    ]
    return Counter((user, announced["module"], announced["started_at"]) for user, announced in documents)


def state_of(database: Database) -> list[Any]:
    tables = {
        "accounts": "select user_id, balance, debt from accounts order by user_id",
        "windows": "select a.user_id, w.module, w.starts_at, w.used from window_uses w join accounts a"
        " on a.id = w.account_id order by 1, 2, 3",
        "plans": "select product_id, starts_at, used from plan_uses order by 1, 2",
        "days": "select a.user_id, d.day, d.module, d.tokens, d.units from usage_days d join accounts a"
        " on a.id = d.account_id order by 1, 2, 3",
    }
    return [ledger_sql.rows(database, sql) for sql in tables.values()]


@pytest.fixture
def runs(engine, request, tmp_path):
    """Return two runs, each on a database of its own."""
    databases, drop = [], []
    for name in ("on", "off"):
        if engine == "sqlite":
            path = tmp_path / f"{name}.sqlite3"
            shutil.copyfile(request.getfixturevalue("sqlite_template"), path)
            databases.append(Database(f"sqlite:///{path}"))
        else:
            cluster = request.getfixturevalue("cluster")
            template, title = request.getfixturevalue("postgresql_template"), f"scheduler_{name}_{tmp_path.name}"
            databases.append(Database(cluster.create_database(title.replace("-", "_"), template=template)))
            drop.append(partial(cluster.drop_database, title.replace("-", "_")))
    found = []
    for database in databases:
        with database.transaction() as connection:
            wanted = NewStore("shop", "https://shop.example.com", time_zone="America/New_York")
            store = add_store(connection, wanted, vault_=Vault("of the tests"), actor="test", now=START).store
        found.append(Run(SpendDriver(database, Caller(store.id, "key"))))
        prepare(found[-1])
    yield found
    for database in databases:
        database.close()
    for act in drop:
        act()


def test_three_days_without_the_scheduler_change_no_answer(runs):
    with_it, without = runs
    for hour in range(HOURS):
        now = START + timedelta(hours=hour)
        # Every second hour in one; in the other not at all after the first windows were noted.
        if hour % 2 == 0:
            with_it.tick(now, TIMETABLE)
        if hour == 0:
            without.tick(now, TIMETABLE)
        for one in runs:
            history(one, hour, now)
    end = START + timedelta(hours=HOURS)

    marked, unmarked = (
        ledger_sql.rows(one.driver.database, "select count(*) as n from holds where state = 'expired'")[0]["n"]
        for one in runs
    )
    without.tick(end, TIMETABLE)

    assert (marked > 5, unmarked) == (True, 0)
    assert with_it.answers == without.answers
    assert len({str(answer) for _, answer in with_it.answers}) > 200
    assert state_of(with_it.driver.database) == state_of(without.driver.database)
    announced = announced_resets(without.driver.database)
    for one in runs:
        one.tick(end, TIMETABLE)
        one.tick(end + timedelta(seconds=30), TIMETABLE)
        assert set(announced_resets(one.driver.database).values()) == {1}
        assert ledger_sql.faults(one.driver.database) == []
        with one.driver.database.reading() as connection:
            assert list(audit.list_faults(connection, now=end)) == []
    assert announced_resets(without.driver.database) == announced
    # The stopped one announces the windows that are open now, and none that came and went.
    assert announced.keys() <= announced_resets(with_it.driver.database).keys()
    assert {module for _, module, _ in announced} == {"chat", "ai_forms", "image_optimizer"}
    starts = "select module, starts_at, finished_at from window_runs order by module, starts_at desc"
    newest = [{row["module"]: row for row in ledger_sql.rows(one.driver.database, starts)[::-1]} for one in runs]
    assert {key: row["starts_at"] for key, row in newest[0].items()} == {
        key: row["starts_at"] for key, row in newest[1].items()
    }
    assert all(row["finished_at"] for found in newest for row in found.values())
