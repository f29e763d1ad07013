"""Orders that were deleted permanently: the shop sends nothing, so their absence is read from it."""

from __future__ import annotations

import pytest

from bridge.services.shop import reconcile
from fakeshop.model.order_documents import order_document
from tests.factories import deliver
from tests.support.connected_shop import open_connected_shop


@pytest.fixture
def connected_shop(app):
    """Return a shop with REST keys and webhooks."""
    with open_connected_shop(app) as connected_shop:
        yield connected_shop.connect().listen()


def sell_trash_and_restore(connected_shop):
    """Sell a package, move the order to the trash and out of it; return its number."""
    number = connected_shop.sell()
    connected_shop.shop.run_queue()
    for act in (connected_shop.shop.trash, connected_shop.shop.restore):
        connected_shop.later()
        act(number)
        connected_shop.shop.run_queue()
    assert connected_shop.balances() == {2: 100_000}
    return number


def document(connected_shop, number):
    """Return the shop's document of an order, without its lines."""
    shop = connected_shop.shop
    return order_document(shop.site, shop.orders[number], shop.products) | {"line_items": None}


def read_one(connected_shop, number):
    with connected_shop.reading() as reading:
        return reconcile.read_one(reading, number, now=connected_shop.now)


READS = {
    "reconcile --order": read_one,
    "Check an order": lambda connected_shop, number: reconcile.check_order(
        connected_shop.database.transaction, connected_shop.shops, connected_shop.store, number, now=connected_shop.now
    ),
    "full scan": lambda connected_shop, number: connected_shop.run_full_scan(),
}


@pytest.mark.parametrize("read", READS.values(), ids=READS)
def test_order_deleted_just_after_its_restoring_is_reversed_at_the_first_check(connected_shop, read):
    number = sell_trash_and_restore(connected_shop)
    connected_shop.later(60)
    connected_shop.shop.force_delete(number)

    read(connected_shop, number)

    assert connected_shop.balances() == {2: 0}


@pytest.mark.parametrize("topic", ["order.deleted", "order.updated"])
def test_delivery_about_an_order_that_the_shop_no_longer_has_reverses_it(connected_shop, topic):
    """A late document that the shop has to decide about proves no more than a late announcement."""
    number = sell_trash_and_restore(connected_shop)
    connected_shop.later(60)
    late = document(connected_shop, number) if topic == "order.updated" else {"id": number}
    connected_shop.shop.force_delete(number)

    deliver(connected_shop, late, topic)

    assert connected_shop.balances() == {2: 0}


def test_delivery_about_an_order_that_neither_has_grants_nothing(connected_shop):
    number = connected_shop.sell()
    connected_shop.shop.queue.clear()
    late = document(connected_shop, number)
    connected_shop.shop.force_delete(number)

    deliver(connected_shop, late, "order.updated")

    assert connected_shop.balances() == {}
