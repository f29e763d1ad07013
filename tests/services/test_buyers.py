"""Who is behind an order is asked of the shop where no webhook told it: lost ones, and accounts older than we are."""

from __future__ import annotations

import logging
from types import SimpleNamespace

import pytest

from bridge.clients.woocommerce.api import ShopClient
from bridge.domain.shop.errors import ShopSilent
from bridge.services.shop import customers
from bridge.storage.orders import pending
from fakeshop.faults import Kind
from tests import factories
from tests.support import books
from tests.support.reading import DAY, open_rig

one_engine = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
"""What is read from a shop does not depend on where it is written to."""


@pytest.fixture
def rig(app, caplog):
    """A connected shop; whatever it tells is lost."""
    caplog.set_level(logging.CRITICAL)
    with open_rig(app, patience_seconds=0.3) as rig:
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
    rig.run_full_scan()
    assert rig.balances() == {}
    user = rig.shop.create_user("jo@example.test", first_name="Jo")

    rig.later()
    rig.run_full_scan()

    assert rig.balances() == {user.id: 200_000}
    assert profiles(rig) == [(user.id, "Jo Tester", "jo@example.test")]
    rig.run_full_scan()
    rig.poll()
    assert rig.balances() == {user.id: 200_000}


def test_account_older_than_the_connection_is_found(rig):
    user = rig.shop.create_user("old@example.test")
    guests_order(rig, "old@example.test")
    rig.poll()

    rig.run_full_scan()

    assert rig.balances() == {user.id: 100_000}


def test_user_named_by_orders_alone_gets_name_address_and_role(rig):
    user = rig.shop.create_user("ada@example.test", roles=("editor",), first_name="Ada")
    rig.sell(user.id)
    rig.poll()
    assert profiles(rig) == [(user.id, None, None)]

    rig.run_full_scan()
    rig.asked()
    rig.run_full_scan()

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

    rig.run_full_scan()

    assert rig.balances() == {}
    assert "GET customers" not in rig.asked()


def test_dry_run_learns_nobody(rig):
    guests_order(rig, "jo@example.test")
    rig.poll()
    rig.shop.create_user("jo@example.test")

    rig.run_full_scan(is_dry=True)

    assert (rig.balances(), profiles(rig)) == ({}, [])


@pytest.mark.parametrize(
    "kind", [Kind.UNAUTHORIZED, Kind.NOT_FOUND, Kind.ERROR_PAGE, Kind.TRUNCATED, Kind.TOO_MANY, Kind.SILENCE]
)
@one_engine
def test_shop_that_does_not_show_its_customers_is_swept_all_the_same(rig, kind):
    user = rig.shop.create_user("jo@example.test")
    guests_order(rig, "jo@example.test")
    refunded = rig.sell()
    rig.poll()
    rig.shop.force_delete(refunded)
    rig.served.faults.add(kind, path="customers", times=None, seconds=3600)

    report, is_through = rig.run_full_scan()

    assert (report.interruption, is_through) == ("", True)
    assert rig.balances() == {2: 0}
    rig.served.faults.clear()
    rig.run_full_scan()
    assert rig.balances() == {2: 0, user.id: 100_000}


@pytest.mark.parametrize("address", ["jo@localhost", "ünï@exämple.test", "*@example.test", "a b@example.test"])
@one_engine
def test_address_the_shop_refuses_or_searches_for_hides_no_other(rig, address):
    guests_order(rig, address)
    guests_order(rig, "zoe@example.test")
    ada = rig.shop.create_user("ada@example.test")
    rig.sell(ada.id)
    rig.poll()
    zoe = rig.shop.create_user("zoe@example.test")
    rig.asked()

    rig.run_full_scan()

    assert rig.balances() == {ada.id: 100_000, zoe.id: 100_000}
    assert (ada.id, "Ada Tester", "ada@example.test") in profiles(rig)
    assert rig.asked().count("GET customers") == (2 if "*" in address else 3)


@one_engine
def test_address_that_silences_the_shop_comes_last_another_day(rig, monkeypatch):
    guests_order(rig, "jo@example.test")
    guests_order(rig, "mute@example.test")
    guests_order(rig, "zoe@example.test")
    rig.poll()
    users = [rig.shop.create_user(f"{name}@example.test").id for name in ("jo", "zoe")]
    find = ShopClient.find_customers

    def fall_silent(client, email):
        if email.startswith("mute"):
            raise ShopSilent("cut off")
        return find(client, email)

    monkeypatch.setattr(ShopClient, "find_customers", fall_silent)
    for _ in range(3):
        assert rig.run_full_scan()[1]
        rig.later(DAY)

    assert rig.balances() == dict.fromkeys(users, 100_000)


def test_two_users_with_one_address_are_nobody_in_particular(rig):
    guests_order(rig, "ann@example.test")
    rig.poll()
    for address in ("Ann@Example.test", "ann@example.test"):
        rig.shop.create_user(address)

    rig.run_full_scan()

    assert rig.balances() == {}


