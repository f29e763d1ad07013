"""Amounts set by hand over HTTP for lines of deleted products: granted once, reversed like any other."""

from __future__ import annotations

import itertools
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from bridge.web.context import utcnow
from tests import factories
from tests.factories import balance_of, deliver, line, order
from tests.support import ledger_sql
from tests.support.linked_sites import bearer, link
from tests.support.rest_client import Api, entries, unknown

one_engine = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
LINE = "1/lines/1"


@pytest.fixture
def api(address, shop, database):
    """Return the service on a port of its own; afterwards the ledger must add up."""
    yield Api(address, shop)
    assert ledger_sql.faults(database) == []


def test_line_grants_the_amount_set_by_the_owner_through_later_changes(api, shop, database):
    api.deliver(unknown(at=0, quantity=2))
    (item,) = api.open().values()
    began = utcnow()

    answer = api.put(LINE, 500).json()

    assert (item["question"], [one["id"] for one in item["lines"]]) == ("unknown_product", [1])
    assert (answer["question"], answer["tokens"], answer["posted"]) == (None, 1_000, 1_000)
    (set_,) = answer["lines"]
    assert (set_["tokens_each"], set_["tokens"], set_["set_by"]) == (500, 1_000, api.actor)
    assert began.isoformat()[:16] <= set_["set_at"][:16] <= utcnow().isoformat()[:16]
    again = api.put(LINE, 500).json()
    assert (again["posted"], again["lines"]) == (0, answer["lines"])
    assert api.open() == {}
    for at, more, left in (
        (1, {"refunds": ["-2.50"]}, 750),
        (2, {"status": "cancelled"}, 0),
        (3, {}, 1_000),
        (4, {"status": "refunded", "refunds": ["-10.00"]}, 0),
        (5, {}, 1_000),
    ):
        for _ in range(2):
            api.deliver(unknown(at=at, quantity=2, **more))
        assert balance_of(shop, 2) == left, at
    # A new product with the same number comes too late.
    factories.put_package(shop, 10, 7)
    api.deliver(order(at=6, lines=[line(1, 10, 2)]))
    assert balance_of(shop, 2) == 1_000
    assert entries(database) == [
        (1, 1_000, api.actor),
        *[(1, tokens, "shop") for tokens in (-250, -750, 1_000, -1_000, 1_000)],
    ]


def test_other_amount_than_the_fixed_one_is_refused(api, shop):
    factories.put_package(shop, 10, 100)
    api.deliver(unknown())
    api.deliver(order(2))
    assert api.put(LINE, 500).status_code == 200

    for place, tokens in ((LINE, 501), (LINE, 0), ("2/lines/1", 101)):
        refused = api.put(place, tokens)
        assert (refused.status_code, refused.json()["code"]) == (409, "line_has_amount")
    same = api.put("2/lines/1", 100).json()

    assert (same["posted"], same["lines"][0]["set_by"]) == (0, None)
    assert balance_of(shop, 2) == 600


def test_each_unknown_line_is_answered_by_itself(api, shop, database):
    factories.put_package(shop, 10, 70)
    mixed = unknown(lines=3)
    mixed["line_items"].append(line(4, 10))
    api.deliver(mixed)

    steps = []
    for line_id, tokens in ((2, 500), (3, 0), (1, 30)):
        document = api.put(f"1/lines/{line_id}", tokens).json()
        left = [one["id"] for one in api.open().get(1, {"lines": []})["lines"]]
        steps.append((document["question"], document["posted"], left))

    assert steps == [("unknown_product", 500, [1, 3]), ("unknown_product", 0, [1]), (None, 30, [])]
    assert entries(database) == [(4, 70, "shop"), (2, 500, api.actor), (1, 30, api.actor)]
    nothing = ledger_sql.rows(database, "select tokens, set_by, set_at from order_lines where line_id = 3")
    assert (nothing[0]["tokens"], nothing[0]["set_by"], nothing[0]["set_at"] is None) == (0, api.actor, False)


def test_order_without_a_buyer_waits_with_the_amount_it_was_given(api, shop, database):
    api.deliver(unknown(customer=0, email="guest@example.test"))

    waiting = api.put(LINE, 500).json()
    factories.put_user(shop, 8, email="guest@example.test")

    assert (waiting["question"], waiting["posted"], waiting["waits_for_buyer"]) == ("no_buyer", 0, True)
    assert (balance_of(shop, 8), entries(database)) == (500, [(1, 500, "shop")])


