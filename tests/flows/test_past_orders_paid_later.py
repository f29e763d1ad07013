"""Orders placed before the store began to grant and paid later: a review item, or granted by a setting."""

from __future__ import annotations

import itertools
from datetime import timedelta

import pytest

from bridge.services.stores import settings
from bridge.services.transactions import in_transaction
from bridge.web.admin import connection_view
from bridge.web.context import utcnow
from schedulers import shop_jobs
from schedulers.context import JobContext
from tests import factories
from tests.factories import balance_of, deliver, order
from tests.support import ledger_sql

one_engine = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)


@pytest.fixture
def store(shop, database):
    """Return a store that starts from today, with one package; afterwards the ledger must add up."""

    def skip(connection):
        settings.answer_history(connection, settings.get_store(connection, "shop"), "skip", actor="test", now=utcnow())

    in_transaction(database.transaction, skip)
    factories.put_package(shop, 10, 1000)
    yield shop
    assert ledger_sql.faults(database) == []


def past(number=1, status="completed", *, at=0, paid=None, completed=None, **more):
    """Return a state of an order placed long before, `paid` and `completed` this many days from now."""

    def day(days):
        return None if days is None else (utcnow() + timedelta(days=days)).replace(tzinfo=None).isoformat()[:19]

    document = order(number, status, at=at, **more)
    return document | {"date_paid_gmt": day(paid), "date_completed_gmt": day(completed)}


def get(shop, path):
    return shop.client.get(f"/v1/{path}", headers=shop.headers).json


def decide(shop, choice, number=1):
    body = {"kind": "paid_later", "choice": choice}
    return shop.client.post(f"/v1/orders/{number}/decisions", json=body, headers=shop.headers)


def open_items(shop):
    return {item["number"]: item["question"] for item in get(shop, "exceptions")["items"]}


@one_engine
@pytest.mark.parametrize("dates", [{"paid": 1}, {"paid": -3, "completed": 1}, {"paid": 1, "completed": 2}], ids=repr)
def test_order_paid_or_completed_later_asks_and_moves_nothing(store, dates):
    deliver(store, past(**dates))

    assert open_items(store) == {1: "paid_later"}
    assert get(store, "users/2")["code"] == "unknown_user"


@one_engine
@pytest.mark.parametrize("dates", [{}, {"paid": -3}, {"paid": -3, "completed": -2}], ids=repr)
def test_order_that_was_paid_before_is_skipped_without_a_question(store, dates):
    deliver(store, past(**dates))

    assert open_items(store) == {}


def test_owner_grants_it_once_and_it_goes_on_like_any_other(store):
    deliver(store, past(paid=1))

    answer = decide(store, "grant")

    assert (answer.status_code, answer.json["posted"], open_items(store)) == (200, 1000, {})
    assert (decide(store, "grant").status_code, balance_of(store, 2)) == (409, 1000)
    for _ in range(2):
        deliver(store, past(at=5, paid=1, refunds=["-5.00"]))
    assert balance_of(store, 2) == 500
    deliver(store, past(status="cancelled", at=9, paid=1))
    assert balance_of(store, 2) == 0


@one_engine
def test_owner_leaves_it_and_is_not_asked_again(store):
    deliver(store, past(paid=1))

    assert decide(store, "leave").status_code == 200
    deliver(store, past(at=5, paid=1))

    assert open_items(store) == {}
    assert get(store, "users/2")["code"] == "unknown_user"


@one_engine
@pytest.mark.parametrize("arrival", list(itertools.permutations((0, 1))), ids=repr)
def test_setting_grants_it_in_any_order_of_arrival(store, arrival):
    changed = store.client.put("/v1/store", json={"past_orders_paid_later": "grant"}, headers=store.headers)
    assert (changed.status_code, get(store, "store")["past_orders_paid_later"]) == (200, "grant")
    states = (past(status="pending"), past(at=5, paid=1, completed=1))
    for place in arrival:
        for _ in range(2):
            deliver(store, states[place])
    deliver(store, past(2, paid=-3))

    assert balance_of(store, 2) == 1000
    assert open_items(store) == {}
    bad = store.client.put("/v1/store", json={"past_orders_paid_later": "maybe"}, headers=store.headers)
    assert bad.status_code == 422


