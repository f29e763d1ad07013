"""The service's own client with the fake shop, over plain http and so with OAuth."""

import pytest

from bridge.clients.woocommerce.api import open_shop
from bridge.domain.shop.errors import ShopBroken, ShopSilent
from fakeshop.rest.faults import Kind
from fakeshop.rest.server import serve
from tests.fakeshop.manual_shop import ManualShop


@pytest.fixture
def manual():
    return ManualShop()


@pytest.fixture
def served(manual):
    with serve(manual.shop) as served:
        yield served


@pytest.fixture
def client(served):
    key = served.shop.add_key()
    with open_shop(
        served.url,
        consumer_key=key.consumer_key,
        consumer_secret=key.consumer_secret,
        timeout=(1, 1),
        sleep=lambda _seconds: None,
    ) as client:
        yield client


def test_keys_are_checked(client):
    check = client.check()

    assert (check.fault, check.write_fault, check.can_write) == (None, None, True)


def test_orders_refunds_products_and_users_are_read(client, manual):
    orders = [manual.shop.place_order(2, [(10, 2)], status="completed") for _ in range(5)]
    refund = manual.shop.refund_lines(orders[0].id, {orders[0].lines[0].id: 1})
    manual.shop.trash(orders[4].id)

    pages = [
        client.list_orders(modified_after=None, statuses=["completed", "trash"], page=page, per_page=3)
        for page in (1, 2, 3)
    ]

    assert [[order["id"] for order in page.items] for page in pages] == [
        [order.id for order in orders[:3]],
        [order.id for order in orders[3:]],
        [],
    ]
    assert [(page.total, page.pages) for page in pages] == [(5, 2), (5, 2), (0, 0)]
    assert [one["line_items"][0]["quantity"] for one in client.list_refunds(orders[0].id)] == [-1]
    assert client.get_order(refund.id) is None
    assert client.get_order(orders[4].id)["status"] == "trash"
    assert [one["id"] for one in client.list_variations(15)] == [16, 17]
    assert [one["role"] for one in client.find_customers("sub@example.test")] == ["subscriber"]


def test_webhooks_are_made_repaired_and_removed(client, manual):
    made = client.create_webhook(name="ours", topic="order.updated", delivery_url="http://127.0.0.1:1/hook", secret="s")
    manual.shop.webhooks[made["id"]].status = "disabled"

    assert client.list_webhooks()[0]["status"] == "disabled"
    assert client.update_webhook(made["id"], status="active")["status"] == "active"
    client.delete_webhook(made["id"])
    assert client.update_webhook(made["id"], status="active") is None


def test_faults_reach_the_client(client, served):
    served.faults.add(Kind.TRUNCATED)
    with pytest.raises(ShopBroken):
        client.get_order(1)

    served.faults.add(Kind.SILENCE, seconds=30)
    with pytest.raises(ShopSilent):
        client.get_order(1)

    served.faults.add(Kind.TOO_MANY, times=2, seconds=3)
    assert client.get_order(1) is None
