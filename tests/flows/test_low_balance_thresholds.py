"""Further thresholds of a store: each is announced once when a balance falls below it, and again only after it rose."""

from __future__ import annotations

import json

import pytest

from tests import factories
from tests.factories import spend
from tests.support import ledger_sql


def announced(database):
    """Return the events about balances, the oldest first: the type and the level."""
    found = ledger_sql.rows(database, "select type, payload from outbox where type like 'balance.%' order by id")
    events = []
    for row in found:
        payload = json.loads(row["payload"]) if isinstance(row["payload"], str) else row["payload"]
        events.append((row["type"].removeprefix("balance."), payload.get("threshold"), payload.get("percent")))
    return events


def put(shop, thresholds):
    return shop.client.put("/v1/store", json={"low_balance_thresholds": thresholds}, headers=shop.headers)


def test_each_threshold_is_announced_once_per_crossing_and_named(shop, database):
    factories.put_package(shop, 10, 10_000)
    assert put(shop, ["20%", 300, 5000, 5000]).json["low_balance_thresholds"] == [5000, 300, "20%"]
    factories.deliver(shop, factories.order(1))

    for tokens in (4000, 1500, 3000, 600, 500, 200):
        spend(shop, 2, tokens)

    first = [("low", 5000, None), ("low", 2000, 20), ("low", 1000, None), ("low", 300, None)]
    assert announced(database) == first

    factories.give(shop, 2, 5000)
    spend(shop, 2, 4950)
    assert announced(database)[4:] == first

    spend(shop, 2, 250)
    factories.give(shop, 2, 100)
    spend(shop, 2, 10)
    assert announced(database)[8:] == [("exhausted", None, None), ("replenished", None, None)]
    assert ledger_sql.faults(database) == []


def test_a_share_is_of_what_the_last_order_granted_with_all_its_lines(shop, database):
    factories.put_package(shop, 10, 1_000)
    shop.client.put("/v1/store", json={"low_balance": 0, "low_balance_thresholds": ["50%"]}, headers=shop.headers)
    factories.deliver(shop, factories.order(1, lines=[factories.line(1), factories.line(2, quantity=3)]))

    spend(shop, 2, 2000)
    assert announced(database) == []
    spend(shop, 2, 1)
    assert announced(database) == [("low", 2000, 50)]

    factories.deliver(shop, factories.order(2, at=5))
    spend(shop, 2, 2499)
    assert announced(database)[1:] == []
    spend(shop, 2, 1)
    assert announced(database)[1:] == [("low", 500, 50)]


def test_a_threshold_that_is_added_below_is_announced_and_one_above_is_not(shop, database):
    factories.give(shop, 2, 900)
    spend(shop, 2, 1)
    put(shop, [5000, 500])
    spend(shop, 2, 1)
    assert announced(database) == []

    spend(shop, 2, 500)

    assert announced(database) == [("low", 500, None)]


@pytest.mark.parametrize("value", [0, -1, True, 1.5, 2**53, "0%", "100%", "20", "5 %", "٢٠%", None, [], {}])
@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_invalid_threshold_is_refused_by_its_place(shop, value):
    answer = put(shop, [500, value])

    assert answer.status_code == 422
    assert [fault["field"] for fault in answer.json["errors"]] == ["low_balance_thresholds.1"]


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_more_than_ten_thresholds_are_refused(shop):
    assert put(shop, list(range(1, 11))).status_code == 200
    assert put(shop, list(range(1, 12))).json["errors"][0]["field"] == "low_balance_thresholds"
    assert put(shop, []).json["low_balance_thresholds"] == []
