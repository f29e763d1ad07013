"""Orders of a product that becomes a package later: a review item, or granted with the past orders."""

from __future__ import annotations

import logging
from datetime import timedelta

import pytest

from bridge.services.orders import late_packages
from bridge.services.shop import product_import
from bridge.services.stores import settings
from bridge.services.transactions import in_transaction
from bridge.web.context import utcnow
from schedulers import jobs
from schedulers.context import JobContext
from tests import factories
from tests.factories import balance_of, deliver, line, order
from tests.support import ledger_sql
from tests.support.connected_shop import open_connected_shop
from tests.support.pages import read, send, sign_in

one_engine = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
LIST = "/admin/shop/packages"


@pytest.fixture
def asking(shop, database):
    """Return a store that does not grant past orders; afterwards the ledger must add up."""

    def ask(connection):
        settings.answer_history(connection, settings.get_store(connection, "shop"), "ask", actor="test", now=utcnow())

    in_transaction(database.transaction, ask)
    yield shop
    assert ledger_sql.faults(database) == []


def mark(shop, tokens, number=10, **more):
    document = factories.product(number, tokens) | more
    assert deliver(shop, document, "product.updated").status_code == 200


def get(shop, path):
    return shop.client.get(f"/v1/{path}", headers=shop.headers).json


def decide(shop, decision, path="packages/10"):
    return shop.client.post(f"/v1/{path}/past-orders", json={"decision": decision}, headers=shop.headers)


def run_job(database, now):
    return jobs.settle_past_orders(JobContext(database, lambda: now, lambda: True))


def test_product_that_becomes_a_package_asks_once_and_grants_nothing_by_itself(asking, database):
    mark(asking, None)
    for number in (1, 2, 3):
        deliver(asking, order(number, lines=[line(quantity=number)]))
    mark(asking, 1000)
    run_job(database, factories.NOON)

    assert get(asking, "exceptions")["items"] == []
    (item,) = get(asking, "exceptions/products")["items"]
    assert (item["product"], item["variation"], item["name"]) == (10, None, "Product 10")
    assert (item["tokens"], item["orders"], item["choices"]) == (1000, 3, ["grant", "leave"])
    assert get(asking, "packages/10")["orders_waiting"] == 3
    for number in (1, 2, 3):
        deliver(asking, order(number, at=5, lines=[line(quantity=number)]))
    assert get(asking, "users/2").get("code") == "unknown_user"

    granted = decide(asking, "grant")

    assert (granted.status_code, granted.json["decision"], granted.json["orders_waiting"]) == (200, "grant", 0)
    assert balance_of(asking, 2) == 6000
    assert decide(asking, "grant").status_code == 200
    run_job(database, factories.NOON)
    assert balance_of(asking, 2) == 6000
    assert get(asking, "exceptions/products")["items"] == []


@one_engine
def test_orders_that_are_left_stay_at_nothing_and_can_still_be_given_an_amount(asking):
    mark(asking, None)
    deliver(asking, order(1))
    mark(asking, 1000)

    assert decide(asking, "leave").json["orders_waiting"] == 0
    deliver(asking, order(2))

    assert balance_of(asking, 2) == 1000
    assert get(asking, "orders/1")["lines"][0]["basis"] == "left"
    answer = asking.client.put("/v1/orders/1/lines/1", json={"tokens": 70}, headers=asking.headers)
    assert (answer.status_code, balance_of(asking, 2)) == (200, 1070)
    again = asking.client.put("/v1/orders/1/lines/1", json={"tokens": 71}, headers=asking.headers)
    assert (again.status_code, again.json["code"]) == (409, "line_has_amount")


@one_engine
def test_line_at_nothing_of_a_product_that_is_no_package_can_be_given_an_amount(asking):
    mark(asking, None)
    deliver(asking, order(1))

    answer = asking.client.put("/v1/orders/1/lines/1", json={"tokens": 70}, headers=asking.headers)

    assert (answer.status_code, answer.json["posted"], balance_of(asking, 2)) == (200, 70, 70)
    mark(asking, 1000)
    assert get(asking, "exceptions/products")["items"] == []


