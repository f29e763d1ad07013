"""Webhooks: creation and changes as through REST, delivery from a queue, failure counts."""

from __future__ import annotations

import hashlib
import hmac
from urllib.parse import urlsplit

from fakeshop.model.catalog import Refused
from fakeshop.model.documents import customer_document, product_document
from fakeshop.model.order_documents import VERSION, order_document
from fakeshop.model.site import Document, error_document
from fakeshop.model.state import Outage, ShopState
from fakeshop.php import json_bytes, signature
from fakeshop.webhooks.subscriptions import MOST_FAILURES, STATUSES, Delivery, Webhook, is_topic

_AGENT = f"WooCommerce/{VERSION} Hookshot (WordPress/7.0.4)"
_FORM = "application/x-www-form-urlencoded"


class WebhookQueue(ShopState):
    """The webhook actions of a shop."""

    def create_webhook(
        self,
        topic: str,
        delivery_url: str,
        *,
        secret: str | None = None,
        name: str = "",
        user_id: int = 1,
        status: str = "active",
    ) -> Webhook:
        """Add a webhook and, if it is active, ping its address; a missing secret is generated and never shown."""
        if not is_topic(topic) or status not in STATUSES:
            raise Refused(f"no webhook of topic {topic} and status {status}")
        now = self.now()
        webhook = Webhook(
            id=self.next_number("webhook"),
            topic=topic,
            delivery_url=delivery_url,
            secret=secret or self.word(44) + "&<;{^'",
            name=name or f"Webhook created on {now.astimezone(self.site.zone):%b %d, %Y @ %I:%M %p}",
            user_id=user_id,
            created_at=now,
            modified_at=now,
            status=status,
        )
        self.webhooks[webhook.id] = webhook
        self._saved(webhook)
        return webhook

    def update_webhook(self, webhook_id: int, **changes: str) -> Webhook:
        """Change status, name, topic, secret or delivery_url.

        A new address is pinged. Re-activating does not reset the count of
        failures: a webhook that failures disabled is disabled again by the next one.
        """
        webhook = self.webhook(webhook_id)
        if unknown := set(changes) - {"status", "name", "topic", "secret", "delivery_url"}:
            raise Refused(f"a webhook has no {', '.join(sorted(unknown))}")
        is_moved = changes.get("delivery_url", webhook.delivery_url) != webhook.delivery_url
        for name, value in changes.items():
            setattr(webhook, name, value)
        webhook.modified_at = self.now()
        self._saved(webhook, is_moved=is_moved)
        return webhook

    def delete_webhook(self, webhook_id: int) -> None:
        """Remove a webhook; what it had queued is lost."""
        self.webhook(webhook_id)
        del self.webhooks[webhook_id]

    def webhook(self, webhook_id: int) -> Webhook:
        """Return one webhook; raises `Refused`."""
        try:
            return self.webhooks[webhook_id]
        except KeyError:
            raise Refused(f"there is no webhook {webhook_id}") from None

    def fail_next(self, count: int, *, status: int | None = None) -> None:
        """Make the next deliveries fail, pings included: with a status, or with refused connections."""
        self.outage = Outage(count, status)

    def run_queue(self, *, limit: int | None = None) -> list[Delivery]:
        """Send the queue, first in first out, each payload built now; at most `limit`, None for all.

        A webhook paused or disabled meanwhile still sends what it had queued.
        Returns the deliveries without the pings.
        """
        sent: list[Delivery] = []
        while self.queue and (limit is None or len(sent) < limit):
            webhook_id, resource_id = self.queue.pop(0)
            if webhook_id in self.webhooks:
                sent.extend(self._send_twice_or_once(self.webhooks[webhook_id], resource_id))
        return sent

    def _send_twice_or_once(self, webhook: Webhook, resource_id: int) -> list[Delivery]:
        body = json_bytes(self._payload(webhook, resource_id))
        headers = self._delivery_headers(webhook, body)
        is_twice = webhook.topic == "order.updated" and self.rng.random() < self.duplicates
        return [self._deliver(webhook, resource_id, headers, body) for _ in range(2 if is_twice else 1)]

    def _deliver(
        self, webhook: Webhook, resource_id: int, headers: tuple[tuple[str, str], ...], body: bytes
    ) -> Delivery:
        is_lost = self.outage.left > 0
        status = self._transmit(webhook.delivery_url, headers, body)
        self.outage.left -= 1 if is_lost else 0
        topic, url = webhook.topic, webhook.delivery_url
        delivery = Delivery(webhook.id, topic, resource_id, url, headers, body, status, self.clock(), is_lost=is_lost)
        self.deliveries.append(delivery)
        if delivery.is_success:
            webhook.failures = 0
        elif webhook.failures == MOST_FAILURES:
            webhook.status = "disabled"
        else:
            webhook.failures += 1
        self._saved(webhook)
        return delivery

    def _saved(self, webhook: Webhook, *, is_moved: bool = False) -> None:
        """Ping after a save, as WooCommerce does until the address has answered a ping with 200."""
        if webhook.status != "active" or not (is_moved or webhook.is_ping_due):
            return
        body = f"webhook_id={webhook.id}".encode()
        headers = (
            *self._first_headers(webhook.delivery_url),
            ("Connection", "close"),
            ("Content-Length", str(len(body))),
            ("Content-Type", _FORM),
        )
        status = self._transmit(webhook.delivery_url, headers, body)
        if status == 200:
            webhook.is_ping_due = False
        url = webhook.delivery_url
        self.deliveries.append(Delivery(webhook.id, "ping", 0, url, headers, body, status, self.clock(), is_ping=True))

    def _transmit(self, url: str, headers: tuple[tuple[str, str], ...], body: bytes) -> int | None:
        if self.outage.left:
            return self.outage.status
        try:
            return self.send(url, headers, body)
        except OSError:
            return None

    def _delivery_headers(self, webhook: Webhook, body: bytes) -> tuple[tuple[str, str], ...]:
        resource, _, event = webhook.topic.partition(".")
        # A hash of webhook and second: deliveries of one second share it.
        second = f"{webhook.id}{int(self.clock().timestamp())}".encode()
        return (
            *self._first_headers(webhook.delivery_url),
            ("Content-Type", "application/json"),
            ("X-WC-Webhook-Source", f"{self.site.url}/"),
            ("X-WC-Webhook-Topic", webhook.topic),
            ("X-WC-Webhook-Resource", resource),
            ("X-WC-Webhook-Event", event),
            ("X-WC-Webhook-Signature", signature(body, webhook.secret)),
            ("X-WC-Webhook-ID", str(webhook.id)),
            ("X-WC-Webhook-Delivery-ID", hmac.new(b"salt of the fake shop", second, hashlib.md5).hexdigest()),
            ("Connection", "close"),
            ("Content-Length", str(len(body))),
        )

    def _first_headers(self, url: str) -> tuple[tuple[str, str], ...]:
        return (
            ("Host", urlsplit(url).netloc),
            ("User-Agent", _AGENT),
            ("Accept", "*/*"),
            ("Accept-Encoding", "deflate, gzip, br, zstd"),
        )

    def _payload(self, webhook: Webhook, resource_id: int) -> Document:
        """Return the current document of a resource, with the rights of the webhook's owner."""
        resource, _, event = webhook.topic.partition(".")
        if resource == "action":
            return {"action": event, "arg": resource_id}
        if event == "deleted":
            return {"id": resource_id}
        owner = self.users.get(webhook.user_id)
        if owner is None or not owner.may_see_orders:
            return error_document("woocommerce_rest_cannot_view", "Sorry, you cannot view this resource.", 403)
        if resource == "order":
            order = self.orders.get(resource_id)
            if order is not None:
                return order_document(self.site, order, self.products)
            return error_document("woocommerce_rest_shop_order_invalid_id", "Invalid ID.", 404)
        if resource == "product":
            product = self.products.get(resource_id)
            if product is not None:
                return product_document(self.site, product, self.variations_of(resource_id))
            return error_document("woocommerce_rest_product_invalid_id", "Invalid ID.", 404)
        user = self.users.get(resource_id)
        if user is not None:
            return customer_document(self.site, user)
        return error_document("wc_user_invalid_id", "Invalid user ID.", 404)
