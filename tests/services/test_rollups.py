"""Figures kept by jobs: days of use that refunds change later, and what a large store is sorted and searched by."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from functools import partial
from types import SimpleNamespace

import pytest
import time_machine

from bench import growth_data
from bridge.domain.admin.user_list import Filter, Listing, Sort
from bridge.services.admin import bulk_changes, rollups, store_stats, user_list
from bridge.services.stores import settings
from bridge.storage.admin import account_figures, filters
from tests.factories import add_shop, give, put_user, spend
from tests.support import ledger_sql
from tests.support.replayed import replay
from tests.support.steps import plans_noted, steps_of

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


@pytest.fixture
def clock():
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


def roll_up(database, *, now=None, may_go_on=lambda: True):
    return rollups.roll_up(database.reading, database.transaction, now=now or datetime.now(UTC), may_go_on=may_go_on)


def refresh(database, shop, *, now=None):
    with database.reading() as connection:
        store = settings.get_store(connection, shop.connected.store.slug)
    return rollups.refresh(
        database.reading, database.transaction, store, now=now or datetime.now(UTC), may_go_on=lambda: True
    )


def use(database, shop, *, days=60):
    now = datetime.now(UTC)
    with database.reading() as connection:
        store = settings.get_store(connection, shop.connected.store.slug)
        today = store_stats.today_of(store, now)
        found = store_stats.use_between(connection, store, today - timedelta(days=days - 1), today, now=now)
    return found, {each.day.isoformat(): each.tokens for each in found.days}


def page_of(database, shop, **listing):
    with database.reading() as connection:
        store = settings.get_store(connection, shop.connected.store.slug)
        return user_list.list_page(connection, store, Listing(**listing), now=datetime.now(UTC))


def ids(database, shop, **listing):
    return [line.user_id for line in page_of(database, shop, **listing).lines]


def kept_days(database, store_id):
    rows = ledger_sql.rows(
        database, "select day, module, tokens from store_days where store_id = :s order by day, module", s=store_id
    )
    return [(str(row["day"]), row["module"], row["tokens"]) for row in rows]


def test_days_are_the_same_before_and_after_they_are_rolled_up(shop, database, clock):
    give(shop, 2, 10_000)
    for ago, tokens in ((40, 5), (2, 7), (1, 11), (0, 13)):
        clock.move_to(NOW - timedelta(days=ago))
        spend(shop, 2, tokens)

    _, live = use(database, shop)
    assert roll_up(database) == 42
    _, kept = use(database, shop)

    assert live == kept == {"2026-10-11": 5, "2026-11-18": 7, "2026-11-19": 11, "2026-11-20": 13}
    assert kept_days(database, shop.id)[0] == ("2026-10-11", "chat", 5)


def test_a_refund_of_an_old_spend_is_seen_at_once_and_rolled_up_by_the_next_run(shop, database, clock):
    give(shop, 2, 10_000)
    clock.move_to(NOW - timedelta(days=20))
    spent = spend(shop, 2, 100)
    clock.move_to(NOW)
    roll_up(database)
    clock.shift(300)

    refunded = shop.client.post(
        f"/v1/spends/{spent.json['id']}/refund",
        json={"tokens": 40, "reason": "broken"},
        headers=shop.headers | {"Idempotency-Key": "r1"},
    )

    assert refunded.status_code == 201
    assert use(database, shop)[1] == {"2026-10-31": 60}
    assert kept_days(database, shop.id) == [("2026-10-31", "chat", 100)]
    roll_up(database)
    assert kept_days(database, shop.id) == [("2026-10-31", "chat", 60)]


def test_a_run_that_is_cut_off_goes_on_where_it_was(shop, database, clock):
    give(shop, 2, 10_000)
    for ago in (10, 5, 0):
        clock.move_to(NOW - timedelta(days=ago))
        spend(shop, 2, 1)
    turns = iter([True, True, True])

    assert roll_up(database, may_go_on=lambda: next(turns, False)) == 3
    half = use(database, shop)[1]
    roll_up(database)

    assert half == use(database, shop)[1] == {"2026-11-10": 1, "2026-11-15": 1, "2026-11-20": 1}
    assert [day for day, _, _ in kept_days(database, shop.id)] == ["2026-11-10", "2026-11-15", "2026-11-20"]


def test_days_missed_while_no_scheduler_ran_are_added_up_later(shop, database, clock):
    give(shop, 2, 10_000)
    spend(shop, 2, 1)
    roll_up(database)
    for _ in range(4):
        clock.shift(86_400)
        spend(shop, 2, 2)

    roll_up(database)

    assert [tokens for _, _, tokens in kept_days(database, shop.id)] == [1, 2, 2, 2, 2]


def test_stores_are_kept_apart(app, shop, database, clock):
    connected, headers = add_shop(app, "other")
    other = SimpleNamespace(connected=connected, client=shop.client, headers=headers)
    for each, tokens in ((shop, 3), (other, 5)):
        give(each, 2, 100)
        spend(each, 2, tokens)

    roll_up(database)

    assert (use(database, shop)[0].tokens, use(database, other)[0].tokens) == (3, 5)


@pytest.fixture
def large(shop, database, clock, monkeypatch):
    """A store that counts as large, its figures brought up to date."""
    monkeypatch.setattr(store_stats, "LARGE", 2)
    replay(partial(_add_users, database=database), shop, database)
    return shop


def _add_users(shop, database):
    for user_id, name, tokens in ((1, "Zoë Smith", 30), (2, "علی\u200cرضا", 10), (3, "Anna Berg", 20)):
        put_user(shop, user_id, name=name, email=f"u{user_id}@example.test", roles=["customer"])
        give(shop, user_id, tokens)
    spend(shop, 3, 5)
    roll_up(database)
    refresh(database, shop)


def test_large_store_is_sorted_by_the_kept_figures_and_shows_current_ones(large, database):
    give(large, 2, 1_000)

    assert ids(database, large, sort=Sort.BALANCE) == [1, 3, 2]
    refresh(database, large, now=NOW + timedelta(hours=1))
    assert ids(database, large, sort=Sort.BALANCE) == [2, 1, 3]


@pytest.mark.parametrize("sort", list(Sort))
def test_kept_figures_sort_as_current_ones_do(large, database, sort, monkeypatch):
    kept = [ids(database, large, sort=sort, is_descending=down) for down in (True, False)]
    with database.transaction() as connection:
        account_figures.remove(connection, large.id, limit=100)

    assert kept == [ids(database, large, sort=sort, is_descending=down) for down in (True, False)]


def test_second_run_writes_only_what_changed(large, database):
    give(large, 2, 1)

    assert refresh(database, large, now=NOW + timedelta(hours=1)) == 1
    assert refresh(database, large, now=NOW + timedelta(hours=2)) == 0


def test_a_store_that_took_long_rests(large, database):
    with database.transaction() as connection:
        connection.exec_driver_sql("update store_figures set took_ms = 10000")
    give(large, 2, 1)

    assert refresh(database, large, now=NOW + timedelta(seconds=200)) == 0
    assert refresh(database, large, now=NOW + timedelta(seconds=400)) == 1


def test_store_that_shrank_is_sorted_live_again(large, database, monkeypatch):
    monkeypatch.setattr(store_stats, "LARGE", 100)

    refresh(database, large, now=NOW + timedelta(hours=1))

    assert ledger_sql.count(database, "account_figures") == 0
    assert ledger_sql.count(database, "store_figures") == 0


@pytest.mark.parametrize("is_kept", [True, False])
@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("zoe", [1]),
        ("ZOË", [1]),
        ("smith zoe", [1]),
        ("علی\u200cرضا", [2]),
        ("علیرضا", [2]),
        ("U3@EXAMPLE", [3]),
        ("example", [3, 2, 1]),
        ("be an", [3]),
        ("rg", []),
        ("z", [1]),
        ("لی", [2]),
        ('"zoe" OR', []),
        ("zoe*", []),
        ("zo%", []),
        ("2", [2]),
        ("100%", []),
        ("_", []),
    ],
)
def test_search_ignores_case_accents_joiners_and_the_order_of_words(large, database, is_kept, search, found):
    if not is_kept:
        with database.transaction() as connection:
            account_figures.remove(connection, large.id, limit=100)

    assert ids(database, large, search=search) == found


def test_a_new_user_of_a_large_store_is_found_at_once(large, database, clock):
    clock.shift(60)
    put_user(large, 9, name="New Person", email="new@example.test")

    assert ids(database, large, search="person new") == [9]


def test_search_follows_changes_of_the_kept_figures(large, database):
    later = NOW + timedelta(hours=1)
    put_user(large, 1, name="Bo Quill", email="bo@example.test")

    refresh(database, large, now=later)

    assert [ids(database, large, search=search) for search in ("zoe", "quill", "z", "b")] == [[], [1], [], [3, 1]]
    assert large.client.delete("/v1/users/3", headers=large.headers).status_code in {200, 202}
    assert ids(database, large, search="berg") == []


def test_search_that_finds_more_than_are_counted_reads_the_list_in_its_order(large, database, monkeypatch):
    monkeypatch.setattr(user_list, "COUNTED", 1)

    assert ids(database, large, search="example", sort=Sort.BALANCE) == [1, 3, 2]
    assert ids(database, large, search="berg", sort=Sort.NAME) == [3]
    with database.reading() as connection:
        store = settings.get_store(connection, large.connected.store.slug)
        page = user_list.list_page(connection, store, Listing(search="example", page=1), now=datetime.now(UTC))
    assert page.matches == 2


def test_search_without_the_index_finds_the_same(large, database):
    if database.is_sqlite:
        with database.transaction() as connection:
            for name in ("add", "remove", "change"):
                connection.exec_driver_sql(f"drop trigger account_search_{name}")
            connection.exec_driver_sql("drop table account_search")

    assert [ids(database, large, search=search) for search in ("smith zoe", "z", "be an")] == [[1], [1], [3]]


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_search_and_pages_of_a_large_store_read_few_rows(shop, database, monkeypatch):
    """Few steps, and no plan that reads all users, in every order of the list."""
    monkeypatch.setattr(store_stats, "LARGE", 2)
    costs = []
    searches = ("user 77", "user77@", "smith 77", "77", "us", "u", "#77", "nothing")
    listings = [
        *(Listing(search=search, sort=sort) for search in searches for sort in (Sort.USER, Sort.BALANCE)),
        *(Listing(sort=sort, is_last=last) for sort in Sort for last in (False, True)),
        *(Listing(filters=frozenset({each})) for each in (*filters.KEPT, Filter.WAITING)),
        *(Listing(filters=frozenset({each}), sort=Sort.NAME) for each in filters.KEPT),
        Listing(role="editor"),
        Listing(role="editor", sort=Sort.EMAIL),
    ]
    for count in (1_000, 19_000):
        growth_data.add_accounts(database, shop.id, count, now=datetime.now(UTC))
        with database.transaction() as connection:
            connection.exec_driver_sql("update accounts set search_key = name_key || ' ' || email_key")
            # Five users each, the oldest, whom a list in its order would meet last.
            connection.exec_driver_sql("update accounts set balance = 0 where user_id between 1 and 5")
            connection.exec_driver_sql("update accounts set debt = 1 where user_id between 6 and 10")
            connection.exec_driver_sql("""update accounts set roles = '["editor"]' where user_id between 11 and 15""")
            connection.exec_driver_sql("update accounts set updated_at = updated_at + 86400000000 where user_id > 5")
        refresh(database, shop, now=datetime.now(UTC) + timedelta(days=count))
        costs.append([steps_of(database, partial(ids, database, shop, **asdict(each))) for each in listings])
    with plans_noted(database) as plans:
        for each in listings:
            ids(database, shop, **asdict(each))

    grown = [(each, *cost) for each, *cost in zip(listings, *costs, strict=True) if cost[1] > 3 * cost[0] + 20_000]
    assert grown == []
    whole = [plan for plan in plans.values() if "SCAN accounts" in plan or "SCAN account_figures" in plan]
    assert whole == []


def test_filters_are_combined(large, database):
    large.client.put(
        "/v1/limits/chat", json={"period": "daily", "rules": {"user": 5, "role:editor": 100}}, headers=large.headers
    )
    large.client.put("/v1/store", json={"spend_order": ["allowance", "balance", "plan"]}, headers=large.headers)
    spend(large, 1, 5)
    spend(large, 2, 4)
    put_user(large, 2, roles=["customer", "edi%tor"])
    refresh(database, large, now=NOW + timedelta(hours=1))

    assert ids(database, large, filters=frozenset({Filter.HAS_BALANCE})) == [3, 2, 1]
    assert ids(database, large, filters=frozenset({Filter.OVER_LIMIT})) == [3, 1][-1:]
    assert ids(database, large, filters=frozenset({Filter.OVER_LIMIT, Filter.IN_DEBT})) == []
    assert ids(database, large, role="customer") == [3, 2, 1]
    assert ids(database, large, role="edi%tor") == [2]
    assert ids(database, large, role="custom") == []
    assert ids(database, large, filters=frozenset({Filter.INACTIVE})) == []


def test_filters_of_a_large_store_are_of_the_kept_figures_and_of_now(large, database):
    """A user who matches since the figures were kept appears after the next run, and one who stops matching is gone."""
    with_balance = frozenset({Filter.HAS_BALANCE})
    spend(large, 3, 15)
    give(large, 9, 5)

    assert ids(database, large, filters=with_balance) == [2, 1]
    assert ids(database, large, filters=frozenset({Filter.EXHAUSTED})) == []
    refresh(database, large, now=NOW + timedelta(hours=1))
    assert ids(database, large, filters=with_balance) == [9, 2, 1]


@pytest.mark.parametrize("few", [0, 2_000])
@pytest.mark.parametrize("sort", [Sort.USER, Sort.NAME, Sort.PURCHASED])
def test_filters_find_the_same_users_whether_they_find_few_or_many(large, database, monkeypatch, few, sort):
    monkeypatch.setattr(user_list, "FEW", few)
    put_user(large, 1, roles=["customer", "editor"])
    with database.transaction() as connection:
        connection.exec_driver_sql("update accounts set balance = 0, purchased = 7 where user_id = 2")
        connection.exec_driver_sql("update accounts set debt = 7 where user_id = 3")
        moment = "0" if database.is_sqlite else "'2026-01-01 00:00:00+00'"
        connection.exec_driver_sql(f"update accounts set updated_at = {moment} where user_id = 1")
    refresh(database, large, now=NOW + timedelta(hours=1))
    wanted = (
        {"filters": frozenset({Filter.HAS_BALANCE})},
        {"filters": frozenset({Filter.EXHAUSTED})},
        {"filters": frozenset({Filter.IN_DEBT})},
        {"filters": frozenset({Filter.INACTIVE})},
        {"role": "editor"},
        {"role": "edi"},
        {"role": "customer", "filters": frozenset({Filter.HAS_BALANCE, Filter.INACTIVE})},
    )

    found = [page_of(database, large, sort=sort, page=25, **each) for each in wanted]

    assert [sorted(line.user_id for line in page.lines) for page in found] == [[1, 3], [2], [3], [1], [1], [], [1]]
    assert [page.matches for page in found] == [2, 1, 1, 1, 1, 0, 1]
    assert all(page.sorted_at for page in found)


def test_matches_of_a_filter_are_counted_by_the_kept_figures(large, database, monkeypatch):
    """Also where the list goes on; a merged account is no match."""
    monkeypatch.setattr(user_list, "FEW", 0)
    with_balance = frozenset({Filter.HAS_BALANCE})

    page = page_of(database, large, filters=with_balance, page=1)
    assert (len(page.lines), page.matches) == (1, 3)
    merged = large.client.post(
        "/v1/users/3/merge", json={"from": 2, "reason": "one person"}, headers=large.headers | {"Idempotency-Key": "m"}
    )
    assert merged.status_code in {200, 201}, merged.text
    refresh(database, large, now=NOW + timedelta(hours=1))
    page = page_of(database, large, filters=with_balance, page=1)
    assert (len(page.lines), page.matches) == (1, 2)


def test_bulk_change_finds_users_by_current_values(large, database):
    """It moves tokens, so the kept figures do not decide whom it reaches."""
    spend(large, 3, 15)
    give(large, 9, 5)
    listing = Listing(filters=frozenset({Filter.HAS_BALANCE}))
    with database.reading() as connection:
        store = settings.get_store(connection, large.connected.store.slug)
        found = bulk_changes.list_matching(connection, store, listing, now=datetime.now(UTC))

    assert found == [1, 2, 9]
