"""Quantities from shops, by webhook and by REST: whole, fractional, as text, edited after the order."""

from __future__ import annotations

import pytest

from tests.factories import balance_of, deliver, line, order, put_package, put_user
from tests.support import ledger_sql
from tests.support.connected_shop import open_connected_shop

one_engine = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)


@pytest.fixture
def connected_shop(app, database):
    """Return a connected shop with REST keys whose product 10 grants 1000 tokens; the ledger must add up."""
    with open_connected_shop(app) as connected_shop:
        connected_shop.connect()
        put_package(connected_shop, 10, 1_000)
        yield connected_shop
    assert ledger_sql.faults(database) == []


def reviews(shop):
    """Return the kinds of open review items of each order."""
    listed = shop.client.get("/v1/exceptions", headers=shop.headers).json["items"]
    return {item["id"]: [one["kind"] for one in item["reviews"]] for item in listed}


def shown_quantity(shop, number):
    """Return the quantity of an order's only line, as the API shows it."""
    (one,) = shop.client.get(f"/v1/orders/{number}", headers=shop.headers).json["lines"]
    return one["quantity"]


@pytest.mark.parametrize("quantity", [2, 2.0, "2", "2.0", " 2 ", "2.000"], ids=repr)
def test_whole_quantity_is_read_however_it_is_written(shop, database, quantity):
    put_package(shop, 10, 1_000)

    deliver(shop, order(lines=[line(quantity=quantity)]))

    assert balance_of(shop, 2) == 2_000
    assert (shown_quantity(shop, 1), reviews(shop)) == (2, {})
    assert ledger_sql.faults(database) == []


@pytest.mark.parametrize("edited", [1.5, "1.5", "1.50"], ids=repr)
def test_quantity_edited_to_a_fraction_reverses_the_difference_alone(shop, database, edited):
    put_package(shop, 10, 1_000)
    deliver(shop, order(lines=[line(quantity=2)]))

    for _ in range(2):
        deliver(shop, order(at=5, lines=[line(quantity=edited)]))

    assert (balance_of(shop, 2), shown_quantity(shop, 1), reviews(shop)) == (1_500, 1.5, {})
    moved = ledger_sql.rows(database, "select tokens from entries order by id")
    assert [row["tokens"] for row in moved] == [2_000, -500]
    assert ledger_sql.faults(database) == []


@pytest.mark.parametrize("quantity", [0.0004, "0.0004"], ids=repr)
def test_quantity_that_grants_no_whole_token_is_a_review_item(shop, quantity):
    put_package(shop, 10, 1_000)
    put_user(shop, 2)

    deliver(shop, order(lines=[line(quantity=quantity)]))

    assert (balance_of(shop, 2), reviews(shop)) == (0, {1: ["no_tokens"]})
    deliver(shop, order(at=5, lines=[line(quantity=0.5)]))
    assert (balance_of(shop, 2), reviews(shop)) == (500, {})


@one_engine
@pytest.mark.parametrize("quantity", ["two", None, -1, [], "1e99", True], ids=repr)
def test_quantity_that_cannot_be_read_moves_nothing_and_is_a_review_item(shop, quantity):
    put_package(shop, 10, 1_000)
    deliver(shop, order(lines=[line(quantity=2)]))

    deliver(shop, order(at=5, lines=[line(quantity=quantity)]))

    assert (balance_of(shop, 2), reviews(shop)) == (2_000, {1: ["quantity_unclear"]})


@pytest.mark.parametrize(("quantity", "tokens"), [(2.5, 2_500), (2.0, 2_000), (1.5, 1_500)])
def test_fractions_are_read_back_from_the_shop(connected_shop, quantity, tokens):
    number = connected_shop.sell()
    (sold,) = connected_shop.shop.orders[number].lines
    connected_shop.shop.edit_quantity(number, sold.id, quantity)

    connected_shop.poll()

    assert (connected_shop.balances(), shown_quantity(connected_shop, number), reviews(connected_shop)) == (
        {2: tokens},
        quantity,
        {},
    )


@one_engine
def test_quantity_edited_in_the_shop_is_read_back_and_reverses_the_difference_alone(connected_shop):
    number = connected_shop.shop.place_order(2, [(10, 2)], status="completed").id
    connected_shop.poll()
    (sold,) = connected_shop.shop.orders[number].lines
    assert connected_shop.balances() == {2: 2_000}

    connected_shop.later()
    connected_shop.shop.edit_quantity(number, sold.id, 1.5)
    connected_shop.poll()
    assert connected_shop.balances() == {2: 1_500}

    connected_shop.later()
    connected_shop.shop.edit_quantity(number, sold.id, 0.0004)
    connected_shop.poll()
    assert (connected_shop.balances(), reviews(connected_shop)) == ({2: 0}, {number: ["no_tokens"]})
