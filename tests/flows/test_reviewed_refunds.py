"""Refunds marked as reviewed over HTTP: closed while they stay the same, however often they are delivered."""

from __future__ import annotations

import json
import logging
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from bridge.services.shop import shop_keys
from bridge.web.context import utcnow
from tests import factories
from tests.factories import balance_of, deliver, order
from tests.support import ledger_sql
from tests.support.connected_shop import open_connected_shop
from tests.support.rest_client import Api, entries, named

one_engine = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)


@pytest.fixture
def api(address, shop, database):
    """Return the service on a port of its own; afterwards the ledger must add up."""
    yield Api(address, shop)
    assert ledger_sql.faults(database) == []


def test_reviewed_refunds_stay_closed_until_there_are_others(api, shop, database):
    factories.put_package(shop, 10, 1_000)
    for one in (order(at=0), order(at=1, refunds=["-1.00"])):
        api.deliver(one)
    before, (item,) = entries(database), api.open().values()

    seen = api.see(1, *named(item)).json()
    again = api.see(1, [900], "1").json()

    assert (seen["question"], seen["posted"], seen["tokens"]) == (None, 0, 900)
    assert (seen["seen"]["by"], seen["seen"]["refunds"]) == (api.actor, {"ids": [900], "total": "1.00"})
    assert again["seen"] == seen["seen"]
    for document in (order(at=1, refunds=["-1.00"]), order(at=0), order(at=2, refunds=["-1.00"])):
        for delivery in ("", "the same", "the same"):
            api.deliver(document, delivery)
            assert api.questions() == {}
    shop.client.post("/v1/orders/1/check", headers=shop.headers)
    assert (api.questions(), entries(database)) == ({}, before)
    api.deliver(order(at=3, refunds=["-1.00", "-2.00"]))
    assert (api.questions(), balance_of(shop, 2)) == ({1: "unread_refunds"}, 700)
    stale = api.see(1, [900], "1.00")
    assert (stale.status_code, stale.json()["code"]) == (409, "refunds_changed")
    assert api.see(1, [901, 900], "3.00").json()["question"] is None
    api.deliver(order(at=4, refunds=["-1.00"]))
    assert api.questions() == {1: "unread_refunds"}, "one of them was deleted: what is left is not what was seen"


def test_reviewed_refunds_survive_a_cancellation_and_its_end(api, shop):
    factories.put_package(shop, 10, 1_000)
    api.deliver(order(at=1, refunds=["-1.00"]))
    api.see(1, [900], "1.00")

    api.deliver(order(at=2, status="cancelled", refunds=["-1.00"]))
    cancelled = api.see(1, [900], "1.00")
    api.deliver(order(at=3, refunds=["-1.00"]))

    assert (cancelled.status_code, cancelled.json()["posted"]) == (200, 0)
    assert (api.questions(), balance_of(shop, 2)) == ({}, 900)


@one_engine
@pytest.mark.parametrize("money", ["1e-12", "0.1000000000000000000000000000000000001", "100000000000000.5", "1e14"])
def test_refunds_are_marked_by_what_was_listed_however_odd_their_money(api, shop, money):
    factories.put_package(shop, 10, 1_000)
    api.deliver(order(refunds=[money], total="2e14"))
    (item,) = api.open().values()

    assert api.see(1, *named(item)).json()["question"] is None
    assert api.questions() == {}


def test_refunds_reviewed_twice_at_once_are_reviewed_once(api, shop):
    factories.put_package(shop, 10, 1_000)
    api.deliver(order(refunds=["-1.00"]))
    gate = threading.Barrier(4)

    def see():
        gate.wait(30)
        return api.see(1, [900], "1.00")

    with ThreadPoolExecutor(4) as pool:
        answers = [one.result() for one in [pool.submit(see) for _ in range(4)]]

    assert [answer.status_code for answer in answers] == [200] * 4
    assert len({answer.json()["seen"]["at"] for answer in answers}) == 1
    assert balance_of(shop, 2) == 900