def test_amount_set_before_an_order_is_paid_counts_when_it_is(api, shop):
    api.deliver(unknown(status="processing"))

    assert api.put(LINE, 500).json()["posted"] == 0
    api.deliver(unknown(at=1))

    assert balance_of(shop, 2) == 500


def test_two_at_once_grant_once_and_only_one_number_stands(api, shop, database):
    api.deliver(unknown(1))
    api.deliver(unknown(2))
    gate = threading.Barrier(6)

    def say(place, tokens):
        gate.wait(30)
        return api.put(place, tokens)

    with ThreadPoolExecutor(6) as pool:
        same = [pool.submit(say, LINE, 500) for _ in range(3)]
        others = [pool.submit(say, "2/lines/1", tokens) for tokens in (10, 20, 30)]
    same, others = ([one.result() for one in some] for some in (same, others))

    assert [one.status_code for one in same] == [200] * 3
    assert sorted(one.json()["posted"] for one in same) == [0, 0, 500]
    assert sorted(one.status_code for one in others) == [200, 409, 409]
    (won,) = [one.json()["posted"] for one in others if one.status_code == 200]
    assert balance_of(shop, 2) == 500 + won
    assert len(entries(database)) == 2


def test_answer_and_deliveries_in_every_order_come_to_the_same(shop, database):
    """The amount is set before, between or after the documents, each of which is delivered twice."""
    states = (
        {"at": 1},
        {"at": 2, "status": "cancelled"},
        {"at": 3, "refunds": ["-2.50"]},
    )
    number = 0
    for arrival in itertools.permutations(states):
        for place in range(1, len(states) + 1):
            number += 1
            for position, state in enumerate(arrival, start=1):
                for _ in range(2):
                    deliver(shop, unknown(number, customer=number, **state))
                if position == place:
                    say = {"json": {"tokens": 100}, "headers": shop.headers}
                    assert shop.client.put(f"/v1/orders/{number}/lines/1", **say).status_code == 200

    assert ledger_sql.balances(database) == dict.fromkeys(range(1, number + 1), 75)
    assert ledger_sql.faults(database) == []


@one_engine
@pytest.mark.parametrize(
    ("place", "tokens", "status", "code", "field"),
    [
        (LINE, True, 422, "invalid_request", "tokens"),
        (LINE, 5.0, 422, "invalid_request", "tokens"),
        (LINE, "5", 422, "invalid_request", "tokens"),
        (LINE, -1, 422, "invalid_request", "tokens"),
        (LINE, 2**53, 422, "invalid_request", "tokens"),
        (LINE, None, 422, "invalid_request", "tokens"),
        ("x/lines/1", 5, 422, "invalid_request", "number"),
        ("1/lines/0", 5, 422, "invalid_request", "line"),
        (f"1/lines/{2**53}", 5, 422, "invalid_request", "line"),
        ("1/lines/2", 5, 404, "unknown_line", None),
        ("9/lines/1", 5, 404, "unknown_order", None),
        # Two pieces are more than can be counted; nothing is fixed then.
        (LINE, 2**53 - 1, 422, "balance_out_of_range", None),
    ],
)
def test_amount_that_makes_no_sense_is_refused(shop, database, place, tokens, status, code, field):
    deliver(shop, unknown(quantity=2))

    answer = shop.client.put(f"/v1/orders/{place}", json={"tokens": tokens}, headers=shop.headers)

    assert (answer.status_code, answer.json["code"]) == (status, code)
    assert [error["field"] for error in answer.json.get("errors", ())] == ([field] if field else [])
    assert ledger_sql.rows(
        database, "select number, tokens, set_by from orders join order_lines on order_number = number"
    ) == [{"number": 1, "tokens": None, "set_by": None}]


@one_engine
def test_linked_sites_and_other_stores_answer_nothing(app, shop, database):
    deliver(shop, unknown())
    _, other = factories.add_shop(app, "other")
    site = bearer(link(shop)["access_key"])
    seen = {"refunds": {"ids": [], "total": "0"}}

    for headers, status, code in (
        (site, 403, "store_key_required"),
        (other, 404, "unknown_order"),
        ({}, 401, "unauthorized"),
    ):
        for method, path, body in (("put", LINE, {"tokens": 5}), ("post", "1/seen", seen)):
            answer = getattr(shop.client, method)(f"/v1/orders/{path}", json=body, headers=headers)
            assert (answer.status_code, answer.json["code"]) == (status, code)
    assert (ledger_sql.count(database, "orders"), ledger_sql.count(database, "entries")) == (1, 0)
