"""Review items of orders: listed, assigned by hand, checked again."""

from __future__ import annotations

import logging

import pytest

from fakeshop.rest.faults import Kind
from tests import factories
from tests.support import ledger_sql
from tests.support.connected_shop import open_connected_shop

one_engine = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)


@pytest.fixture
def listed(shop):
    """Request a page of the open ones."""
    return lambda **asked: shop.client.get("/v1/exceptions", query_string=asked, headers=shop.headers).json


def post(shop, path, body=None):
    return shop.client.post(f"/v1/orders/{path}", json=body, headers=shop.headers)


def guest_order(shop, number, email="guest@example.test", **more):
    factories.deliver(shop, factories.order(number, customer=0, email=email, **more))


@one_engine
def test_open_questions_are_listed_page_by_page(shop, listed):
    factories.put_package(shop, 10, 1000)
    for number in (1, 2, 3):
        guest_order(shop, number)
    factories.deliver(shop, factories.order(4, customer=2))
    factories.deliver(shop, factories.order(5, customer=2, refunds=["-1.00"]))

    first = listed(limit=3)
    rest = listed(limit=3, cursor=first["next"])

    assert [item["number"] for item in first["items"]] == [1, 2, 3]
    assert first["items"][0] == {
        "id": 1,
        "number": 1,
        "reviews": [{"kind": "no_buyer", "subject": "", "choices": [], "parameters": {}}],
        "question": "no_buyer",
        "email": "guest@example.test",
        "placed_at": "2026-11-20T12:00:00.000000Z",
        "lines": [],
        "refunds": {"ids": [], "total": "0"},
    }
    assert [(item["number"], item["question"]) for item in rest["items"]] == [(5, "unread_refunds")]
    assert rest["items"][0]["refunds"] == {"ids": [900], "total": "1.00"}
    assert rest["next"] is None
    assert listed(cursor="nonsense")["errors"][0]["field"] == "cursor"
    assert listed(cursor="9" * 17)["code"] == "invalid_request"


def test_guests_order_is_given_to_a_user_and_can_move_on_to_another(shop, listed, database):
    factories.put_package(shop, 10, 1000)
    guest_order(shop, 1)

    given = post(shop, "1/assign", {"user": {"id": 7}})
    again = post(shop, "1/assign", {"user": {"id": 7}})

    line = {"id": 1, "name": "Tokens", "quantity": 1, "tokens_each": 1000, "basis": "product", "tokens": 1000}
    expected = {"id": 1, "number": 1, "status": "completed", "question": None, "reviews": [], "granted": 1000}
    expected |= {"refunds": {"ids": [], "total": "0"}, "seen": None, "tokens": 1000, "waits_for_buyer": False}
    assert (given.status_code, given.json["posted"], again.json["posted"]) == (200, 1000, 0)
    for answer in (given.json, again.json):
        assert answer.items() >= expected.items()
        assert answer["lines"][0].items() >= line.items()
    order = shop.client.get("/v1/orders/1", headers=shop.headers).json
    assert order.items() >= {name: expected[name] for name in ("id", "status", "reviews", "granted")}.items()
    assert shop.client.get("/v1/orders/2", headers=shop.headers).json["code"] == "unknown_order"
    assert listed() == {"items": [], "next": None}
    assert post(shop, "1/assign", {"user": {"id": 8, "email": "eve@example.test"}}).json["posted"] == 0
    assert (factories.balance_of(shop, 7), factories.balance_of(shop, 8)) == (0, 1000)
    guest_order(shop, 1, at=60, status="refunded")
    assert factories.balance_of(shop, 8) == 0
    actors = [row["actor"] for row in ledger_sql.rows(database, "select actor from entries order by id")]
    assert actors[:3] == [f"key {shop.connected.access_key[:9]}"] * 3
    assert actors[3:] == ["shop"]
    assert ledger_sql.faults(database) == []


@one_engine
def test_order_that_has_a_customer_is_given_to_no_other(shop):
    factories.put_package(shop, 10, 1000)
    factories.deliver(shop, factories.order(1, customer=2))

    refused = post(shop, "1/assign", {"user": {"id": 7}})

    assert (refused.status_code, refused.json["code"]) == (409, "order_has_customer")
    assert factories.balance_of(shop, 2) == 1000
    assert shop.client.get("/v1/users/7", headers=shop.headers).status_code == 404, "nothing was written"


@one_engine
@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("9/assign", {"user": {"id": 7}}, 404),
        ("x/assign", {"user": {"id": 7}}, 422),
        ("1/assign", {"user": {"id": 0}}, 422),
        ("1/assign", {}, 422),
        ("9/check", None, 404),
        ("0/check", None, 422),
        (f"{2**53}/check", None, 422),
    ],
)
def test_what_makes_no_sense_is_refused(shop, path, body, status):
    assert post(shop, path, body).status_code == status


@one_engine
def test_another_stores_order_is_not_there(app, shop):
    factories.put_package(shop, 10, 1000)
    guest_order(shop, 1)
    _, headers = factories.add_shop(app, "other")

    for path, body in (("1/assign", {"user": {"id": 7}}), ("1/check", None)):
        assert shop.client.post(f"/v1/orders/{path}", json=body, headers=headers).status_code == 404
    assert shop.client.get("/v1/exceptions", headers=headers).json["items"] == []


@one_engine
def test_check_without_keys_settles_by_what_is_known(shop):
    guest_order(shop, 1)
    factories.put_package(shop, 10, 1000)
    factories.put_user(shop, 7, email="guest@example.test")

    assert post(shop, "1/check").json["posted"] + factories.balance_of(shop, 7) >= 1000
    assert post(shop, "1/check").json["posted"] == 0
    assert factories.balance_of(shop, 7) == 1000


def test_check_reads_the_order_back(app, caplog):
    caplog.set_level(logging.CRITICAL)
    with open_connected_shop(app) as connected_shop:
        connected_shop.connect()
        order = connected_shop.sell()

        assert post(connected_shop, f"{order}/check").json["posted"] == 100_000
        connected_shop.shop.refund_amount(order, "5.00")
        assert post(connected_shop, f"{order}/check").json["posted"] == -50_000
        connected_shop.served.faults.add(Kind.ERROR_PAGE)
        broken = post(connected_shop, f"{order}/check")
        assert (broken.status_code, "HTTP 500" in broken.json["detail"]) == (502, True)
        connected_shop.shop.force_delete(order)
        assert post(connected_shop, f"{order}/check").json["posted"] == -50_000
        assert post(connected_shop, "999/check").status_code == 404
        assert connected_shop.balances() == {2: 0}
