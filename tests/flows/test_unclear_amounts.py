"""Unclear amounts fix nothing: the owner sees them and the correction grants; SKUs of one package count."""

from __future__ import annotations

import itertools

import pytest

from schedulers import jobs
from schedulers.context import JobContext
from tests import factories
from tests.factories import balance_of, deliver, line, order, put_package
from tests.support import ledger_sql
from tests.support.connected_shop import open_connected_shop

one_engine = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)


@pytest.fixture
def store(shop, database):
    """Return a store; afterwards the ledger must add up."""
    yield shop
    assert ledger_sql.faults(database) == []


def product(shop, number, amount=None, *, flag="_is_token_package", key="_tokens_granted", **more):
    meta = [] if amount is None else [{"key": flag, "value": "yes"}, {"key": key, "value": amount}]
    document = {"id": number, "name": f"Pack {number}", "type": "simple", "sku": "", "meta_data": meta} | more
    assert deliver(shop, document, "product.updated").status_code == 200


CLEAR = pytest.mark.parametrize("value", ["5000.00", "5,000", "5\u00a0000", ["5000"], {"value": 5000}], ids=ascii)
"""Amounts that are not written as a whole number alone, and are clear."""
KEYS = [("_is_token_package", "_tokens_granted"), ("is_token_package", "tokens_granted")]
"""The flag and the amount: the hidden ones of the plugin, and those that owners type."""


def get(shop, path):
    return shop.client.get(f"/v1/{path}", headers=shop.headers).json


def reviews(shop):
    """Return the kinds of open review items of each order, with their products."""
    return {
        item["number"]: [(one["kind"], one["parameters"].get("products")) for one in item["reviews"]]
        for item in get(shop, "exceptions")["items"]
    }


@CLEAR
def test_clear_amount_is_read_under_every_key_of_products_variations_and_lines(store, value):
    for place, (flag, key) in enumerate([*KEYS, ("_aipkit_is_token_package", "_aipkit_tokens_amount")]):
        for number, yes in ((10 + place, "yes"), (20 + place, ["yes"])):
            product(store, number, meta_data=[{"key": flag, "value": yes}, {"key": key, "value": value}])
            deliver(store, order(number, lines=[line(1, number)]))
    assert balance_of(store, 2) == 30_000

    for place, (flag, key) in enumerate(KEYS, start=30):
        product(store, place, type="variable", meta_data=[{"key": flag, "value": ["yes"]}])
        own = [{"key": key, "value": value}]
        product(store, 10 + place, type="variation", parent_id=place, meta_data=own)
        deliver(store, order(place, lines=[line(1, place, variation=10 + place)]))
    assert balance_of(store, 2) == 40_000

    deliver(store, order(50, lines=[line(1, 99, stamped=value)]))
    assert (balance_of(store, 2), reviews(store)) == (45_000, {})


@CLEAR
def test_clear_amount_is_read_from_the_shops_rest(app, value):
    with open_connected_shop(app) as connected_shop:
        connected_shop.connect()
        shop = connected_shop.shop
        connected_shop.sell_many(1, product=10)
        connected_shop.sell_many(1, product=13)
        connected_shop.sell_many(1, product=16)
        for number, (flag, key) in zip((10, 13), KEYS, strict=True):
            shop.products[number].meta = [shop.meta(flag, ["yes"]), shop.meta(key, value)]
        shop.products[16].meta = [shop.meta("tokens_granted", value)]

        connected_shop.poll()

        assert connected_shop.balances() == {2: 15_000}
        assert reviews(connected_shop) == {}


@pytest.mark.parametrize("corrected", ["shop", "api"])
def test_line_of_an_unclear_amount_waits_and_is_granted_after_the_correction(store, corrected):
    product(store, 10, "5.000")
    deliver(store, order(1, lines=[line(quantity=2)]))

    assert reviews(store) == {1: [("unclear_amount", ["Tokens"])]}
    assert get(store, "packages/10")["orders_waiting"] == 1
    for _ in range(2):
        if corrected == "shop":
            product(store, 10, "5000")
        else:
            factories.put_package(store, 10, 5000)

    assert balance_of(store, 2) == 10_000
    assert reviews(store) == {}
    assert get(store, "packages/10")["orders_waiting"] == 0


@one_engine
@pytest.mark.parametrize(
    ("flag", "key"), [("is_token_package", "tokens_granted"), ("_aipkit_is_token_package", "_aipkit_tokens_amount")]
)
@pytest.mark.parametrize("amount", ["0", "-5", "", "1.5", "many", [1, 2]], ids=repr)
def test_marked_product_without_an_amount_is_never_nothing_for_good(store, flag, key, amount):
    product(store, 10, amount, flag=flag, key=key)
    deliver(store, order(1))

    (item,) = get(store, "packages")["items"]
    assert (item["state"], item["unreadable"]["key"], item["tokens"]) == ("unreadable", key, None)
    assert [kind for kind, _ in reviews(store)[1]] == ["unclear_amount"]
    product(store, 10, "5,000", flag=flag, key=key)
    assert balance_of(store, 2) == 5000