@one_engine
@pytest.mark.parametrize("by", ["webhook", "api", "page", "command"])
def test_product_made_a_package_by_any_actor_is_a_review_item(asking, app, by):
    mark(asking, None)
    deliver(asking, order(1))
    if by == "webhook":
        mark(asking, 500)
    elif by == "api":
        factories.put_package(asking, 10, 500)
    elif by == "page":
        admin = sign_in(app)
        send(admin, read(admin.get(LIST)).form("packages/10/0"), tokens="500")
    else:
        app.test_cli_runner().invoke(args=["packages", "set", "shop", "10", "500"])

    assert [one["orders"] for one in get(asking, "exceptions/products")["items"]] == [1]
    outcome = app.test_cli_runner().invoke(args=["packages", "past", "shop", "10", "grant"])
    assert (outcome.exit_code, outcome.output) == (0, "1 orders were granted.\n")
    assert balance_of(asking, 2) == 500


@one_engine
def test_orders_are_decided_all_at_once_or_one_by_one_on_the_page(asking, app):
    mark(asking, None)
    for number in (1, 2, 3):
        deliver(asking, order(number))
    mark(asking, 1000)
    admin = sign_in(app)
    exceptions = admin.get("/admin/shop/exceptions")
    assert '<span class="sr">open: </span>1</span>' in exceptions.text
    assert "Product 10 was ordered before it was a package." in exceptions.text
    page = read(admin.get(read(exceptions).links["Decide about these orders of Product 10"]))
    assert page.rows[0][-1].startswith("3 orders placed before it was a package.")

    one_by_one = read(admin.get(page.links["One by one: past orders of Product 10"]))
    send(admin, one_by_one.form("past-orders/1/1"), decision="grant")
    left = send(admin, one_by_one.form("past-orders/2/1"), decision="leave")

    assert balance_of(asking, 2) == 1000
    rest = read(admin.get(left.location))
    assert [row[0] for row in rest.rows] == ["3"]
    (form,) = [one for one in page.forms if one.fields.get("decision") == "grant"]
    assert "1 orders were granted." in admin.get(send(admin, form).location).text
    assert balance_of(asking, 2) == 2000
    assert admin.post(form.action, data=form.fields | {"decision": "x"}).status_code == 422


@one_engine
def test_decision_ends_when_the_product_is_a_package_no_more(asking):
    mark(asking, None)
    deliver(asking, order(1))
    mark(asking, 1000)
    decide(asking, "grant")
    mark(asking, None)
    deliver(asking, order(2))
    mark(asking, 1000)

    assert balance_of(asking, 2) == 1000
    assert [one["orders"] for one in get(asking, "exceptions/products")["items"]] == [1]


@one_engine
def test_variation_that_becomes_a_package_asks_for_its_own_orders(asking):
    mark(asking, None)
    deliver(asking, order(1, lines=[line(1, 10, variation=12), line(2, 10, variation=13)]))
    mark(asking, 70, number=12, parent_id=10, type="variation", meta_data=[{"key": "_tokens_granted", "value": "70"}])

    (late,) = get(asking, "exceptions/products")["items"]
    assert (late["product"], late["variation"], late["orders"]) == (10, 12, 1)
    decide(asking, "grant", "packages/10/12")
    assert balance_of(asking, 2) == 70


@one_engine
def test_product_that_becomes_a_package_does_not_ask_about_variations_with_an_amount_of_their_own(asking):
    factories.put_package(asking, 10, 0, variation=12)
    mark(asking, None)
    deliver(asking, order(1, lines=[line(1, 10, variation=12)]))
    deliver(asking, order(2, lines=[line(1, 10, variation=13)]))
    mark(asking, 1000)

    assert [one["orders"] for one in get(asking, "exceptions/products")["items"]] == [1]
    decide(asking, "grant")
    assert balance_of(asking, 2) == 1000
    assert get(asking, "packages/10")["orders_waiting"] == 0


@one_engine
def test_decision_about_what_is_no_package_is_refused(asking):
    mark(asking, None)

    assert (decide(asking, "grant").status_code, decide(asking, "maybe").status_code) == (404, 422)


