"""Buyers are read from the shop where no webhook delivered them: lost deliveries, and older accounts."""

from __future__ import annotations

import logging
from types import SimpleNamespace

import pytest

from bridge.clients.woocommerce.api import ShopClient
from bridge.domain.shop.errors import ShopSilent
from bridge.services.shop import customers
from bridge.storage.orders import pending
from fakeshop.rest.faults import Kind
from tests import factories
from tests.support import ledger_sql
from tests.support.connected_shop import DAY, open_connected_shop

one_engine = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
"""The values read from a shop do not depend on the database engine."""


@pytest.fixture
def connected_shop(app, caplog):
    """Return a connected shop whose deliveries are lost."""
    caplog.set_level(logging.CRITICAL)
    with open_connected_shop(app, patience_seconds=0.3) as connected_shop:
        yield connected_shop.connect()


def guests_order(connected_shop, email, **more):
    return connected_shop.shop.place_order(0, [(10, 1)], status="completed", email=email, **more).id


def profiles(connected_shop):
    rows = ledger_sql.rows(connected_shop.database, "select user_id, name, email from accounts order by user_id")
    return [(row["user_id"], row["name"], row["email"]) for row in rows]


def test_guest_whose_account_no_webhook_delivered_is_found_by_the_scan(connected_shop):
    guests_order(connected_shop, "Jo@Example.test")
    guests_order(connected_shop, "jo@example.test")
    guests_order(connected_shop, "other@example.test")
    connected_shop.poll()
    connected_shop.run_full_scan()
    assert connected_shop.balances() == {}
    user = connected_shop.shop.create_user("jo@example.test", first_name="Jo")

    connected_shop.later()
    connected_shop.run_full_scan()

    assert connected_shop.balances() == {user.id: 200_000}
    assert profiles(connected_shop) == [(user.id, "Jo Tester", "jo@example.test")]
    connected_shop.run_full_scan()
    connected_shop.poll()
    assert connected_shop.balances() == {user.id: 200_000}


def test_account_older_than_the_connection_is_found(connected_shop):
    user = connected_shop.shop.create_user("old@example.test")
    guests_order(connected_shop, "old@example.test")
    connected_shop.poll()

    connected_shop.run_full_scan()

    assert connected_shop.balances() == {user.id: 100_000}


def test_user_named_by_orders_alone_gets_name_address_and_role(connected_shop):
    user = connected_shop.shop.create_user("ada@example.test", roles=("editor",), first_name="Ada")
    connected_shop.sell(user.id)
    connected_shop.poll()
    assert profiles(connected_shop) == [(user.id, None, None)]

    connected_shop.run_full_scan()
    connected_shop.asked()
    connected_shop.run_full_scan()

    assert profiles(connected_shop) == [(user.id, "Ada Tester", "ada@example.test")]
    assert "GET customers" not in connected_shop.asked()
    assert connected_shop.balances() == {user.id: 100_000}


def test_checking_one_order_again_asks_for_its_buyer(connected_shop):
    number = guests_order(connected_shop, "late@example.test")
    connected_shop.poll()
    user = connected_shop.shop.create_user("late@example.test")

    response = connected_shop.client.post(f"/v1/orders/{number}/check", headers=connected_shop.headers)

    assert (response.status_code, response.get_json()["waits_for_buyer"]) == (200, False)
    assert connected_shop.balances() == {user.id: 100_000}


def test_owner_who_gives_guests_orders_by_hand_is_not_forestalled(connected_shop):
    connected_shop.client.put("/v1/store", json={"guest_policy": "admin"}, headers=connected_shop.headers)
    guests_order(connected_shop, "jo@example.test")
    connected_shop.shop.create_user("jo@example.test")
    connected_shop.poll()
    connected_shop.asked()

    connected_shop.run_full_scan()

    assert connected_shop.balances() == {}
    assert "GET customers" not in connected_shop.asked()


def test_dry_run_adds_no_user(connected_shop):
    guests_order(connected_shop, "jo@example.test")
    connected_shop.poll()
    connected_shop.shop.create_user("jo@example.test")

    connected_shop.run_full_scan(is_dry=True)

    assert (connected_shop.balances(), profiles(connected_shop)) == ({}, [])


