"""The use of a whole store over HTTP: ranges of days, groupings, bounds."""

from __future__ import annotations

import itertools
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from functools import partial

import pytest
import time_machine

from bridge.domain.metering.errors import UsageRangeTooLarge
from bridge.services.admin import rollups, store_stats
from bridge.services.admin import usage as service
from bridge.services.admin.usage import Grouping
from bridge.services.stores import settings
from bridge.storage.admin import grouped_uses
from tests.factories import add_shop, give, put_user, spend
from tests.support import ledger_sql
from tests.support.linked_sites import bearer, link
from tests.support.replayed import replay

pytestmark = pytest.mark.both_engines

NOW = datetime(2026, 11, 20, 15, tzinfo=UTC)
GROUPINGS = [
    ",".join(chosen)
    for count in range(1, len(Grouping) + 1)
    for chosen in itertools.combinations([each.value for each in Grouping], count)
]


@pytest.fixture
def clock():
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


@pytest.fixture
def used(shop, database, clock):
    """Spend on three days, of two modules, by the store and a linked site, with and without a source."""
    replay(partial(_use_tokens, clock=clock), shop, database)
    return shop


def _use_tokens(shop, clock):
    for user in (2, 3):
        give(shop, user, 10_000)
    shop.client.put("/v1/operations/draw", json={"module": "images", "tokens_per_unit": 5}, headers=shop.headers)
    key = bearer(link(shop, name="Blog")["access_key"])
    for ago in (40, 1, 0):
        clock.move_to(NOW - timedelta(days=ago))
        spend(shop, 2, 10 + ago)
        spend(shop, 3, 7, source="bot")
        body = {"operation": "draw", "quantity": 2}
        made = shop.client.post("/v1/spends", json=body, headers=key | {"Idempotency-Key": f"site-{ago}"})
        assert made.status_code == 201, made.text


def get(shop, headers=None, **query):
    return shop.client.get("/v1/usage", query_string=query, headers=headers or shop.headers)


def items(shop, **query):
    response = get(shop, **query)
    assert response.status_code == 200, response.text
    return response.json["items"]


def test_by_default_the_last_30_days_are_returned_by_day(used):
    document = get(used).json

    assert (document["from"], document["to"], document["by"]) == ("2026-10-22", "2026-11-20", ["day"])
    assert document["items"] == [
        {"day": "2026-11-19", "units": 4, "tokens": 28},
        {"day": "2026-11-20", "units": 4, "tokens": 27},
    ]
    assert document["as_of"] is None


def test_site_operation_and_source_are_named(used):
    found = items(used, by="site,operation,source,module", **{"from": "2026-11-20"})

    assert [{key: value for key, value in item.items() if key != "site_id"} for item in found] == [
        {"module": "chat", "operation": None, "site": None, "source": None, "units": 1, "tokens": 10},
        {"module": "chat", "operation": None, "site": None, "source": "bot", "units": 1, "tokens": 7},
        {"module": "images", "operation": "draw", "site": "Blog", "source": None, "units": 2, "tokens": 10},
    ]
    sites = used.client.get("/v1/users/2/sites", headers=used.headers).json["items"]
    assert [item["site_id"] for item in found] == [None, None, sites[0]["id"]]


def test_every_grouping_has_the_same_sum_and_every_group_once(used):
    for by in GROUPINGS:
        found = items(used, by=by, **{"from": "2026-10-01"})

        assert (sum(item["tokens"] for item in found), sum(item["units"] for item in found)) == (122, 12), by
        places = Counter(
            tuple(value for key, value in item.items() if key not in {"units", "tokens"}) for item in found
        )
        assert set(places.values()) == {1}, by
        assert set(found[0]) - {"site_id"} == {*by.split(","), "units", "tokens"}


def test_both_days_of_a_range_are_included(used):
    one_day = items(used, **{"from": "2026-11-19", "to": "2026-11-19"})

    assert [item["day"] for item in one_day] == ["2026-11-19"]
    assert items(used, **{"from": "2026-11-19", "to": "2026-11-20"})[1]["day"] == "2026-11-20"
    assert items(used, **{"from": "2026-11-01", "to": "2026-11-18"}) == []


def test_refund_lowers_the_day_of_the_spend(used, clock):
    spent = spend(used, 2, 100).json["id"]
    clock.shift(86_400)
    headers = used.headers | {"Idempotency-Key": "back"}
    used.client.post(f"/v1/spends/{spent}/refund", json={"tokens": 40, "reason": "bad"}, headers=headers)

    assert items(used, **{"from": "2026-11-20"}) == [{"day": "2026-11-20", "units": 5, "tokens": 87}]


