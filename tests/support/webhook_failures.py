"""What can befall a shop's webhooks, done to a rig that listens and has sold order 20."""

from __future__ import annotations

from tests import factories
from tests.support.connected_shop import PUBLIC_URL

URL = f"{PUBLIC_URL}/webhooks/woocommerce/shop"
HOUR = 3600


def hook(connected_shop, topic="order.updated"):
    """Our webhook of a topic."""
    (found,) = [
        hook for hook in connected_shop.shop.webhooks.values() if hook.topic == topic and hook.delivery_url == URL
    ]
    return found


def delete(connected_shop):
    """Somebody deletes the webhook."""
    connected_shop.shop.delete_webhook(hook(connected_shop).id)


def pause(connected_shop):
    """Somebody pauses it."""
    connected_shop.shop.update_webhook(hook(connected_shop).id, status="paused")


def disable(connected_shop):
    """The shop disables it: seven deliveries failed."""
    connected_shop.shop.fail_next(10, status=503)
    for _ in range(7):
        connected_shop.shop.save(20)
        connected_shop.shop.run_queue()
    connected_shop.shop.fail_next(0)
    assert hook(connected_shop).status == "disabled"


def point_elsewhere(connected_shop):
    """Somebody lets it lead elsewhere."""
    connected_shop.shop.update_webhook(hook(connected_shop).id, delivery_url="http://127.0.0.1:1/elsewhere")


def forget_secret(connected_shop):
    """Somebody gives it another secret, and an order is told of with that."""
    connected_shop.later(HOUR)
    connected_shop.shop.update_webhook(hook(connected_shop).id, secret="another")
    connected_shop.shop.save(20)
    assert [sent.status for sent in connected_shop.shop.run_queue() if sent.topic == "order.updated"] == [401]
    connected_shop.later(20 * 60)


def demote(connected_shop):
    """Its owner, who is another user than the key's, loses the rights to see orders, and one is told of."""
    connected_shop.later(HOUR)
    hook(connected_shop).user_id = connected_shop.shop.create_user("boss@example.test", roles=("shop_manager",)).id
    connected_shop.shop.set_role(hook(connected_shop).user_id, "subscriber")
    connected_shop.shop.save(20)
    connected_shop.shop.run_queue()


def call_with_wrong_signature(connected_shop):
    """Somebody delivers what the shop did not sign."""
    headers = factories.delivery_headers(b"{}", "order.updated", secret="not ours")
    return connected_shop.client.post("/webhooks/woocommerce/shop", data=b"{}", headers=headers)
