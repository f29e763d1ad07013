"""Who is behind an order is asked of the shop where no webhook told it: lost ones, and accounts older than we are."""

from __future__ import annotations

import logging

import pytest

from fakeshop.faults import Kind
from tests.support import books
from tests.support.reading import open_rig


@pytest.fixture
def rig(app, caplog):
    """A connected shop; whatever it tells is lost."""
    caplog.set_level(logging.CRITICAL)
    with open_rig(app) as rig:
        yield rig.connect()


def guests_order(rig, email, **more):
    return rig.shop.place_order(0, [(10, 1)], status="completed", email=email, **more).id


def profiles(rig):
    rows = books.rows(rig.database, "select user_id, name, email from accounts order by user_id")
    return [(row["user_id"], row["name"], row["email"]) for row in rows]


def test_guest_whose_account_no_webhook_told_of_is_found_by_the_sweep(rig):
    guests_order(rig, "Jo@Example.test")
    guests_order(rig, "jo@example.test")
    guests_order(rig, "other@example.test")
    rig.poll()
    rig.sweep()
    assert rig.balances() == {}
    user = rig.shop.create_user("jo@example.test", first_name="Jo")

    rig.later()
    rig.sweep()

    assert rig.balances() == {user.id: 200_000}
    assert profiles(rig) == [(user.id, "Jo Tester", "jo@example.test")]
    rig.sweep()
    rig.poll()
    assert rig.balances() == {user.id: 200_000}


def test_account_older_than_the_connection_is_found(rig):
    user = rig.shop.create_user("old@example.test")
    guests_order(rig, "old@example.test")
    rig.poll()

    rig.sweep()

    assert rig.balances() == {user.id: 100_000}


def test_user_named_by_orders_alone_gets_name_address_and_role(rig):
    user = rig.shop.create_user("ada@example.test", roles=("editor",), first_name="Ada")
    rig.sell(user.id)
    rig.poll()
    assert profiles(rig) == [(user.id, None, None)]

    rig.sweep()
    rig.asked()
    rig.sweep()

    assert profiles(rig) == [(user.id, "Ada Tester", "ada@example.test")]
    assert "GET customers" not in rig.asked()
    assert rig.balances() == {user.id: 100_000}


def test_checking_one_order_again_asks_for_its_buyer(rig):
    number = guests_order(rig, "late@example.test")
    rig.poll()
    user = rig.shop.create_user("late@example.test")

    told = rig.client.post(f"/v1/orders/{number}/check", headers=rig.headers)

    assert (told.status_code, told.get_json()["waits_for_buyer"]) == (200, False)
    assert rig.balances() == {user.id: 100_000}


def test_owner_who_gives_guests_orders_by_hand_is_not_forestalled(rig):
    rig.client.put("/v1/store", json={"guest_policy": "admin"}, headers=rig.headers)
    guests_order(rig, "jo@example.test")
    rig.shop.create_user("jo@example.test")
    rig.poll()
    rig.asked()

    rig.sweep()

    assert rig.balances() == {}
    assert "GET customers" not in rig.asked()


def test_dry_run_learns_nobody(rig):
    guests_order(rig, "jo@example.test")
    rig.poll()
    rig.shop.create_user("jo@example.test")

    rig.sweep(is_dry=True)

    assert (rig.balances(), profiles(rig)) == ({}, [])


@pytest.mark.parametrize("kind", [Kind.UNAUTHORIZED, Kind.NOT_FOUND, Kind.ERROR_PAGE, Kind.TRUNCATED])
def test_shop_that_does_not_show_its_customers_is_swept_all_the_same(rig, kind):
    user = rig.shop.create_user("jo@example.test")
    guests_order(rig, "jo@example.test")
    refunded = rig.sell()
    rig.poll()
    rig.shop.force_delete(refunded)
    rig.served.faults.add(kind, path="customers", times=None)

    report, is_through = rig.sweep()

    assert (report.interruption, is_through) == ("", True)
    assert rig.balances() == {2: 0}
    rig.served.faults.clear()
    rig.sweep()
    assert rig.balances() == {2: 0, user.id: 100_000}


def test_shop_that_falls_silent_there_is_asked_again(rig):
    user = rig.shop.create_user("jo@example.test")
    guests_order(rig, "jo@example.test")
    rig.poll()
    rig.served.faults.add(Kind.TOO_MANY, path="customers", times=None, seconds=3600)

    report, is_through = rig.sweep()

    assert (bool(report.interruption), is_through) == (True, False)
    rig.served.faults.clear()
    rig.sweep()
    assert rig.balances() == {user.id: 100_000}