@pytest.mark.parametrize(
    "kind", [Kind.UNAUTHORIZED, Kind.NOT_FOUND, Kind.ERROR_PAGE, Kind.TRUNCATED, Kind.TOO_MANY, Kind.SILENCE]
)
@one_engine
def test_shop_that_does_not_show_its_customers_is_scanned_all_the_same(connected_shop, kind):
    user = connected_shop.shop.create_user("jo@example.test")
    guests_order(connected_shop, "jo@example.test")
    refunded = connected_shop.sell()
    connected_shop.poll()
    connected_shop.shop.force_delete(refunded)
    connected_shop.served.faults.add(kind, path="customers", times=None, seconds=3600)

    report, is_through = connected_shop.run_full_scan()

    assert (report.interruption, is_through) == ("", True)
    assert connected_shop.balances() == {2: 0}
    connected_shop.served.faults.clear()
    connected_shop.run_full_scan()
    assert connected_shop.balances() == {2: 0, user.id: 100_000}


@pytest.mark.parametrize("address", ["jo@localhost", "ünï@exämple.test", "*@example.test", "a b@example.test"])
@one_engine
def test_address_the_shop_refuses_or_searches_for_hides_no_other(connected_shop, address):
    guests_order(connected_shop, address)
    guests_order(connected_shop, "zoe@example.test")
    ada = connected_shop.shop.create_user("ada@example.test")
    connected_shop.sell(ada.id)
    connected_shop.poll()
    zoe = connected_shop.shop.create_user("zoe@example.test")
    connected_shop.asked()

    connected_shop.run_full_scan()

    assert connected_shop.balances() == {ada.id: 100_000, zoe.id: 100_000}
    assert (ada.id, "Ada Tester", "ada@example.test") in profiles(connected_shop)
    assert connected_shop.asked().count("GET customers") == (2 if "*" in address else 3)


@one_engine
def test_address_that_silences_the_shop_comes_last_another_day(connected_shop, monkeypatch):
    guests_order(connected_shop, "jo@example.test")
    guests_order(connected_shop, "mute@example.test")
    guests_order(connected_shop, "zoe@example.test")
    connected_shop.poll()
    users = [connected_shop.shop.create_user(f"{name}@example.test").id for name in ("jo", "zoe")]
    find = ShopClient.find_customers

    def fall_silent(client, email):
        if email.startswith("mute"):
            raise ShopSilent("cut off")
        return find(client, email)

    monkeypatch.setattr(ShopClient, "find_customers", fall_silent)
    for _ in range(3):
        assert connected_shop.run_full_scan()[1]
        connected_shop.later(DAY)

    assert connected_shop.balances() == dict.fromkeys(users, 100_000)


def test_email_shared_by_two_users_matches_neither(connected_shop):
    guests_order(connected_shop, "ann@example.test")
    connected_shop.poll()
    for address in ("Ann@Example.test", "ann@example.test"):
        connected_shop.shop.create_user(address)

    connected_shop.run_full_scan()

    assert connected_shop.balances() == {}


def test_old_orders_of_a_store_with_very_many_are_asked_about_once_a_week(connected_shop, monkeypatch):
    monkeypatch.setattr(customers, "_MANY", 13)
    for number in range(14):
        guests_order(connected_shop, f"guest{number}@example.test")
    connected_shop.poll()
    connected_shop.asked()
    connected_shop.run_full_scan()
    assert connected_shop.asked().count("GET customers") == 14

    connected_shop.later(4 * DAY)
    nights = []
    for _ in range(7):
        connected_shop.later(DAY)
        connected_shop.run_full_scan()
        nights.append(connected_shop.asked().count("GET customers"))

    assert nights == [2] * 7
    monkeypatch.setattr(customers, "_MANY", 14)
    connected_shop.run_full_scan()
    assert connected_shop.asked().count("GET customers") == 14


@one_engine
def test_scan_asked_to_stop_makes_no_more_requests(connected_shop):
    guests_order(connected_shop, "jo@example.test")
    connected_shop.poll()
    connected_shop.asked()
    turns = iter([True])

    connected_shop.run_full_scan(may_go_on=lambda: next(turns, False))

    assert "GET customers" not in connected_shop.asked()