def test_old_orders_of_a_store_with_very_many_are_asked_about_once_a_week(rig, monkeypatch):
    monkeypatch.setattr(customers, "_MANY", 13)
    for number in range(14):
        guests_order(rig, f"guest{number}@example.test")
    rig.poll()
    rig.asked()
    rig.run_full_scan()
    assert rig.asked().count("GET customers") == 14

    rig.later(4 * DAY)
    nights = []
    for _ in range(7):
        rig.later(DAY)
        rig.run_full_scan()
        nights.append(rig.asked().count("GET customers"))

    assert nights == [2] * 7
    monkeypatch.setattr(customers, "_MANY", 14)
    rig.run_full_scan()
    assert rig.asked().count("GET customers") == 14


@one_engine
def test_sweep_that_is_told_to_stop_asks_nobody_else(rig):
    guests_order(rig, "jo@example.test")
    rig.poll()
    rig.asked()
    turns = iter([True])

    rig.run_full_scan(may_go_on=lambda: next(turns, False))

    assert "GET customers" not in rig.asked()


@one_engine
def test_delivery_that_comes_while_the_shop_is_asked_is_the_newer(rig, monkeypatch):
    user = rig.shop.create_user("old@example.test")
    rig.sell(user.id)
    rig.poll()
    ask = ShopClient.list_customers

    def answer_late(client, user_ids):
        found = ask(client, user_ids)
        rig.client.put(f"/v1/users/{user.id}", json={"email": "new@example.test", "name": "New"}, headers=rig.headers)
        return found

    monkeypatch.setattr(ShopClient, "list_customers", answer_late)
    rig.run_full_scan()

    assert profiles(rig) == [(user.id, "New", "new@example.test")]


@one_engine
def test_users_nobody_asked_for_are_not_made(rig, monkeypatch):
    """A shop, or a plugin of it, that does not know `include` lists everybody."""
    user = rig.shop.create_user("ada@example.test")
    rig.sell(user.id)
    rig.poll()
    ask = ShopClient.list_customers
    monkeypatch.setattr(ShopClient, "list_customers", lambda client, _: ask(client, sorted(rig.shop.users)))

    rig.run_full_scan()

    assert [user_id for user_id, _, _ in profiles(rig)] == [user.id]


def test_order_not_heard_of_is_checked_and_its_buyer_found_at_once(rig):
    user = rig.shop.create_user("late@example.test")
    number = guests_order(rig, "late@example.test")

    told = rig.client.post(f"/v1/orders/{number}/check", headers=rig.headers).json

    assert (told["waits_for_buyer"], told["posted"]) == (False, 100_000)
    assert rig.balances() == {user.id: 100_000}


@one_engine
def test_order_trashed_while_its_buyer_is_asked_for_stays_trashed(rig, monkeypatch):
    rig.listen()
    user = rig.shop.create_user("ada@example.test")
    number = rig.sell(user.id)
    rig.poll()
    ask = ShopClient.list_customers

    def trash_meanwhile(client, user_ids):
        rig.shop.trash(number)
        rig.shop.run_queue()
        return ask(client, user_ids)

    monkeypatch.setattr(ShopClient, "list_customers", trash_meanwhile)
    rig.client.post(f"/v1/orders/{number}/check", headers=rig.headers)

    assert rig.balances() == {user.id: 0}


def test_other_stores_orders_of_the_same_numbers_are_none_of_this_shops(rig):
    """Its shop is asked about its own buyers alone, and is told of no other's."""
    own = rig.shop.create_user("own@example.test")
    numbers = [rig.sell(own.id), guests_order(rig, "guest@example.test")]
    rig.poll()
    other = SimpleNamespace(connected=factories.add_shop(rig.app, "other")[0], client=rig.client)
    factories.deliver(other, factories.product(10, 500), "product.updated")
    factories.deliver(other, factories.order(numbers[0], customer=77))
    factories.deliver(other, factories.order(numbers[1], customer=0, email="elsewhere@example.test"))
    assert books.count(rig.database, "orders") == 4
    with rig.database.reading() as connection:
        store_id = rig.store.id

        assert pending.list_unknown_customers(connection, store_id, numbers) == [own.id]
        assert pending.list_addresses(connection, store_id, numbers) == ["guest@example.test"]


@one_engine
def test_somebody_with_another_address_is_not_learnt(rig, monkeypatch):
    """A shop, or a plugin of it, that does not know `email` lists whom it likes."""
    guests_order(rig, "jo@example.test")
    rig.poll()
    other = rig.shop.create_user("other@example.test")
    find = ShopClient.find_customers
    monkeypatch.setattr(ShopClient, "find_customers", lambda client, _: find(client, other.email))

    rig.run_full_scan()

    assert profiles(rig) == []
