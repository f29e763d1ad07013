"""A merge that is committed while a request about a hold of the merged account waits for it."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from bridge.domain.stores.principals import Caller
from bridge.services.metering.execute import spend_many
from bridge.services.ops import account_merge, audit
from bridge.services.transactions import in_transaction
from tests.support import ledger_sql
from tests.support.ledger_sql import rows
from tests.support.spend_driver import SpendDriver, read

NOW = datetime(2026, 3, 10, 15, tzinfo=UTC)
OLD, NEW = 42, 43
_WAITING = """
select count(*) as waiting from pg_stat_activity
where datname = current_database() and wait_event_type = 'Lock'
"""


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
@pytest.mark.parametrize("action", ["capture", "release"])
def test_hold_that_moves_meanwhile_is_settled_where_it_is(shop, database, action):
    """The batch also spends for the other user, so it locks both accounts at once and needs no other reason to repeat.

    SQLite has one writer at a time: the request looks only after the merge.
    """
    driver = SpendDriver(database, Caller(shop.id, "key"))
    for user in (OLD, NEW):
        driver.give(user, 100, now=NOW)
    held = driver.one(driver.hold(OLD, 40), now=NOW)
    settle = driver.capture(held, 30) if action == "capture" else driver.release(held)
    asks = [settle, driver.spend(NEW, 5)]
    with ThreadPoolExecutor(1) as pool:
        with database.transaction() as connection:
            account_merge.merge(connection, shop.id, NEW, OLD, actor="admin", now=NOW)
            replies = pool.submit(
                in_transaction, database.transaction, lambda waiting: spend_many(waiting, asks, now=NOW)
            )
            wait_until(lambda: rows(database, _WAITING) == [{"waiting": 1}])
        statuses = [read(reply)["status"] for reply in replies.result()]

    assert statuses == [201 if action == "capture" else 200, 201]
    with database.reading() as connection:
        assert list(audit.list_faults(connection, now=NOW)) == []
    assert ledger_sql.faults(database) == []


def wait_until(holds):
    """Return once a condition holds."""
    deadline = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < deadline
        threading.Event().wait(0.01)