@one_engine
def test_amount_that_becomes_unclear_takes_nothing_back_and_holds_the_next_orders(store):
    product(store, 10, "5000")
    deliver(store, order(1))
    product(store, 10, "5.000")
    deliver(store, order(1, at=5))
    deliver(store, order(2))

    assert balance_of(store, 2) == 5000
    assert list(reviews(store)) == [2]


@one_engine
def test_granted_line_of_another_product_keeps_its_tokens_until_that_ones_amount_is_known(store):
    product(store, 10, "5000")
    deliver(store, order(1))
    product(store, 11, "5.000")
    for at, other in ((5, 11), (6, 99)):
        deliver(store, order(1, at=at, lines=[line(1, other)]))
        assert balance_of(store, 2) == 5000, other

    factories.put_package(store, 99, 70)
    deliver(store, order(1, at=7, lines=[line(1, 99)]))

    assert balance_of(store, 2) == 70


@one_engine
def test_variation_without_an_amount_waits_where_its_product_leaves_it_to_variations(store):
    product(store, 10, "", type="variable")
    deliver(store, order(1, lines=[line(1, 10, variation=12), line(2, 10, variation=13)]))
    assert reviews(store) == {1: [("unclear_amount", ["Tokens", "Tokens"])]}

    product(store, 12, "70", type="variation", parent_id=10)
    listed = [(one["product"], one["variation"], one["state"]) for one in get(store, "packages")["items"]]
    assert listed == [(10, None, "per_variation"), (10, 12, "package"), (10, 13, "unknown")]
    assert balance_of(store, 2) == 70

    factories.put_package(store, 10, 30, variation=13)
    assert (balance_of(store, 2), reviews(store)) == (100, {})


@one_engine
def test_unknown_product_is_a_review_item_and_is_listed_with_its_name(store, app):
    deliver(store, order(1, lines=[line(1, 77, name="Old pack")]))
    deliver(store, order(2, lines=[line(1, 77, name="Old pack")]))
    deliver(store, order(3, status="processing", lines=[line(1, 78, name="Mug")]))

    assert reviews(store) == {number: [("unknown_product", ["Old pack"])] for number in (1, 2)}
    first, second = get(store, "packages")["items"]
    assert (first["product"], first["name"], first["state"], first["orders_waiting"]) == (77, "Old pack", "unknown", 2)
    assert (second["product"], second["orders_waiting"]) == (78, 0)
    factories.put_package(store, 77, 40)
    factories.put_package(store, 78, 0)
    deliver(store, order(3, at=5, lines=[line(1, 78, name="Mug")]))

    assert (balance_of(store, 2), reviews(store)) == (80, {})


@one_engine
def test_product_set_before_any_order_gets_the_name_in_the_first_one(store):
    put_package(store, 77, 500)
    put_package(store, 78, 600)
    deliver(store, order(1, lines=[line(1, product=77, name="Small &amp; fine") | {"sku": "S-77"}]))
    deliver(store, order(2, at=1, lines=[line(1, product=77, name="Renamed"), line(2, product=78, variation=5)]))

    listed = store.client.get("/v1/packages", headers=store.headers).json["items"]
    assert {one["product"]: (one["name"], one["sku"]) for one in listed} == {
        77: ("Small & fine", "S-77"),
        78: ("Tokens", ""),
    }
    assert balance_of(store, 2) == 500 + 500 + 600


@pytest.mark.parametrize("arrival", list(itertools.permutations("pto")), ids="".join)
def test_product_with_the_sku_of_one_package_counts_as_it_in_any_order(store, arrival):
    """A translation is a product of its own with the SKU of the package."""
    steps = {
        "p": lambda: product(store, 501, "1000", sku="TOK"),
        "t": lambda: product(store, 912, sku="TOK"),
        "o": lambda: deliver(store, order(1, lines=[line(1, 912) | {"sku": "TOK"}])),
    }
    for step in arrival:
        steps[step]()
    late = [one["product"] for one in get(store, "exceptions/products")["items"]]
    if late:
        # It was sold before there was a package.
        assert (arrival, late) == (("t", "o", "p"), [501])
        store.client.post("/v1/packages/501/past-orders", json={"decision": "grant"}, headers=store.headers)

    assert balance_of(store, 2) == 1000
    assert get(store, "orders/1")["lines"][0]["basis"] == "sku"


@one_engine
def test_several_packages_of_one_sku_with_other_amounts_ask(store):
    product(store, 501, "1000", sku="TOK")
    product(store, 502, "2000", sku="TOK")
    product(store, 912, sku="TOK")
    deliver(store, order(1, lines=[line(1, 912) | {"sku": "TOK"}]))
    deliver(store, order(2, lines=[line(1, 912) | {"sku": "TOK"}]))

    assert reviews(store) == {1: [("same_sku", ["Tokens"])], 2: [("same_sku", ["Tokens"])]}
    answer = store.client.put("/v1/orders/1/lines/1", json={"tokens": 300}, headers=store.headers)
    assert (answer.status_code, balance_of(store, 2)) == (200, 300)
    product(store, 502, "1000", sku="TOK")
    assert balance_of(store, 2) == 1300
    assert reviews(store) == {}