@one_engine
@pytest.mark.parametrize(
    ("refunds", "status", "code", "field"),
    [
        ({"ids": [900], "total": 1}, 422, "invalid_request", "refunds.total"),
        ({"ids": [900], "total": "1e0"}, 422, "invalid_request", "refunds.total"),
        ({"ids": [900], "total": "-1.00"}, 422, "invalid_request", "refunds.total"),
        ({"ids": ["900"], "total": "1.00"}, 422, "invalid_request", "refunds.ids.0"),
        ({"ids": [True], "total": "1.00"}, 422, "invalid_request", "refunds.ids.0"),
        ({"total": "1.00"}, 422, "invalid_request", "refunds.ids"),
        (None, 422, "invalid_request", "refunds"),
        ({"ids": [901], "total": "1.00"}, 409, "refunds_changed", None),
        ({"ids": [900], "total": "1.01"}, 409, "refunds_changed", None),
    ],
)
def test_refunds_that_make_no_sense_are_not_marked(shop, refunds, status, code, field):
    factories.put_package(shop, 10, 1_000)
    deliver(shop, order(refunds=["-1.00"]))

    answer = shop.client.post("/v1/orders/1/seen", json={"refunds": refunds}, headers=shop.headers)

    assert (answer.status_code, answer.json["code"]) == (status, code)
    assert [error["field"] for error in answer.json.get("errors", ())] == ([field] if field else [])


@one_engine
def test_nothing_is_marked_where_nothing_is_asked(shop):
    factories.put_package(shop, 10, 1_000)
    deliver(shop, order())

    answer = shop.client.post("/v1/orders/1/seen", json={"refunds": {"ids": [], "total": "0"}}, headers=shop.headers)

    assert (answer.status_code, answer.json["code"]) == (409, "no_open_refunds")


def test_reading_the_shop_back_finds_nothing_to_correct_in_what_was_answered(app, address, caplog):
    caplog.set_level(logging.CRITICAL)
    with open_connected_shop(app) as connected_shop:
        connected_shop.connect()
        gone, loose = connected_shop.sell(2), connected_shop.sell(3, product=11)
        connected_shop.shop.delete_product(10)
        connected_shop.shop.refund_amount(loose, "5.00")
        connected_shop.poll()
        api = Api(address, connected_shop)
        (line_,) = api.open()[gone]["lines"]
        assert api.questions() == {gone: "unknown_product", loose: "loose_refund"}

        assert api.put(f"{gone}/lines/{line_['id']}", 1_000).json()["posted"] == 1_000
        assert api.see(loose, *named(api.open()[loose])).json()["posted"] == 0

        before = connected_shop.balances()
        for report in (
            connected_shop.poll(since=factories.NOON),
            connected_shop.run_full_scan()[0],
            connected_shop.poll(since=factories.NOON, is_dry=True),
        ):
            assert (report.seen, report.changed, report.differences, report.failures) == (2, 0, [], [])
        assert (connected_shop.balances(), api.questions()) == (before, {})
        connected_shop.shop.refund_lines(gone, {line_["id"]: 1})
        second = connected_shop.shop.refund_amount(loose, "1.00")
        connected_shop.poll()
        assert (connected_shop.balances()[2], api.questions()) == (0, {loose: "loose_refund"})
        connected_shop.shop.delete_refund(loose, second.id)
        connected_shop.run_full_scan()
        assert api.questions() == {}, "these are the refunds that were seen"


def test_refunds_reviewed_unread_stay_reviewed_when_their_lines_are_read(app, address, caplog):
    caplog.set_level(logging.CRITICAL)
    with open_connected_shop(app) as connected_shop:
        connected_shop.connect(has_keys=False).listen()
        connected_shop.shop.save_product(10)
        number = connected_shop.sell(2)
        connected_shop.shop.refund_amount(number, "5.00")
        connected_shop.shop.run_queue()
        api = Api(address, connected_shop)
        assert api.questions() == {number: "unread_refunds"}

        api.see(number, *named(api.open()[number]))
        _give_keys(connected_shop)
        connected_shop.poll(since=factories.NOON)

        known = ledger_sql.rows(connected_shop.database, "select refunds from orders")[0]["refunds"]
        assert '"details": [[' in (known if isinstance(known, str) else json.dumps(known))
        assert (api.questions(), connected_shop.balances()) == ({}, {2: 50_000})


def _give_keys(connected_shop):
    key = connected_shop.shop.add_key()
    names = {"consumer_key": key.consumer_key, "consumer_secret": key.consumer_secret}
    with connected_shop.database.transaction() as connection:
        shop_keys.set_keys(
            connection, connected_shop.store, **names, vault_=connected_shop.shops.vault, actor="test", now=utcnow()
        )
