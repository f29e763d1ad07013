"""The plans of every query of the credits page and its twins in the API, of a large store, on both engines.

PostgreSQL may read a small table whole whatever its indexes are. So it is told to avoid that: a plan that does
it all the same has no index to use.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from sqlalchemy import event

from bench import growth_data
from bridge.domain.admin.user_list import Filter, Sort
from bridge.services.admin import rollups, store_stats
from bridge.services.stores import settings
from tests.factories import deliver, order, put_package
from tests.support.pages import sign_in
from tests.support.steps import plans_noted

LARGE = "accounts|account_figures|usage_days|store_days|store_uses|entries|spends|holds|orders|order_lines|window_uses"
"""The tables that grow with the users of a store, or with their use."""
WHOLE = re.compile(
    rf"Seq Scan on ({LARGE})\b"
    # SQLite names no index where it reads the table itself; a subquery may have the name of none of them.
    rf"|SCAN ({LARGE})\b(?!.*USING (COVERING )?INDEX)"
)
SORTED = re.compile(r"(?=.*\baccount_figures\b)(?=.*(USE TEMP B-TREE FOR ORDER BY|\bSort Key: ))", re.DOTALL)
"""A list that is sorted after it was read, instead of read in the order of an index."""
PAGES = (
    *(f"credits?sort={sort}&dir={direction}" for sort in Sort for direction in ("asc", "desc")),
    *(f"credits?filter={one}" for one in Filter),
    "credits?page=last",
    "credits?page=last&sort=balance",
    "credits?q=user77@",
    "credits?q=name",
    "credits?q=77&role=customer",
    "credits?days=365&size=100&filter=has_balance&filter=inactive&sort=used",
    "credits?edit=7",
    "credits/7/purchases",
)
CALLS = (
    "/v1/users?q=name&sort=-used_30_days&limit=200",
    *(f"/v1/usage?by={by}" for by in ("day,module", "site", "operation", "source", "day,site,source,operation,module")),
)


@pytest.fixture
def large(shop, database, monkeypatch):
    """Return a store that counts as large, with use and the figures of the jobs."""
    monkeypatch.setattr(store_stats, "LARGE", 50)
    now = datetime.now(UTC)
    growth_data.add_accounts(database, shop.id, 400, now=now)
    growth_data.add_usage(database, users=400, days=2, apart=20, now=now)
    put_package(shop, 10, 600)
    deliver(shop, order(5_000_000, customer=0, email="guest@example.test"))
    with database.reading() as connection:
        store = settings.get_by_id(connection, shop.id)
    for job in (rollups.roll_up, rollups.roll_up_groups):
        job(database.reading, database.transaction, now=now, may_go_on=lambda: True)
    rollups.refresh(database.reading, database.transaction, store, now=now, may_go_on=lambda: True)
    growth_data.settle_statistics(database)
    return shop


def is_wrong(plan: str, path: str) -> bool:
    """Return whether a plan reads a whole table, or sorts; the matches of a search are sorted, up to a number."""
    return bool(WHOLE.search(plan) or (SORTED.search(plan) and "q=" not in path))


def avoid_whole_tables(driver, *_):
    with driver.cursor() as cursor:
        cursor.execute("set enable_seqscan = off")


def test_every_query_has_an_index(app, large, database):
    admin, wrong = sign_in(app), {}
    if not database.is_sqlite:
        event.listen(database.engine, "checkout", avoid_whole_tables)
    with plans_noted(database) as plans:
        for path in (*(f"/admin/shop/{page}" for page in PAGES), *CALLS):
            plans.clear()
            answer = (large.client if path.startswith("/v1") else admin).get(path, headers=large.headers)
            assert answer.status_code == 200, path
            assert len(plans) > 2, path
            wrong |= {f"{path}: {statement}": plan for statement, plan in plans.items() if is_wrong(plan, path)}
    if not database.is_sqlite:
        event.remove(database.engine, "checkout", avoid_whole_tables)

    assert wrong == {}