def test_large_store_gets_kept_figures_with_their_time(used, database, clock, monkeypatch):
    monkeypatch.setattr(store_stats, "LARGE", 1)
    read, write = database.reading, database.transaction
    rollups.roll_up(read, write, now=NOW, may_go_on=lambda: True)
    with read() as connection:
        store = settings.get_by_id(connection, used.id)
    rollups.refresh(read, write, store, now=NOW, may_go_on=lambda: True)
    clock.shift(60)
    spend(used, 2, 500)

    kept = get(used, by="day,module", **{"from": "2026-11-20"}).json
    current = get(used, by="module,source", **{"from": "2026-11-20"}).json

    assert kept["as_of"] == "2026-11-20T15:00:00.000000Z"
    assert sum(item["tokens"] for item in kept["items"]) == 27
    # The job that adds up by source has not run.
    assert current["as_of"] is None
    assert sum(item["tokens"] for item in current["items"]) == 527

    rollups.roll_up_groups(read, write, now=NOW + timedelta(seconds=60), may_go_on=lambda: True)
    spend(used, 2, 1000)
    grouped = get(used, by="module,source", **{"from": "2026-11-20"}).json
    assert grouped["as_of"] == "2026-11-20T15:01:00.000000Z"
    assert sum(item["tokens"] for item in grouped["items"]) == 527


def roll_up_groups(database, *, may_go_on=lambda: True):
    now = datetime.now(UTC)
    return rollups.roll_up_groups(database.reading, database.transaction, now=now, may_go_on=may_go_on)


@pytest.fixture
def history(used):
    """Return every grouping, read from the history before the job has run."""
    return {by: items(used, by=by, **{"from": "2026-10-01"}) for by in GROUPINGS}


@pytest.fixture(params=["few users", "many users"])
def rolled(request, used, database, monkeypatch):
    """Return a store whose use is added up by the job."""
    if request.param == "many users":
        monkeypatch.setattr(store_stats, "LARGE", 1)
        rollups.roll_up(database.reading, database.transaction, now=NOW, may_go_on=lambda: True)
        with database.reading() as connection:
            store = settings.get_by_id(connection, used.id)
        rollups.refresh(database.reading, database.transaction, store, now=NOW, may_go_on=lambda: True)
    assert roll_up_groups(database) == 42
    return used


def test_kept_groups_are_those_of_the_history(history, rolled, database):
    shop = rolled

    assert {by: items(shop, by=by, **{"from": "2026-10-01"}) for by in GROUPINGS} == history
    with database.transaction() as connection:
        connection.exec_driver_sql("update store_uses set tokens = tokens + 1000 where day < '2026-11-01'")
    by_source = items(shop, by="source", **{"from": "2026-10-01"})
    assert sum(item["tokens"] for item in by_source) > 2_000, "the kept figures are read"


def test_use_of_two_sites_in_one_group_is_added_up(rolled, database, clock):
    shop, old = rolled, {"by": "source", "from": "2026-10-01", "to": "2026-10-31"}
    key = bearer(link(shop, name="Second")["access_key"])
    clock.move_to(NOW - timedelta(days=40))
    spend(shop, 2, 100, source="both")
    body = {"module": "chat", "tokens": 30, "source": "both"}
    made = shop.client.post("/v1/spends", json=body, headers=key | {"Idempotency-Key": "second"})
    assert made.status_code == 201, made.text
    clock.move_to(NOW + timedelta(minutes=1))
    with database.transaction() as connection:
        connection.exec_driver_sql("delete from rollups where name = 'groups'")

    roll_up_groups(database)

    assert {item["source"]: item["tokens"] for item in items(shop, **old)}["both"] == 130


def test_refund_of_an_old_spend_is_in_the_groups_after_the_next_run(rolled, database, clock):
    shop = rolled
    clock.move_to(NOW - timedelta(days=40))
    spent = spend(shop, 2, 100, source="old").json["id"]
    clock.move_to(NOW + timedelta(minutes=1))
    body, headers = {"tokens": 100, "reason": "bad"}, shop.headers | {"Idempotency-Key": "back"}
    assert shop.client.post(f"/v1/spends/{spent}/refund", json=body, headers=headers).status_code == 201

    roll_up_groups(database)

    found = {item["source"]: item["tokens"] for item in items(shop, by="source", **{"from": "2026-10-01"})}
    assert found["old"] == 0


