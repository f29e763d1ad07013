"""History over HTTP: by day in the store's zone, by site and source, as JSON and as a table; complete lists."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from bridge.domain.stores.principals import Caller
from bridge.services.sites import sites
from bridge.services.sites.sites import NewSite
from tests.factories import put_package
from tests.support.ledger_sql import rows
from tests.support.spend_driver import SpendDriver

pytestmark = pytest.mark.both_engines

CLOCKS_BACK = datetime(2026, 11, 1, 4, tzinfo=UTC)
"""New York's 1st of November begins, a day of 25 hours."""
LATER = datetime(2026, 11, 20, 15, tzinfo=UTC)


@pytest.fixture
def driver(shop, database):
    driver = SpendDriver(database, Caller(shop.id, "key"))
    driver.give(2, 10_000, now=CLOCKS_BACK - timedelta(days=400))
    return driver


def get(shop, path, *, now=LATER):
    with time_machine.travel(now, tick=False):
        response = shop.client.get(f"/v1/users/2/{path}", headers=shop.headers)
    assert response.status_code == 200, response.text
    return response


def table(shop, path, **more):
    return list(csv.DictReader(io.StringIO(get(shop, path, **more).text)))


def test_day_of_25_hours_is_one_day(shop, driver):
    """Spend each half hour, from two hours before the day to two hours after it."""
    moments = [CLOCKS_BACK + timedelta(minutes=30 * step) for step in range(-4, 54)]
    for moment in moments:
        driver.one(driver.spend(2, 1), now=moment)

    days = get(shop, "usage?days=30").get_json()["days"]

    assert [(day["date"], day["units"], day["tokens"]) for day in days] == [
        ("2026-11-02", 4, 4),
        ("2026-11-01", 50, 50),
        ("2026-10-31", 4, 4),
    ]


def test_spend_counts_on_its_day_to_the_last_microsecond(shop, driver):
    end = CLOCKS_BACK + timedelta(hours=25)
    for moment in (end - timedelta(microseconds=1), end):
        driver.one(driver.spend(2, 1), now=moment)

    assert [day["date"] for day in get(shop, "usage").get_json()["days"]] == ["2026-11-02", "2026-11-01"]


@pytest.mark.parametrize(
    ("days", "first"),
    [
        (30, datetime(2026, 10, 22, 4, tzinfo=UTC)),
        (90, datetime(2026, 8, 23, 4, tzinfo=UTC)),
        (365, datetime(2025, 11, 21, 5, tzinfo=UTC)),
    ],
)
def test_span_begins_on_its_first_local_day(shop, driver, days, first):
    """Today is the 20th of November, until 05:00 in UTC on the 21st."""
    now = datetime(2026, 11, 21, 4, 59, tzinfo=UTC)
    for moment in (first - timedelta(microseconds=1), first):
        driver.one(driver.spend(2, 1), now=moment)

    found = get(shop, f"usage?days={days}", now=now).get_json()["days"]

    assert [day["tokens"] for day in found] == [1]


def test_use_is_listed_by_module_operation_site_and_source_and_refunds_are_subtracted(shop, driver):
    account = rows(driver.database, "select id from accounts where user_id = 2")[0]["id"]
    with driver.database.transaction() as connection:
        wanted = NewSite("https://blog.example.com", "Blog")
        site = sites.link_site(connection, wanted, store_id=shop.id, account_id=account, now=CLOCKS_BACK).site
    blog = SpendDriver(driver.database, Caller(shop.id, "site Blog", 0, site.id, account))
    spent, *_ = driver.send(
        driver.spend(2, 10, source="bot"),
        driver.spend(2, 5, source="bot"),
        driver.spend(2, 7),
        driver.spend(2, operation="image.pipeline", units=3),
        now=CLOCKS_BACK,
    )
    blog.one(blog.spend(2, 4, source="bot"), now=CLOCKS_BACK)
    driver.one(driver.refund(spent, 6), now=CLOCKS_BACK + timedelta(days=3))

    (day,) = get(shop, "usage").get_json()["days"]

    assert (day["date"], day["tokens"], day["units"]) == ("2026-11-01", 26, 7)
    names = ("module", "operation", "site", "source", "units", "tokens")
    assert [tuple(item[name] for name in names) for item in day["items"]] == [
        ("chat", None, None, None, 1, 7),
        ("chat", None, None, "bot", 2, 9),
        ("chat", None, "Blog", "bot", 1, 4),
        ("image_optimizer", "image.pipeline", None, None, 3, 6),
    ]