@one_engine
def test_pending_order_from_before_asks_when_it_completes(asking):
    mark(asking, None)
    deliver(asking, order(1, status="processing"))
    mark(asking, 1000)
    assert get(asking, "exceptions/products")["items"] == []

    deliver(asking, order(1, at=5))

    assert [one["orders"] for one in get(asking, "exceptions/products")["items"]] == [1]


@one_engine
def test_decision_that_was_cut_off_is_carried_out_by_the_job(asking, database, monkeypatch):
    monkeypatch.setattr(late_packages, "TOGETHER", 3)
    mark(asking, None)
    for number in range(1, 11):
        deliver(asking, order(number))
    mark(asking, 100)

    def begin(connection):
        store = settings.get_store(connection, "shop")
        return store, late_packages.decide(
            connection, store.id, product_id=10, variation_id=0, decision="grant", actor="owner", now=factories.NOON
        )

    store, package = in_transaction(database.transaction, begin)
    turns = iter([True, True])
    late_packages.settle_package(
        database.transaction, store, package, now=factories.NOON, may_go_on=lambda: next(turns, False)
    )

    assert balance_of(asking, 2) == 600
    assert read(sign_in(asking.client.application).get(LIST)).rows[0][-1] == "Past orders are granted: 4 to go"
    assert [run_job(database, factories.NOON) for _ in range(2)] == ["4 settled", "0 settled"]
    assert balance_of(asking, 2) == 1000


@one_engine
def test_store_that_grants_past_orders_grants_those_of_a_product_marked_later(shop, database):
    """Orders placed before connecting are covered by the owner's decision; later ones become review items."""
    mark(shop, None)
    deliver(shop, order(1))
    later = order(2) | {"date_created_gmt": "2099-01-01T00:00:00"}
    deliver(shop, later)

    mark(shop, 1000)

    assert balance_of(shop, 2) == 1000
    assert [one["orders"] for one in get(shop, "exceptions/products")["items"]] == [1]


@one_engine
def test_one_order_that_cannot_be_granted_stops_no_other(asking, database):
    mark(asking, None)
    factories.give(asking, 3, 2**53 - 1)
    deliver(asking, order(1, customer=3))
    deliver(asking, order(2))
    mark(asking, 1000)

    decide(asking, "grant")

    assert balance_of(asking, 2) == 1000
    (waiting,) = get(asking, "exceptions")["items"]
    assert (waiting["id"], [item["kind"] for item in waiting["reviews"]]) == (1, ["balance_full"])


@pytest.fixture
def past(app, caplog):
    """Return a shop that sold 120 mugs before it was connected, with past orders granted."""
    caplog.set_level(logging.CRITICAL)
    with open_connected_shop(app) as connected_shop:
        connected_shop.sell_many(120, product=14)
        connected_shop.later(60)
        connected_shop.connect(history="ask")
        with connected_shop.reading() as reading:
            product_import.import_products(reading, now=connected_shop.now)
        connected_shop.poll()
        yield connected_shop


@pytest.mark.both_engines
@pytest.mark.parametrize("is_killed", [False, True])
def test_past_orders_of_a_shop_whose_products_were_marked_later_arrive_exactly_once(past, is_killed):
    """Connected first, marked later, granted then: every token arrives, also after a cut-off and a repeat."""
    assert past.balances() == {}
    past.shop.set_product_tokens(14, 500)
    with past.reading() as reading:
        product_import.import_products(reading, now=past.now)
    assert past.balances() == {}

    in_transaction(
        past.database.transaction,
        lambda connection: settings.answer_history(connection, past.store, "grant", actor="test", now=utcnow()),
    )
    if is_killed:
        turns = iter([True])
        past.poll(may_go_on=lambda: next(turns, False))
        assert 0 < past.balances()[2] < 60_000
    for _ in range(2):
        run_job(past.database, past.now + timedelta(seconds=5))
        past.poll()

    assert past.balances() == {2: 60_000}
    for path in ("exceptions", "exceptions/products"):
        assert past.client.get(f"/v1/{path}", headers=past.headers).json["items"] == []