@one_engine
def test_delivery_that_comes_while_the_shop_is_asked_is_the_newer(connected_shop, monkeypatch):
    user = connected_shop.shop.create_user("old@example.test")
    connected_shop.sell(user.id)
    connected_shop.poll()
    ask = ShopClient.list_customers

    def answer_late(client, user_ids):
        found = ask(client, user_ids)
        connected_shop.client.put(
            f"/v1/users/{user.id}", json={"email": "new@example.test", "name": "New"}, headers=connected_shop.headers
        )
        return found

    monkeypatch.setattr(ShopClient, "list_customers", answer_late)
    connected_shop.run_full_scan()

    assert profiles(connected_shop) == [(user.id, "New", "new@example.test")]


@one_engine
def test_users_that_were_not_requested_are_not_added(connected_shop, monkeypatch):
    """A shop, or a plugin of it, that does not support `include` lists all customers."""
    user = connected_shop.shop.create_user("ada@example.test")
    connected_shop.sell(user.id)
    connected_shop.poll()
    ask = ShopClient.list_customers
    monkeypatch.setattr(ShopClient, "list_customers", lambda client, _: ask(client, sorted(connected_shop.shop.users)))

    connected_shop.run_full_scan()

    assert [user_id for user_id, _, _ in profiles(connected_shop)] == [user.id]


def test_undelivered_order_is_checked_and_its_buyer_found_at_once(connected_shop):
    user = connected_shop.shop.create_user("late@example.test")
    number = guests_order(connected_shop, "late@example.test")

    response = connected_shop.client.post(f"/v1/orders/{number}/check", headers=connected_shop.headers).json

    assert (response["waits_for_buyer"], response["posted"]) == (False, 100_000)
    assert connected_shop.balances() == {user.id: 100_000}


@one_engine
def test_order_trashed_while_its_buyer_is_asked_for_stays_trashed(connected_shop, monkeypatch):
    connected_shop.listen()
    user = connected_shop.shop.create_user("ada@example.test")
    number = connected_shop.sell(user.id)
    connected_shop.poll()
    ask = ShopClient.list_customers

    def trash_meanwhile(client, user_ids):
        connected_shop.shop.trash(number)
        connected_shop.shop.run_queue()
        return ask(client, user_ids)

    monkeypatch.setattr(ShopClient, "list_customers", trash_meanwhile)
    connected_shop.client.post(f"/v1/orders/{number}/check", headers=connected_shop.headers)

    assert connected_shop.balances() == {user.id: 0}


def test_other_stores_orders_of_the_same_numbers_are_none_of_this_shops(connected_shop):
    """Its shop receives requests about its own buyers only, and its customers stay in its own store."""
    own = connected_shop.shop.create_user("own@example.test")
    numbers = [connected_shop.sell(own.id), guests_order(connected_shop, "guest@example.test")]
    connected_shop.poll()
    other = SimpleNamespace(connected=factories.add_shop(connected_shop.app, "other")[0], client=connected_shop.client)
    factories.deliver(other, factories.product(10, 500), "product.updated")
    factories.deliver(other, factories.order(numbers[0], customer=77))
    factories.deliver(other, factories.order(numbers[1], customer=0, email="elsewhere@example.test"))
    assert ledger_sql.count(connected_shop.database, "orders") == 4
    with connected_shop.database.reading() as connection:
        store_id = connected_shop.store.id

        assert pending.list_unknown_customers(connection, store_id, numbers) == [own.id]
        assert pending.list_addresses(connection, store_id, numbers) == ["guest@example.test"]


@one_engine
def test_user_with_another_email_is_not_added(connected_shop, monkeypatch):
    """A shop, or a plugin of it, that does not support `email` lists arbitrary customers."""
    guests_order(connected_shop, "jo@example.test")
    connected_shop.poll()
    other = connected_shop.shop.create_user("other@example.test")
    find = ShopClient.find_customers
    monkeypatch.setattr(ShopClient, "find_customers", lambda client, _: find(client, other.email))

    connected_shop.run_full_scan()

    assert profiles(connected_shop) == []