def test_table_says_what_the_json_says(shop, driver):
    for day in range(12):
        for source in ("bot", 'form, "quoted"\nand broken', None):
            driver.one(driver.spend(2, 1 + day, source=source), now=CLOCKS_BACK + timedelta(days=day, hours=6))

    days = get(shop, "usage?days=90").get_json()["days"]
    lines = table(shop, "usage?days=90&format=csv")

    flat = [(day["date"], *(str(value or "") for value in item.values())) for day in days for item in day["items"]]
    assert [tuple(line.values()) for line in lines] == flat
    assert list(lines[0]) == ["date", "module", "operation", "site", "source", "units", "tokens"]
    assert len(lines) == 36


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_text_that_a_spreadsheet_would_run_is_quoted(shop, driver, start):
    evil = f'{start}HYPERLINK("https://evil.example.com")'
    driver.one(driver.spend(2, 1, source=evil, reference=evil), now=CLOCKS_BACK)

    (used,) = table(shop, "usage?format=csv")
    moved = table(shop, "entries?format=csv")

    assert (used["source"], moved[0]["reference"]) == (f"'{evil}", f"'{evil}")
    assert moved[0]["tokens"] == "-1"
    (day,) = get(shop, "usage").get_json()["days"]
    assert day["items"][0]["source"] == evil


def read_all(shop, path, *, limit):
    """Return every item of a list, page by page, and the number of pages."""
    items, cursor, pages = [], "", 0
    while pages < 100:
        page = get(shop, f"{path}?limit={limit}{cursor}").get_json()
        items, pages = items + page["items"], pages + 1
        assert len(page["items"]) <= limit
        if page["next"] is None:
            return items, pages
        cursor = f"&cursor={page['next']}"
    raise AssertionError("the list has no end")


@pytest.mark.parametrize("limit", [1, 7, 20, 21, 22, 200])
def test_entries_are_each_met_once_the_newest_first(shop, driver, limit):
    """20 spends and the adjustment before them."""
    driver.send(*(driver.spend(2, 1) for _ in range(20)), now=CLOCKS_BACK)
    known = rows(driver.database, "select count(*) as n from entries")[0]["n"]

    items, pages = read_all(shop, "entries", limit=limit)

    assert len({item["id"] for item in items}) == len(items) == known == 21
    assert [item["balance_after"] for item in items] == list(range(9_980, 10_001))
    assert pages == -(-21 // limit)


@pytest.mark.parametrize("limit", [1, 4, 9, 10, 200])
def test_purchases_are_each_met_once_the_newest_first(shop, driver, limit):
    put_package(shop, 10, 50)
    for number in (5, 3, 8, 1, 9, 2, 4, 7, 6):
        driver.order(number, 2, now=CLOCKS_BACK)
    driver.order(4, 2, status="refunded", now=CLOCKS_BACK)

    items, pages = read_all(shop, "purchases", limit=limit)

    assert [item["order"] for item in items] == [9, 8, 7, 6, 5, 4, 3, 2, 1]
    assert [(item["tokens"], item["reversed"]) for item in items] == [
        (50, 50 if n == 4 else 0) for n in range(9, 0, -1)
    ]
    assert pages == -(-9 // limit)


def test_new_entry_while_pages_are_read_moves_no_page(shop, driver):
    driver.send(*(driver.spend(2, 1) for _ in range(5)), now=CLOCKS_BACK)
    first = get(shop, "entries?limit=3").get_json()
    driver.one(driver.spend(2, 1), now=CLOCKS_BACK)

    second = get(shop, f"entries?limit=3&cursor={first['next']}").get_json()

    balances = [item["balance_after"] for item in first["items"] + second["items"]]
    assert balances == [9_995, 9_996, 9_997, 9_998, 9_999, 10_000]