@one_engine
def test_past_order_without_a_package_asks_nothing(store):
    factories.put_package(store, 11, 0)
    deliver(store, past(paid=1, lines=[factories.line(product=11)]))

    assert open_items(store) == {}


def behind(number=1, status="completed", *, hours=3, seconds=0, **more):
    """Return a state of an order placed just now by a shop whose clock is so many hours behind."""
    moment = utcnow() - timedelta(hours=hours) + timedelta(seconds=seconds)
    at = moment.replace(tzinfo=None).isoformat()[:19]
    dates = {"date_created_gmt": at, "date_modified_gmt": at, "date_paid_gmt": at, "date_completed_gmt": at}
    return order(number, status, **more) | dates


@pytest.mark.parametrize("hours", [1, 3, 25])
def test_order_of_a_shop_whose_clock_is_behind_is_granted_when_it_is_announced_as_new(store, hours):
    deliver(store, behind(hours=hours), "order.created")

    assert (balance_of(store, 2), open_items(store)) == (1000, {})


def test_order_announced_as_new_is_granted_when_it_is_paid(store):
    deliver(store, behind(status="pending"), "order.created")
    deliver(store, behind(seconds=60), "order.updated")

    assert (balance_of(store, 2), open_items(store)) == (1000, {})


def test_order_of_such_a_shop_that_is_first_reported_as_changed_asks_until_it_is_announced_as_new(store):
    created = behind(status="processing")
    deliver(store, behind(seconds=60), "order.updated")
    assert open_items(store) == {1: "placed_unclear"}

    deliver(store, created, "order.created")

    assert (balance_of(store, 2), open_items(store)) == (1000, {})


@one_engine
@pytest.mark.parametrize(("choice", "tokens"), [("grant", 1000), ("leave", 0)])
def test_owner_decides_about_an_order_of_such_a_shop(store, choice, tokens):
    factories.put_user(store, 2)
    deliver(store, behind(), "order.updated")

    body = {"kind": "placed_unclear", "choice": choice}
    answer = store.client.post("/v1/orders/1/decisions", json=body, headers=store.headers)
    deliver(store, behind(seconds=60), "order.created")

    assert answer.status_code == 200
    assert (balance_of(store, 2), open_items(store)) == (tokens, {})


@one_engine
def test_old_order_that_is_imported_into_the_shop_grants_nothing(store):
    """Its date of creation is old, and its document is dated by the same clock as the connection."""
    imported = past(paid=-30) | {"date_modified_gmt": (utcnow() + timedelta(seconds=9)).isoformat()[:19]}
    deliver(store, imported, "order.created")

    assert open_items(store) == {}


@pytest.mark.parametrize("topic", ["order.updated", "order.created"])
def test_order_that_was_left_stays_left_when_past_orders_are_granted(store, database, topic):
    factories.put_user(store, 2)
    for number in (1, 2):
        deliver(store, past(number, paid=1))
    assert decide(store, "leave").status_code == 200

    def grant(connection):
        found = settings.get_store(connection, "shop")
        settings.answer_history(connection, found, "grant", actor="test", now=utcnow())

    in_transaction(database.transaction, grant)
    parts = store.client.application.extensions["bridge"]
    shops = parts.shops
    shop_jobs.grant_past_orders(JobContext(database, utcnow), shops=shops)
    deliver(store, past(at=5, paid=1), topic)

    assert (balance_of(store, 2), open_items(store)) == (1000, {})
    assert get(store, "orders/1")["granted"] == 0
    with database.reading() as connection:
        found = settings.get_store(connection, "shop")
        page = connection_view.build(connection, found, public_url="", vault_=parts.vault)
    (step,) = [step for step in page.steps if step.title == "Past orders"]
    assert step.sentence == "Past orders grant tokens as well, except 1 order for which “Leave it” was chosen."
