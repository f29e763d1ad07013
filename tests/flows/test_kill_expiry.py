"""A process killed while holds expire or keys are deleted: the ledger adds up, and the next run does the rest."""

from __future__ import annotations

import signal
import time

import pytest

from bench import growth_data
from bridge.services.ops import audit
from bridge.web.context import utcnow
from schedulers import jobs
from tests.support.clock import shift_at
from tests.support.ledger_sql import rows
from tests.support.programs import Program

HOLDS = 3_000
_RUN = """
import sys
from datetime import UTC, datetime
from bridge.storage.engine.database import Database
from schedulers import jobs
from schedulers.context import JobContext
database = Database(sys.argv[1])
getattr(jobs, sys.argv[2])(JobContext(database, lambda: datetime.now(UTC)))
"""


def left(database, job):
    table = "holds where state = 'open'" if job == "expire_holds" else "idempotency_keys"
    return rows(database, f"select count(*) as n from {table}")[0]["n"]


@pytest.mark.both_engines
@pytest.mark.parametrize("job", ["expire_holds", "prune"])
def test_after_a_kill_the_ledger_adds_up_and_the_next_run_does_the_rest(shop, database, database_url, job):
    growth_data.add_accounts(database, shop.id, 50, now=utcnow())
    old = growth_data.long_ago()
    growth_data.add_holds(database, shop.id, first=1, count=HOLDS, users=50, expired_at=old)
    growth_data.add_keys(database, shop.id, first=1, count=HOLDS, at=old)

    process = Program(["-c", _RUN, database_url, job])
    deadline = time.monotonic() + 30
    while left(database, job) == HOLDS and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    stopped = left(database, job)

    assert stopped < HOLDS
    assert stopped % 200 == 0
    with database.reading() as connection:
        assert list(audit.list_faults(connection, now=utcnow())) == []
    getattr(jobs, job)(shift_at(database, utcnow()))
    assert left(database, job) == 0
