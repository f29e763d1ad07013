"""Late deliveries about an order that the shop, asked for it, no longer had: the shop's answer decides."""

from __future__ import annotations

import itertools
import json

import pytest
from sqlalchemy import update

from bridge.services.shop import reconcile
from bridge.storage.stores.tables import stores
from fakeshop.model.order_documents import order_document
from fakeshop.rest.faults import Kind
from schedulers import jobs
from schedulers.context import JobContext
from tests.factories import deliver
from tests.support.connected_shop import DAY, open_connected_shop

LATE = {"order.created": 1, "order.updated": 20, "order.restored": 30}
"""Topics of late deliveries, and how many seconds after the order was placed each is dated."""


@pytest.fixture
def connected_shop(app):
    """Return a shop with REST keys and webhooks."""
    with open_connected_shop(app) as connected_shop:
        yield connected_shop.connect().listen()


def sell_and_delete(connected_shop, *, reads=1):
    """Sell an order, delete it permanently and find it absent; return it with its late documents by topic."""
    number = connected_shop.sell()
    connected_shop.shop.run_queue()
    late = {}
    for topic, seconds in LATE.items():
        document = json.loads(json.dumps(document_of(connected_shop, number), default=str))
        moment = connected_shop.now.timestamp() + seconds
        late[topic] = document | {"date_modified_gmt": type(connected_shop.now).utcfromtimestamp(moment).isoformat()}
    connected_shop.later(60)
    order = connected_shop.shop.orders[number]
    connected_shop.shop.force_delete(number)
    for _ in range(reads):
        connected_shop.later(5)
        read_one(connected_shop, number)
    assert connected_shop.balances() == {2: 0}
    connected_shop.later(5)
    return order, late


def document_of(connected_shop, number):
    shop = connected_shop.shop
    return order_document(shop.site, shop.orders[number], shop.products)


def read_one(connected_shop, number):
    with connected_shop.reading() as reading:
        return reconcile.read_one(reading, number, now=connected_shop.now)


def retry(connected_shop):
    context = JobContext(connected_shop.database, lambda: connected_shop.now)
    return jobs.retry_deliveries(context, shops=connected_shop.shops)


def reviews(connected_shop, number):
    shown = connected_shop.client.get(f"/v1/orders/{number}", headers=connected_shop.headers).json
    return [(item["kind"], item["subject"], item["choices"]) for item in shown["reviews"]]


def decide(connected_shop, number, choice):
    ((kind, subject, _),) = reviews(connected_shop, number)
    body = {"kind": kind, "subject": subject, "choice": choice}
    return connected_shop.client.post(f"/v1/orders/{number}/decisions", json=body, headers=connected_shop.headers)


@pytest.mark.parametrize("reads", [1, 2])
def test_late_deliveries_grant_nothing_of_an_order_that_is_gone(connected_shop, reads):
    for arrival in itertools.permutations(LATE):
        order, late = sell_and_delete(connected_shop, reads=reads)
        connected_shop.asked()
        for topic in (*arrival, *arrival):
            deliver(connected_shop, late[topic], topic)
            connected_shop.later()
            assert connected_shop.balances() == {2: 0}, arrival
        assert connected_shop.asked() == [f"GET orders/{order.id}"] * 3, "the same bytes are one delivery"
        assert reviews(connected_shop, order.id) == []


@pytest.mark.parametrize("topic", LATE)
def test_order_that_the_shop_has_again_is_granted(connected_shop, topic):
    order, late = sell_and_delete(connected_shop)
    connected_shop.shop.orders[order.id] = order

    deliver(connected_shop, late[topic], topic)
    assert connected_shop.balances() == {2: 100_000}

    connected_shop.later()
    for other in LATE:
        deliver(connected_shop, late[other], other)
    assert connected_shop.balances() == {2: 100_000}
    assert reviews(connected_shop, order.id) == []


@pytest.mark.parametrize("is_back", [True, False], ids=["restored", "gone"])
def test_delivery_waits_while_the_shop_cannot_say_if_it_has_the_order_again(connected_shop, is_back):
    order, late = sell_and_delete(connected_shop)
    connected_shop.served.faults.add(Kind.ERROR_PAGE, path="", times=None, seconds=3 * DAY)
    for topic in reversed(LATE):
        deliver(connected_shop, late[topic], topic)
    for hours in (1, 20):
        connected_shop.later(hours * 3600)
        assert retry(connected_shop) == "0 processed, 3 failed"
        assert connected_shop.balances() == {2: 0}

    if is_back:
        connected_shop.shop.orders[order.id] = order
    connected_shop.served.faults.clear()
    connected_shop.later(3600)

    assert retry(connected_shop) == "3 processed"
    assert connected_shop.balances() == {2: 100_000 if is_back else 0}
    assert reviews(connected_shop, order.id) == []


def remove_keys(connected_shop):
    with connected_shop.database.transaction() as connection:
        connection.execute(update(stores).values(consumer_key=None, consumer_secret=None))


def wait_a_day(connected_shop, late):
    """Deliver a document while the shop does not answer, until the delivery waits no longer."""
    connected_shop.served.faults.add(Kind.ERROR_PAGE, path="", times=None, seconds=3 * DAY)
    deliver(connected_shop, late, "order.restored")
    connected_shop.later(DAY + 60)
    assert retry(connected_shop) == "1 processed"


def test_owner_decides_without_rest_keys(connected_shop):
    order, late = sell_and_delete(connected_shop)
    remove_keys(connected_shop)
    for topic in LATE:
        deliver(connected_shop, late[topic], topic)

    assert connected_shop.balances() == {2: 0}
    ((kind, _, choices),) = reviews(connected_shop, order.id)
    assert (kind, choices) == ("sent_after_deletion", ["apply", "leave"])
    assert decide(connected_shop, order.id, "leave").status_code == 200
    assert (connected_shop.balances(), reviews(connected_shop, order.id)) == ({2: 0}, [])
    newer = connected_shop.now.replace(tzinfo=None).isoformat()
    deliver(connected_shop, late["order.updated"] | {"date_modified_gmt": newer})
    assert decide(connected_shop, order.id, "apply").status_code == 200
    assert (connected_shop.balances(), reviews(connected_shop, order.id)) == ({2: 100_000}, [])


def test_delivery_of_a_deleted_order_asks_after_a_day_without_an_answer_until_the_shop_answers(connected_shop):
    order, late = sell_and_delete(connected_shop)
    wait_a_day(connected_shop, late["order.restored"])
    assert [kind for kind, _, _ in reviews(connected_shop, order.id)] == ["sent_after_deletion"]
    assert connected_shop.balances() == {2: 0}
    connected_shop.served.faults.clear()

    connected_shop.run_full_scan()

    assert (connected_shop.balances(), reviews(connected_shop, order.id)) == ({2: 0}, [])


@pytest.mark.parametrize("topic", LATE)
def test_order_deleted_from_the_trash_stays_reversed(connected_shop, topic):
    """The shop answers with the trashed order first, and with none after it was restored and deleted."""
    number = connected_shop.sell()
    connected_shop.shop.run_queue()
    late = json.loads(json.dumps(document_of(connected_shop, number), default=str))
    connected_shop.later(30)
    connected_shop.shop.trash(number)
    connected_shop.shop.run_queue()
    for seconds in (0, 10):
        connected_shop.later(seconds)
        dated = connected_shop.now.replace(tzinfo=None).isoformat()
        deliver(connected_shop, late | {"date_modified_gmt": dated}, topic)
        assert connected_shop.balances() == {2: 0}
        connected_shop.shop.orders.pop(number, None)
    assert reviews(connected_shop, number) == []
