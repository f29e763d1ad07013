"""The plans of every query of the console and its twins in the API, of a large store, on both engines.

PostgreSQL may read or sort a small table whole whatever its indexes are. So it is told to avoid that: a plan that
does it all the same has no index to use.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest
from sqlalchemy import event

from bench import console_rows, growth_data
from bridge.domain.admin.user_list import Filter, Sort
from bridge.domain.shop.inbox import State
from bridge.services.admin import rollups, store_stats, user_list
from bridge.services.stores import settings
from bridge.storage.engine.metadata import metadata
from tests.factories import deliver, order, put_package
from tests.support.pages import sign_in
from tests.support.steps import plans_noted
from tests.web.test_roles_of_routes import admin_rules, is_open, path_of

SMALL = {
    *("stores", "store_figures", "shop_reads", "rollups", "runs", "leases", "service_state"),
    *("admins", "admin_roles", "admin_sessions"),
    *("modules", "limits", "limit_rules", "second_limit_rules", "operations"),
    *("access_keys", "event_endpoints"),
}
"""The tables with a row for each store, admin, setting or job: these may be read whole."""
LARGE = "|".join(sorted(metadata.tables.keys() - SMALL))
WHOLE = re.compile(
    rf"Seq Scan on ({LARGE})\b"
    # SQLite names no index where it reads the table itself; a subquery may have the name of none of them.
    rf"|SCAN ({LARGE})\b(?!.*USING (COVERING )?INDEX)"
)
SORTED = re.compile(r"(?=.*\baccount_figures\b)(?=.*(USE TEMP B-TREE FOR ORDER BY|\bSort Key: ))", re.DOTALL)
"""A list that is sorted after it was read, instead of read in the order of an index."""
BOUNDED = re.compile(r"json_each\(|= ANY\(")
"""A list of given accounts, of which there are only so many: it may be sorted."""
INDEXES = {
    "changes?subject=module": "ix_changes_subject",
    "deliveries?state=rejected": "ix_deliveries_state",
    "deliveries?order=77": "ix_deliveries_resource",
    "credits?filter=waiting": "ix_orders_waiting",
    "credits?filter=in_debt": "ix_account_figures_debt",
}
"""Lists that the primary key would serve as well, and then read the rows of all stores that come before."""
WHOLE_PERSON = {"credits.export"}
"""The export of a person looks through all events, which have no index by user: each event would have to write it."""
QUERIES = (
    *(f"credits?sort={sort}&dir={direction}" for sort in Sort for direction in ("asc", "desc")),
    *(f"credits?filter={one}" for one in Filter),
    *(f"credits?filter={one}&sort={sort}" for one in (Filter.INACTIVE, Filter.EXHAUSTED) for sort in Sort),
    "credits?role=customer",
    "credits?role=customer&sort=name",
    "credits?page=last",
    "credits?page=last&sort=balance",
    "credits?q=user77@",
    "credits?q=name",
    "credits?q=77&role=customer",
    "credits?days=365&size=100&filter=has_balance&filter=inactive&sort=used",
    "credits?edit=7",
    "credits/1?days=365",
    "credits/1?module=chat&tokens=5",
    *(f"deliveries?state={state}" for state in State),
    "deliveries?before=300",
    "deliveries?order=77",
    "deliveries?order=77&state=processed",
    "changes?subject=module",
    "exceptions?after=5000000100",
    "exceptions?assign=5000000000",
    "exceptions?amounts=5000000000",
)
"""Requests with parameters, beside each page as it is."""
CALLS = (
    "/v1/users?q=name&sort=-used_30_days&limit=200",
    *(f"/v1/usage?by={by}" for by in ("day,module", "site", "operation", "source", "day,site,source,operation,module")),
)


@pytest.fixture
def large(shop, database, monkeypatch):
    """Return a store that counts as large, with use, long lists and the figures of the jobs."""
    monkeypatch.setattr(store_stats, "LARGE", 50)
    now = datetime.now(UTC)
    growth_data.add_accounts(database, shop.id, 400, now=now)
    growth_data.add_usage(database, users=400, days=2, apart=20, now=now)
    console_rows.vary_users(database, shop.id, now=now)
    console_rows.add_lists(database, shop.id, 400, now=now)
    console_rows.add_free_use(database, shop.id, 400, now=now)
    put_package(shop, 10, 600)
    deliver(shop, order(6_000_000_000, customer=0, email="guest@example.test"))
    with database.reading() as connection:
        store = settings.get_by_id(connection, shop.id)
    for job in (rollups.roll_up, rollups.roll_up_groups):
        job(database.reading, database.transaction, now=now, may_go_on=lambda: True)
    rollups.refresh(database.reading, database.transaction, store, now=now, may_go_on=lambda: True)
    growth_data.settle_statistics(database)
    return shop


def is_wrong(statement: str, plan: str, path: str) -> bool:
    """Return whether a plan reads a whole table, or sorts; the matches of a search are sorted, up to a number."""
    may_sort = "q=" in path or BOUNDED.search(statement)
    return bool(WHOLE.search(plan) or (SORTED.search(plan) and not may_sort))


def avoid_whole_tables(driver, *_):
    with driver.cursor() as cursor:
        cursor.execute("set enable_seqscan = off; set enable_sort = off")


@contextmanager
def whole_tables_avoided(database):
    if database.is_sqlite:
        yield
        return
    event.listen(database.engine, "checkout", avoid_whole_tables)
    yield
    event.remove(database.engine, "checkout", avoid_whole_tables)


def pages_of(app) -> list[str]:
    """Return every page of the console that an admin can read, of store `shop` and of the user with many rows."""
    rules = [rule for rule in admin_rules(app) if "GET" in rule.methods and not is_open(rule)]
    return [path_of(rule, "shop") for rule in rules if rule.endpoint not in WHOLE_PERSON]


def test_every_query_of_every_page_has_an_index(app, large, database, monkeypatch):
    admin, wrong = sign_in(app), {}
    queries = [f"/admin/shop/{query}" for query in QUERIES]
    applied = [path for path in queries if "filter=" in path or "role=" in path]

    def explain(paths):
        for path in paths:
            plans.clear()
            answer = (large.client if path.startswith("/v1") else admin).get(path, headers=large.headers)
            assert answer.status_code in ({200} if "?" in path else {200, 303, 400, 404, 422}), path
            answer.get_data()
            found = {
                f"{path}: {statement}": plan for statement, plan in plans.items() if is_wrong(statement, plan, path)
            }
            wrong.update(found)

    with whole_tables_avoided(database), plans_noted(database) as plans:
        explain([*pages_of(app), *queries, *CALLS])
        # A filter that finds more users is applied while the list is read in its order.
        monkeypatch.setattr(user_list, "FEW", 0)
        explain(applied)

        for path, index in INDEXES.items():
            plans.clear()
            admin.get(f"/admin/shop/{path}")
            if index not in "\n".join(plans.values()):
                wrong[path] = f"does not use {index}"

    assert wrong == {}
