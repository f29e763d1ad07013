"""What can befall a shop's webhooks, done to a rig that listens and has sold order 20."""

from __future__ import annotations

from tests import factories
from tests.support.reading import PUBLIC_URL

URL = f"{PUBLIC_URL}/webhooks/woocommerce/shop"
HOUR = 3600


def hook(rig, topic="order.updated"):
    """Our webhook of a topic."""
    (found,) = [hook for hook in rig.shop.webhooks.values() if hook.topic == topic and hook.delivery_url == URL]
    return found


def delete(rig):
    """Somebody deletes the webhook."""
    rig.shop.delete_webhook(hook(rig).id)


def pause(rig):
    """Somebody pauses it."""
    rig.shop.update_webhook(hook(rig).id, status="paused")


def disable(rig):
    """The shop disables it: seven deliveries failed."""
    rig.shop.fail_next(10, status=503)
    for _ in range(7):
        rig.shop.save(20)
        rig.shop.run_queue()
    rig.shop.fail_next(0)
    assert hook(rig).status == "disabled"


def lead_astray(rig):
    """Somebody lets it lead elsewhere."""
    rig.shop.update_webhook(hook(rig).id, delivery_url="http://127.0.0.1:1/elsewhere")


def forget_secret(rig):
    """Somebody gives it another secret, and an order is told of with that."""
    rig.later(HOUR)
    rig.shop.update_webhook(hook(rig).id, secret="another")
    rig.shop.save(20)
    assert [sent.status for sent in rig.shop.run_queue() if sent.topic == "order.updated"] == [401]
    rig.later(20 * 60)


def demote(rig):
    """Its owner, who is another user than the key's, loses the rights to see orders, and one is told of."""
    rig.later(HOUR)
    hook(rig).user_id = rig.shop.create_user("boss@example.test", roles=("shop_manager",)).id
    rig.shop.set_role(hook(rig).user_id, "subscriber")
    rig.shop.save(20)
    rig.shop.run_queue()


def knock(rig):
    """Somebody delivers what the shop did not sign."""
    headers = factories.delivery_headers(b"{}", "order.updated", secret="not ours")
    return rig.client.post("/webhooks/woocommerce/shop", data=b"{}", headers=headers)
