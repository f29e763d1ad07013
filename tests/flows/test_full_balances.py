"""An order whose tokens the buyer's balance cannot hold waits as a review item, and nothing else is held up."""

from __future__ import annotations

import logging

import pytest

from tests.factories import balance_of, deliver, give, line, order, put_package, put_user, spend
from tests.support import ledger_sql
from tests.support.pages import sign_in

MOST = 2**53 - 1


@pytest.fixture
def full(shop):
    """Fill the balance of user 2, so that 500 tokens fit; a piece of product 10 grants 1000, of product 20 400."""
    put_package(shop, 10, 1_000)
    put_package(shop, 20, 400)
    give(shop, 2, MOST - 500)
    return shop


def reviews(shop):
    items = shop.client.get("/v1/exceptions", headers=shop.headers).get_json()["items"]
    return {item["id"]: [one["kind"] for one in item["reviews"]] for item in items}


def test_order_waits_and_is_granted_once_the_balance_has_room(app, full, database, caplog):
    with caplog.at_level(logging.WARNING):
        assert deliver(full, order(1)).status_code == 200
        assert deliver(full, order(1, at=1)).status_code == 200

    assert caplog.records == []
    assert (balance_of(full, 2), reviews(full)) == (MOST - 500, {1: ["balance_full"]})
    assert {row["state"] for row in ledger_sql.rows(database, "select state from deliveries")} == {"processed"}
    page = sign_in(app).get("/admin/shop/exceptions").get_data(as_text=True)
    assert "Balance is full" in page
    assert "1,000 tokens" in page

    spend(full, 2, 500)
    assert deliver(full, order(1, at=2)).status_code == 200
    assert (balance_of(full, 2), reviews(full)) == (MOST, {})
    assert ledger_sql.faults(database) == []


def test_lines_that_fit_are_granted_and_refunds_count(full, database):
    lines = [line(1, product=20), line(2, product=10)]
    deliver(full, order(1, lines=lines))
    assert (balance_of(full, 2), reviews(full)) == (MOST - 100, {1: ["balance_full"]})

    deliver(full, order(1, "refunded", at=5, lines=lines))
    assert (balance_of(full, 2), reviews(full)) == (MOST - 500, {})
    assert ledger_sql.faults(database) == []


def test_order_assigned_to_a_full_account_stays_with_its_former_buyer(full, database):
    deliver(full, order(1, customer=3, lines=[line(quantity=2)]))
    deliver(full, order(1, customer=2, at=1, lines=[line(quantity=2)]))
    assert (balance_of(full, 2), balance_of(full, 3)) == (MOST - 500, 2_000)
    assert reviews(full) == {1: ["balance_full"]}

    deliver(full, order(1, customer=2, at=2, lines=[line(quantity=1)]))
    assert (balance_of(full, 2), balance_of(full, 3)) == (MOST - 500, 1_000)

    spend(full, 2, 500)
    deliver(full, order(1, customer=2, at=3, lines=[line(quantity=1)]))
    assert (balance_of(full, 2), balance_of(full, 3), reviews(full)) == (MOST, 0, {})
    assert ledger_sql.faults(database) == []


def test_item_can_be_left_and_asks_again_for_other_tokens(full):
    deliver(full, order(1))
    (item,) = full.client.get("/v1/exceptions", headers=full.headers).get_json()["items"]
    (one,) = item["reviews"]
    choice = {"kind": one["kind"], "subject": one["subject"], "choice": "leave"}
    answer = full.client.post("/v1/orders/1/decisions", json=choice, headers=full.headers)
    assert (answer.status_code, reviews(full)) == (200, {})

    deliver(full, order(1, at=1, lines=[line(quantity=3)]))
    assert (balance_of(full, 2), reviews(full)) == (MOST - 500, {1: ["balance_full"]})


def test_person_is_refused_what_the_balance_cannot_hold(full, database):
    put_user(full, 2)
    deliver(full, order(1, customer=0, email="guest@example.test"))
    assert reviews(full) == {1: ["no_buyer"]}

    body = {"user": {"id": 2}}
    answer = full.client.post("/v1/orders/1/assign", json=body, headers=full.headers)
    assert (answer.status_code, answer.get_json()["code"]) == (422, "balance_out_of_range")
    assert (balance_of(full, 2), reviews(full)) == (MOST - 500, {1: ["no_buyer"]})
    assert ledger_sql.faults(database) == []
