"""Guests' orders wait under their email until the one account with it appears."""

from __future__ import annotations

import pytest

from tests.factories import balance_of, customer, deliver, order, put_package, put_user
from tests.support import ledger_sql


@pytest.fixture
def shop(shop, database):
    """Return the recorded shop, with package 10 of 1000 tokens; afterwards the ledger must add up."""
    put_package(shop, 10, 1_000)
    yield shop
    assert ledger_sql.faults(database) == []


def test_guests_order_is_claimed_by_the_user_that_appears(shop, database):
    deliver(shop, order(customer=0, email="Guest@Example.test"))
    parked = ledger_sql.parked(database)
    put_user(shop, 8, email=" guest@example.TEST ")
    put_user(shop, 8, email="guest@example.test")
    put_user(shop, 9, email="guest@example.test")

    assert parked == {1: "guest@example.test"}
    assert (balance_of(shop, 8), balance_of(shop, 9)) == (1_000, 0)


def test_guests_order_is_claimed_by_a_customer_the_shop_announces(shop, database):
    deliver(shop, order(customer=0, email="guest@example.test"))
    deliver(shop, customer(8, "guest@example.test"), "customer.created")
    deliver(shop, customer(8, "guest@example.test"), "customer.updated")

    assert balance_of(shop, 8) == 1_000
    assert ledger_sql.parked(database) == {}


def test_guests_order_of_an_address_two_users_have_stays_parked(shop, database):
    put_user(shop, 8, email="guest@example.test")
    put_user(shop, 9, email="guest@example.test")

    deliver(shop, order(customer=0, email="guest@example.test"))

    assert ledger_sql.parked(database) == {1: "guest@example.test"}


def test_claimed_order_that_is_refunded_is_taken_from_its_claimer(shop):
    deliver(shop, order(at=1, customer=0, email="guest@example.test"))
    put_user(shop, 8, email="guest@example.test")
    put_user(shop, 8, email="other@example.test")
    deliver(shop, order(at=2, status="refunded", customer=0, email="guest@example.test"))

    assert balance_of(shop, 8) == 0


def test_parked_order_that_is_refunded_waits_no_longer(shop, database):
    deliver(shop, order(at=1, customer=0, email="guest@example.test"))
    deliver(shop, order(at=2, status="refunded", customer=0, email="guest@example.test"))
    put_user(shop, 8, email="guest@example.test")

    assert ledger_sql.parked(database) == {}
    assert balance_of(shop, 8) == 0
