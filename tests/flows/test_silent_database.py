"""A PostgreSQL that is suspended, or replaced by its standby: answers come in time, and committed ones stay."""

from __future__ import annotations

import itertools
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from bridge.storage.engine import postgresql
from bridge.storage.engine.database import Database
from bridge.storage.engine.migrate import migrate
from bridge.web.context import utcnow
from schedulers.leader import Leader
from tests.factories import balance_of, deliver, order, spend
from tests.support import ledger_sql
from tests.support.missing import require
from tests.support.outages import STARTED_WITH, close, open_shop
from tests.support.postgres import find_bindir, start_cluster
from tests.support.standby import kill, promote, start_standby, suspended, until

ANSWER_SECONDS = 15
BACK_SECONDS = 10


@pytest.fixture
def own_cluster():
    require("PostgreSQL", find_bindir() is not None, "no initdb found")
    cluster = start_cluster(durable=True)
    yield cluster
    cluster.stop()


def migrated(url):
    database = Database(url)
    migrate(database)
    database.close()
    return url


def timed(call):
    started = time.monotonic()
    response = call()
    return response.status_code, time.monotonic() - started


def test_suspended_server(own_cluster, monkeypatch):
    """SIGSTOP: the kernel continues to accept connections and acknowledge data, and no answer ever comes."""
    monkeypatch.setattr(postgresql, "STATEMENT_SECONDS", float(os.environ.get("BRIDGE_SILENT_SECONDS", "3")))
    parts, shop = open_shop(migrated(own_cluster.create_database("silent")))
    leader = Leader(parts.database, clock=utcnow)
    assert leader.attempt()
    calls = [
        lambda: spend(shop, 2, 1, key="a-1"),
        lambda: shop.client.get("/v1/users/2", headers=shop.headers),
        lambda: deliver(shop, order(1)),
        lambda: shop.client.get("/readyz"),
        lambda: shop.client.get("/admin"),
    ] * 12
    calls += [lambda number=number: spend(shop, 2, 1, key=f"more-{number}") for number in range(20)]
    with suspended(own_cluster), ThreadPoolExecutor(len(calls)) as pool:
        futures = [pool.submit(timed, call) for call in calls]
        time.sleep(2)
        late = [pool.submit(timed, lambda: spend(shop, 2, 1, key="late")) for _ in range(1)]
        answers = [future.result() for future in [*futures, *late]]
        started = time.monotonic()
        after = timed(lambda: shop.client.get("/v1/users/2", headers=shop.headers))
        assert time.monotonic() - started < ANSWER_SECONDS

    assert {status for status, _ in answers} <= {503, 200}, answers
    assert sum(status == 503 for status, _ in answers) >= len(calls) - 12, "only the sign-in needs no database"
    assert max(seconds for _, seconds in answers) < ANSWER_SECONDS
    assert after[0] == 503
    assert after[1] < 9, "once it is known to be silent, callers are refused without waiting their turn"

    deadline = time.monotonic() + BACK_SECONDS
    while shop.client.get("/readyz").status_code != 200:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    for key in ("a-1", "late", *(f"more-{number}" for number in range(20))):
        assert spend(shop, 2, 1, key=key).status_code == 201
    assert deliver(shop, order(1)).status_code == 200
    assert balance_of(shop, 2) == STARTED_WITH - 22 + 1_000
    assert leader.attempt()
    assert ledger_sql.faults(parts.database) == []
    close(parts)


def test_a_commit_that_may_not_have_reached_the_standby_is_not_answered_as_done(own_cluster):
    """Cancelled while it waits for the standby, a COMMIT ends with a warning and looks successful."""
    url = migrated(own_cluster.create_database("unsure"))
    parts, shop = open_shop(url)
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as admin:
        admin.execute("set synchronous_commit = local")
        admin.execute("alter system set synchronous_standby_names = 'missing'")
        admin.execute("select pg_reload_conf()")
        until(lambda: admin.execute("show synchronous_standby_names").fetchone() == ("missing",))
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(spend, shop, 2, 30, key="unsure")
            stuck = "select pid from pg_stat_activity where wait_event = 'SyncRep'"
            until(lambda: admin.execute(stuck).fetchone() is not None)
            admin.execute(f"select pg_cancel_backend(pid) from ({stuck}) as backends")
            response = waiting.result()
        admin.execute("alter system reset synchronous_standby_names")
        admin.execute("select pg_reload_conf()")
        until(lambda: admin.execute("show synchronous_standby_names").fetchone() == ("",))

    assert response.status_code == 503
    assert spend(shop, 2, 30, key="unsure").status_code == 201
    assert balance_of(shop, 2) == STARTED_WITH - 30
    assert ledger_sql.faults(parts.database) == []
    close(parts)


class Storm:
    """Callers who repeatedly spend 1 token, each repeating its request until it is answered."""

    def __init__(self, shop, callers=8):
        self._shop = shop
        self._numbers = itertools.count()
        self._stopping = threading.Event()
        self._pool = ThreadPoolExecutor(callers)
        self.answered: dict[str, str] = {}
        self.last_at = 0.0
        self.statuses: set[int] = set()
        self._futures = [self._pool.submit(self._run) for _ in range(callers)]

    def _run(self):
        while not self._stopping.is_set():
            key = f"storm-{next(self._numbers)}"
            while True:
                response = spend(self._shop, 2, 1, key=key)
                self.statuses.add(response.status_code)
                if response.status_code == 201:
                    self.answered[key] = response.get_json()["id"]
                    self.last_at = time.monotonic()
                    break
                if self._stopping.is_set():
                    return
                time.sleep(0.05)

    def stop(self):
        self._stopping.set()
        for future in self._futures:
            future.result()
        self._pool.shutdown()


def test_standby_takes_over(own_cluster):
    """The primary is killed under load and its standby promoted: no answered spend is lost, no restart is needed."""
    require("pg_basebackup", (find_bindir() / "pg_basebackup").exists(), "install the whole of postgresql")
    migrated(own_cluster.create_database("failover"))
    standby = start_standby(own_cluster)
    try:
        places = f"127.0.0.1:{own_cluster.port},127.0.0.1:{standby.port}"
        parts, shop = open_shop(f"postgresql://postgres@{places}/failover")
        shop.client.post(
            "/v1/users/2/adjustments",
            json={"tokens": 100_000, "reason": "storm"},
            headers=shop.headers | {"Idempotency-Key": "storm"},
        )
        storm = Storm(shop)
        time.sleep(1)
        before = len(storm.answered)
        kill(own_cluster)
        killed_at = time.monotonic()
        time.sleep(0.5)
        assert shop.client.get("/readyz").status_code == 503
        promote(standby)
        promoted_at = time.monotonic()
        count = len(storm.answered)
        while len(storm.answered) < count + 20:
            assert time.monotonic() - promoted_at < BACK_SECONDS
            time.sleep(0.05)
        storm.stop()

        assert before > 0
        assert time.monotonic() - killed_at < 20
        assert storm.statuses <= {201, 503}
        assert shop.client.get("/readyz").status_code == 200
        spent = ledger_sql.rows(parts.database, "select count(*) as n, sum(tokens) as tokens from spends")
        again = {key: spend(shop, 2, 1, key=key).get_json()["id"] for key in list(storm.answered)}
        assert again == storm.answered, "every answer is still the answer"
        assert spent[0]["n"] == spent[0]["tokens"] >= len(storm.answered)
        assert ledger_sql.faults(parts.database) == []
        close(parts)
    finally:
        standby.stop()
