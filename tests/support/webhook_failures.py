"""Failures of a shop's webhooks, applied to a connected shop that listens and has sold order 20."""

from __future__ import annotations

from tests import factories
from tests.support.connected_shop import PUBLIC_URL

URL = f"{PUBLIC_URL}/webhooks/woocommerce/shop"
HOUR = 3600


def hook(connected_shop, topic="order.updated"):
    """Return our webhook of a topic."""
    (found,) = [
        hook for hook in connected_shop.shop.webhooks.values() if hook.topic == topic and hook.delivery_url == URL
    ]
    return found


def delete(connected_shop):
    """Delete the webhook."""
    connected_shop.shop.delete_webhook(hook(connected_shop).id)


def pause(connected_shop):
    """Pause the webhook."""
    connected_shop.shop.update_webhook(hook(connected_shop).id, status="paused")


def disable(connected_shop):
    """Let seven deliveries fail, after which the shop disables the webhook."""
    connected_shop.shop.fail_next(10, status=503)
    for _ in range(7):
        connected_shop.shop.save(20)
        connected_shop.shop.run_queue()
    connected_shop.shop.fail_next(0)
    assert hook(connected_shop).status == "disabled"


def point_elsewhere(connected_shop):
    """Change the webhook's address."""
    connected_shop.shop.update_webhook(hook(connected_shop).id, delivery_url="http://127.0.0.1:1/elsewhere")


def forget_secret(connected_shop):
    """Change the webhook's secret, and send an order with it."""
    connected_shop.later(HOUR)
    connected_shop.shop.update_webhook(hook(connected_shop).id, secret="another")
    connected_shop.shop.save(20)
    assert [sent.status for sent in connected_shop.shop.run_queue() if sent.topic == "order.updated"] == [401]
    connected_shop.later(20 * 60)


def demote(connected_shop):
    """Remove the right to see orders from its owner, who is not the key's user, and send an order."""
    connected_shop.later(HOUR)
    hook(connected_shop).user_id = connected_shop.shop.create_user("boss@example.test", roles=("shop_manager",)).id
    connected_shop.shop.set_role(hook(connected_shop).user_id, "subscriber")
    connected_shop.shop.save(20)
    connected_shop.shop.run_queue()


def call_with_wrong_signature(connected_shop):
    """Send a delivery that the shop did not sign."""
    headers = factories.delivery_headers(b"{}", "order.updated", secret="not ours")
    return connected_shop.client.post("/webhooks/woocommerce/shop", data=b"{}", headers=headers)