@one_engine
def test_empty_sku_and_a_product_that_an_admin_set_to_nothing_match_no_package(store):
    product(store, 501, "1000", sku="")
    product(store, 502, "1000", sku="TOK")
    product(store, 912, sku="")
    product(store, 913, sku="TOK")
    factories.put_package(store, 913, 0)
    deliver(store, order(1, lines=[line(1, 912), line(2, 913) | {"sku": "TOK"}]))

    assert get(store, "orders/1")["granted"] == 0
    assert reviews(store) == {}


@one_engine
def test_documents_that_state_nothing_change_no_product(store):
    product(store, 10, "5000")
    for meta in (None, "x", 5):
        deliver(store, {"id": 10, "name": "Pack", "type": "simple", "meta_data": meta}, "product.updated")
    deliver(store, {"id": 10, "name": "Pack", "type": "simple"}, "product.updated")

    assert get(store, "packages/10")["tokens"] == 5000


@one_engine
def test_waiting_orders_that_nothing_settles_are_not_settled_again_and_again(store, database):
    """The job finds what the first pass left, and nothing that waits for a person."""
    product(store, 10, "1000")
    product(store, 12, "5.000", type="variation", parent_id=10)
    product(store, 501, "1000", sku="TOK")
    product(store, 502, "2000", sku="TOK")
    product(store, 912, sku="TOK")
    lines = [line(1, 10, variation=12), line(2, 10, stamped="x"), line(3, 912) | {"sku": "TOK"}]
    for place, one in enumerate(lines, start=1):
        deliver(store, order(place, lines=[one]))
    assert len(reviews(store)) == 3

    assert jobs.settle_open_orders(JobContext(database, lambda: factories.NOON, lambda: True)) == "0 settled"


@one_engine
def test_unknown_products_with_the_sku_of_a_package_are_settled_by_the_job(store, database):
    deliver(store, order(1, lines=[line(1, 912) | {"sku": "TOK"}]))
    with database.transaction() as connection:
        # As a pass that was cut off leaves it.
        connection.exec_driver_sql(
            "insert into packages (store_id, product_id, variation_id, admin_tokens, sku, updated_at)"
            " select id, 501, 0, 1000, 'TOK', created_at from stores"
        )

    assert [jobs.settle_past_orders(JobContext(database, lambda: factories.NOON, lambda: True)) for _ in range(2)] == [
        "1 settled",
        "0 settled",
    ]
    assert balance_of(store, 2) == 1000


@pytest.mark.parametrize("arrival", list(itertools.permutations(range(3))), ids=str)
@pytest.mark.parametrize("copies", [1, 2])
def test_unreadable_stamp_makes_the_line_wait_in_every_order_of_arrival(store, arrival, copies):
    product(store, 10, "1000")
    documents = [
        order(1, status="processing", at=1),
        order(1, status="processing", at=2, lines=[line(1, 10, stamped="5.000")]),
        order(1, status="processing", at=3),
    ]
    for place in arrival:
        for _ in range(copies):
            deliver(store, documents[place])
    deliver(store, order(1, status="completed", at=4))

    factories.put_user(store, 2)
    assert balance_of(store, 2) == 0
    assert reviews(store) == {1: [("unclear_amount", ["Tokens (5.000)"])]}
    deliver(store, order(1, at=5, lines=[line(1, 10, stamped="5000")]))
    assert (balance_of(store, 2), reviews(store)) == (5000, {})


def test_unreadable_stamp_takes_back_nothing_that_was_granted_and_asks(store):
    product(store, 10, "1000")
    deliver(store, order(1, at=1))
    deliver(store, order(1, at=2, lines=[line(1, 10, stamped="5.000")]))

    assert balance_of(store, 2) == 1000
    assert [kind for kind, _ in reviews(store)[1]] == ["stamp_unclear"]
    (item,) = get(store, "exceptions")["items"]
    one = item["reviews"][0]
    decided = {"kind": one["kind"], "subject": one["subject"], "choice": "leave"}
    answer = store.client.post("/v1/orders/1/decisions", json=decided, headers=store.headers)
    assert answer.status_code == 200, answer.text
    assert (balance_of(store, 2), reviews(store)) == (1000, {})


def test_product_that_is_no_package_with_an_unreadable_stamp_waits_in_both_orders(store):
    product(store, 10)
    deliver(store, order(1, at=1))
    deliver(store, order(1, at=2, lines=[line(1, 10, stamped="5.000")]))
    deliver(store, order(2, at=2, lines=[line(1, 10, stamped="5.000")]))
    deliver(store, order(2, at=1))

    assert [kind for number in (1, 2) for kind, _ in reviews(store)[number]] == ["unclear_amount"] * 2
