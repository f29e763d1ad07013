"""A shop with 865 past orders, whose product is marked later; each job is killed while it runs."""

from __future__ import annotations

import random
import signal
import time

import pytest

from bridge.domain.orders.state import Basis
from bridge.services.orders import packages
from tests.conftest import SECRET_KEY
from tests.support import ledger_sql
from tests.support.connected_shop import open_connected_shop
from tests.support.programs import Program
from tests.support.seeds import FRESH, resolve

ORDERS = 865
TOKENS = 192_950
_RUN = """
import sys
from datetime import UTC, datetime
from functools import partial
from bridge.rendering import ids
from bridge.services.secrets import Vault
from bridge.services.shop.rest import Shops
from bridge.storage.engine.database import Database
from schedulers import jobs, shop_jobs
from schedulers.context import JobContext
url, key, job, seconds = sys.argv[1:]
ids.use_key(key)
work = {
    "settle_past_orders": jobs.settle_past_orders,
    "grant_past_orders": partial(shop_jobs.grant_past_orders, shops=Shops(Vault(key))),
}[job]
now = datetime.fromtimestamp(float(seconds), UTC)
print(work(JobContext(Database(url), lambda: now)))
"""


def start(connected_shop, database_url, job):
    """Start one run of a job in a process of its own, a second later than the last."""
    connected_shop.later()
    arguments = [database_url, SECRET_KEY, job, str(connected_shop.now.timestamp())]
    return Program(["-c", _RUN, *arguments])


def kill_after(process, moved, *, seconds=30):
    """Kill a process as soon as `moved` is true; return False where it ended first."""
    deadline = time.monotonic() + seconds
    while not moved() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    return process.returncode == -signal.SIGKILL


def count(database, of):
    return ledger_sql.rows(database, f"select count(*) as n from {of}")[0]["n"]


def run_killed(connected_shop, database_url, job, of, *, total, rng):
    """Kill the job at some points of its work, then let it end; return the number of kills."""
    kills = 0
    for share in sorted(rng.sample(range(5, 90), 3)):
        done = count(connected_shop.database, of)
        goal = max(done + 1, total * share // 100)
        kills += kill_after(
            start(connected_shop, database_url, job), lambda goal=goal: count(connected_shop.database, of) >= goal
        )
        assert ledger_sql.faults(connected_shop.database) == []
    while count(connected_shop.database, of) < total:
        done = count(connected_shop.database, of)
        output, _ = start(connected_shop, database_url, job).communicate(timeout=120)
        assert count(connected_shop.database, of) > done, output
    return kills


@pytest.mark.parametrize("seed", [FRESH])
def test_865_past_orders_arrive_exactly_once_though_every_job_is_killed(app, database_url, seed):
    rng = random.Random(resolve(seed))
    with open_connected_shop(app) as connected_shop:
        course = connected_shop.shop.add_product("Course", "10.00", sku="COURSE").id
        connected_shop.sell_many(ORDERS, product=course)
        connected_shop.later(60)
        connected_shop.connect(history="grant")

        kills = run_killed(connected_shop, database_url, "grant_past_orders", "orders", total=ORDERS, rng=rng)
        start(connected_shop, database_url, "grant_past_orders").communicate(timeout=120)
        assert count(connected_shop.database, f"order_lines where basis = '{Basis.NO_PACKAGE}'") == ORDERS
        assert ledger_sql.count(connected_shop.database, "entries") == 0

        with connected_shop.database.transaction() as connection:
            store = connected_shop.connected.store.id
            packages.set_package(
                connection,
                store,
                product_id=course,
                variation_id=0,
                tokens=TOKENS,
                actor="test",
                now=connected_shop.now,
            )
        kills += run_killed(connected_shop, database_url, "settle_past_orders", "entries", total=ORDERS, rng=rng)

        assert start(connected_shop, database_url, "settle_past_orders").communicate(timeout=120)[0] == "0 settled\n"
        assert connected_shop.balances() == {2: ORDERS * TOKENS}
        assert count(connected_shop.database, "entries") == ORDERS
        assert kills >= 3
