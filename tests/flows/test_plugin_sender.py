"""The plugin's own deliveries beside those of WooCommerce: each order counts once, in any order, late or doubled."""

from __future__ import annotations

import json
import random
import secrets
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.factories import balance_of, delivery_headers, line, order, product, put_package, put_user, state_of
from tests.support import ledger_sql
from tests.support.seeds import FRESH, resolve

ORDERS = 200
BUYERS = 10
AN_HOUR = 3600


@pytest.fixture(autouse=True)
def sound_ledger(database):
    yield
    assert ledger_sql.faults(database) == []


def send(app, shop, document, topic="order.updated", *, by):
    """Deliver a document as a webhook of WooCommerce, or as the plugin: from webhook 0, with an id of its own."""
    body = json.dumps(document).encode()
    source = f"{shop.connected.store.url}/"
    headers = delivery_headers(body, topic, secret=shop.connected.webhook_secret, source=source)
    if by == "plugin":
        headers |= {"X-WC-Webhook-ID": "0", "X-WC-Webhook-Delivery-ID": secrets.token_hex(18)}
    response = app.test_client().post("/webhooks/woocommerce/shop", data=body, headers=headers)
    assert response.status_code == 200, response.text


def sold(number, status="completed", *, at=0, **more):
    return order(number, status, at=at, customer=2 + number % BUYERS, lines=[line(quantity=2)], total="20.00", **more)


def bought(shop):
    return [balance_of(shop, user) for user in range(2, 2 + BUYERS)]


@pytest.fixture
def selling(shop):
    """Return a store with buyers, and a package of 500 tokens."""
    put_package(shop, 10, 500)
    for user in range(2, 2 + BUYERS):
        put_user(shop, user)
    return shop


def test_two_hundred_orders_of_an_outage_arrive_by_both_ways_and_count_once(app, database, selling):
    """The shop sold for an hour in which nothing arrived; then both ways deliver at once, in any order."""
    rng = random.Random(1)
    found = [(sold(number, at=AN_HOUR), "plugin") for number in range(1, ORDERS + 1)]
    found += [(sold(number, "processing"), "webhook") for number in range(1, ORDERS + 1, 4)]
    found += [(sold(number, at=AN_HOUR), "webhook") for number in range(1, ORDERS + 1, 3)]
    rng.shuffle(found)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda each: send(app, selling, each[0], by=each[1]), found))

    assert bought(selling) == [ORDERS // BUYERS * 1_000] * BUYERS
    grants = ledger_sql.rows(database, "select order_number, tokens from entries where kind = 'grant'")
    assert sorted(grant["order_number"] for grant in grants) == list(range(1, ORDERS + 1))
    assert {grant["tokens"] for grant in grants} == {1_000}


@pytest.mark.parametrize("late", ["webhook", "plugin"])
def test_the_way_that_is_an_hour_late_changes_nothing(app, database, selling, late):
    first = "plugin" if late == "webhook" else "webhook"
    history = [sold(1, "processing"), sold(1, at=60), sold(1, at=120, refunds=["-10.00"])]
    for document in history:
        send(app, selling, document, by=first)
    before = ledger_sql.rows(database, "select * from entries order by id")

    for document in history:
        send(app, selling, document, by=late)

    assert ledger_sql.rows(database, "select * from entries order by id") == before
    assert state_of(selling, 3)["balance"] == 500


def test_a_late_deletion_with_its_document_ends_no_restored_order(app, selling):
    for document, topic in [
        (sold(1), "order.updated"),
        ({"id": 1}, "order.deleted"),
        (sold(1, at=60), "order.restored"),
    ]:
        send(app, selling, document, topic, by="webhook")

    # The plugin reads the order when it sends: by then it is out of the trash.
    for topic in ("order.updated", "order.deleted", "order.restored"):
        send(app, selling, sold(1, at=60), topic, by="plugin")

    assert balance_of(selling, 3) == 1_000


@pytest.mark.parametrize("first", ["webhook", "plugin"])
def test_an_order_in_the_trash_has_no_tokens_by_either_way_first(app, selling, first):
    send(app, selling, sold(1), by="webhook")
    said = {"webhook": {"id": 1}, "plugin": sold(1, "trash", at=60)}

    for by in (first, *(said.keys() - {first})):
        send(app, selling, said[by], "order.deleted", by=by)

    assert balance_of(selling, 3) == 0
    send(app, selling, sold(1, at=120), "order.restored", by="plugin")
    assert balance_of(selling, 3) == 1_000


def test_products_and_customers_of_both_ways_are_one(app, database, selling):
    documents = [
        (product(11, 700), "product.updated"),
        ({"id": 2, "email": "ada@example.test", "role": "customer"}, "customer.updated"),
    ]
    for by in ("webhook", "plugin", "webhook"):
        for document, topic in documents:
            send(app, selling, document, topic, by=by)

    (found,) = ledger_sql.rows(database, "select shop_tokens from packages where product_id = 11")
    assert found["shop_tokens"] == 700
    assert len(ledger_sql.rows(database, "select id from accounts where email_key = 'ada@example.test'")) == 1


@pytest.mark.parametrize("seed", [1, 2, FRESH])
def test_the_end_depends_on_no_interleaving(app, selling, seed):
    """Webhooks come in any order, doubled or not at all; the plugin's deliveries come late, and end with the newest."""
    rng, arrivals, expected = random.Random(resolve(seed)), [], [0] * BUYERS
    for number in range(1, 41):
        states = [sold(number, "pending"), sold(number, "processing", at=30)]
        if rng.random() < 0.8:
            states.append(sold(number, at=60))
        if len(states) == 3 and rng.random() < 0.5:
            states.append(sold(number, at=90, refunds=["-10.00"]))
        if len(states) >= 3 and rng.random() < 0.2:
            states.append(sold(number, "cancelled", at=120))
        expected[number % BUYERS] += _owed(states[-1])
        webhooks = [state for state in states for _ in range(rng.choice([0, 1, 1, 2]))]
        arrivals += [(rng.random(), state, "webhook") for state in webhooks]
        # The plugin reads the order when it sends, so what it sends last is the newest state.
        moments = sorted(rng.random() for _ in states)
        arrivals += [(moment, state, "plugin") for moment, state in zip(moments, states, strict=True)]
    for _, document, by in sorted(arrivals, key=lambda arrival: arrival[0]):
        send(app, selling, document, by=by)

    assert bought(selling) == expected


def _owed(document):
    if document["status"] != "completed":
        return 0
    return 500 if document["refunds"] else 1_000