def test_day_with_more_groups_than_are_kept_is_refused_and_others_are_not(rolled, database, monkeypatch):
    shop = rolled
    monkeypatch.setattr(grouped_uses, "MOST_GROUPS", 2)
    with database.transaction() as connection:
        connection.exec_driver_sql("delete from rollups where name = 'groups'")
    roll_up_groups(database)

    assert get(shop, by="source", **{"from": "2026-10-01"}).json["code"] == "usage_range_too_large"
    assert get(shop, by="day,module", **{"from": "2026-10-01"}).status_code == 200
    kept = ledger_sql.rows(database, "select day, module from store_uses where store_id = :s", s=shop.id)
    assert {row["module"] for row in kept} == {""}

    monkeypatch.undo()
    with database.transaction() as connection:
        connection.exec_driver_sql("delete from rollups where name = 'groups'")
    roll_up_groups(database)
    assert get(shop, by="source", **{"from": "2026-10-01"}).status_code == 200


def test_run_that_is_cut_off_goes_on_where_it_was(used, database):
    turns = iter([True] * 3)

    assert roll_up_groups(database, may_go_on=lambda: next(turns, False)) == 3
    assert sum(item["tokens"] for item in items(used, by="source", **{"from": "2026-10-01"})) == 122
    assert roll_up_groups(database) == 41


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"from": "2026-11-21", "to": "2026-11-20"}, "from"),
        ({"from": "2025-10-16", "to": "2026-11-20"}, "from"),
        ({"from": "2026-11-31"}, "from"),
        ({"from": ""}, "from"),
        ({"to": "20261120"}, "to"),
        ({"to": "2026-W47-5"}, "to"),
        ({"to": "２０２６-11-20"}, "to"),
        ({"by": ""}, "by"),
        ({"by": "day,"}, "by"),
        ({"by": "user"}, "by"),
    ],
)
def test_invalid_parameters_are_refused_with_their_name(shop, query, field):
    response = get(shop, **query)

    assert response.status_code == 422
    assert [error["field"] for error in response.json["errors"]] == [field]


@pytest.mark.parametrize(
    "query",
    [
        {"from": "2025-10-17", "to": "2026-11-20"},
        {"to": "0001-01-05"},
        {"from": "9999-12-01", "to": "9999-12-31"},
    ],
)
@pytest.mark.parametrize("by", ["day", "site"])
def test_longest_range_and_the_ends_of_the_calendar_are_answered(shop, query, by):
    assert items(shop, by=by, **query) == []


def test_store_sees_its_own_use_only(app, used):
    _other, headers = add_shop(app, "other")

    assert get(used, headers, by="day,site").json["items"] == []
    assert get(used, headers).json["items"] == []
    site = link(used, 3)
    assert get(used, bearer(site["access_key"])).status_code == 403
    assert used.client.get("/v1/usage").status_code == 401


def test_more_groups_than_a_response_may_have_are_refused(shop, database):
    put_user(shop, 2)
    series = "with recursive n(i) as (select 1 union all select i + 1 from n where i < 10001) "
    insert = "insert into usage_days (account_id, day, module, operation, site_id, source, units, tokens) "
    select = "select accounts.id, '2026-11-20', 'chat', '', 0, 'source ' || n.i, 1, 1 from accounts, n"
    if not database.is_sqlite:
        select = select.replace("'2026-11-20'", "cast('2026-11-20' as date)")
    with database.transaction() as connection:
        connection.exec_driver_sql(insert + series + select)

    response = get(shop, by="source", **{"from": "2026-11-20", "to": "2026-11-20"})

    assert (response.status_code, response.json["code"]) == (422, "usage_range_too_large")
    day = get(shop, by="day,site", **{"from": "2026-11-20", "to": "2026-11-20"}).json
    assert day["items"] == [{"day": "2026-11-20", "site": None, "site_id": None, "units": 10001, "tokens": 10001}]


def test_more_rows_of_history_than_a_request_may_read_are_refused(used, database):
    by = frozenset({Grouping.SITE})
    with database.reading() as connection:
        store = settings.get_by_id(connection, used.id)
        first, last = date(2026, 11, 19), date(2026, 11, 20)
        found = service.use_of_store(connection, store, first, last, by, now=NOW, most_rows=6)
        with pytest.raises(UsageRangeTooLarge):
            service.use_of_store(connection, store, first, last, by, now=NOW, most_rows=5)

    assert sum(item.tokens for item in found.items) == 55
