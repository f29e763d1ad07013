"""A pooler in transaction mode: each transaction may run on another server connection, and everything works."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import event

from bridge.services.ops import audit
from bridge.storage.engine.database import Database
from bridge.storage.engine.migrate import is_current, migrate
from bridge.web.context import utcnow
from schedulers import jobs
from schedulers.leader import Leader
from tests.factories import balance_of, deliver, order, spend
from tests.support import ledger_sql
from tests.support.clock import shift_at
from tests.support.missing import require
from tests.support.outages import STARTED_WITH, close, open_shop
from tests.support.pooler import find_pgbouncer, pooler
from tests.support.pooler_double import pooler_double

CALLERS, EACH = 8, 8


@pytest.fixture(params=["pgbouncer", "double"])
def pooled_url(request, cluster):
    if request.param == "pgbouncer":
        require("PgBouncer", find_pgbouncer() is not None, "install pgbouncer")
    cluster.create_database("pooled")
    opened = pooler(cluster, "pooled") if request.param == "pgbouncer" else pooler_double(cluster.port, "pooled")
    with opened as url:
        yield url
    cluster.drop_database("pooled")


def test_everything_works_behind_a_pooler_in_transaction_mode(pooled_url):
    database = Database(pooled_url)
    migrate(database)
    assert is_current(database)
    database.close()
    parts, shop = open_shop(pooled_url)
    plan_settings = set()

    def note(connection):
        if connection.get_execution_options().get("bridge_writes"):
            driver = connection.connection.driver_connection
            plan_settings.add(driver.prepare_threshold)

    event.listen(parts.database.engine, "begin", note)

    def call(number):
        answers = [spend(shop, 2, 1, key=f"k{number}-{turn}").status_code for turn in range(EACH)]
        answers.append(deliver(shop, order(number + 1, customer=2)).status_code)
        answers.append(shop.client.get("/v1/users/2", headers=shop.headers).status_code)
        answers.append(shop.client.get("/v1/users/2/entries", headers=shop.headers).status_code)
        answers.append(shop.client.get("/readyz").status_code)
        return answers

    with ThreadPoolExecutor(CALLERS) as pool:
        answers = [status for group in pool.map(call, range(CALLERS)) for status in group]

    assert set(answers) <= {200, 201}, answers
    assert balance_of(shop, 2) == STARTED_WITH - CALLERS * EACH + CALLERS * 1_000
    # The double may give a new connection the same server connection twice, and so look direct; then the first
    # prepared statement that is missing shows it, without an effect on the callers above.
    assert None in plan_settings, "no statement is prepared on a connection that the next transaction may not have"
    assert Leader(parts.database, clock=utcnow).attempt()
    shift = shift_at(parts.database, utcnow())
    for job in (jobs.expire_holds, jobs.due_windows, jobs.settle_open_orders, jobs.prune, jobs.retry_deliveries):
        job(shift)
    with parts.database.reading() as connection:
        assert list(audit.list_faults(connection, now=utcnow())) == []
    assert ledger_sql.faults(parts.database) == []
    close(parts)


def test_no_setting_is_left_behind_on_a_connection(pooled_url):
    """Others that share the pooler get connections with the settings of the server's owner."""
    database = Database(pooled_url)
    with database.transaction() as connection:
        inside = connection.exec_driver_sql("show statement_timeout").scalar_one()
    names = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")
    with database.glance() as connection:
        left = [connection.exec_driver_sql(f"show {name}").scalar_one() for name in names for _ in range(4)]
        left += [connection.exec_driver_sql(f"show {name}").scalar_one() for name in ("enable_seqscan", "jit") * 4]
    database.close()

    assert inside == "30s"
    assert set(left) == {"0", "on"}
