"""Webhooks over REST: list, create, update, delete; secrets and failure counts are never shown."""

from __future__ import annotations

import json
import re
from typing import Any

from fakeshop.model.catalog import ApiKey
from fakeshop.model.documents import webhook_document
from fakeshop.model.shop import FakeShop
from fakeshop.rest.auth import Denied, Request
from fakeshop.rest.lists import cut, link_header, read_query, sort_by
from fakeshop.rest.responses import API, Answer, invalid_id, listed
from fakeshop.webhooks.subscriptions import STATUSES, Webhook, is_topic

_CHANGING = frozenset({"PUT", "PATCH", "POST"})
_SETTABLE = ("name", "status", "topic", "secret", "delivery_url")


def answer_webhooks(shop: FakeShop, request: Request, path: str, key: ApiKey | None) -> Answer:
    """Return the answer to a request for `webhooks` or `webhooks/ID`; the key's user owns new webhooks."""
    number = re.fullmatch(r"webhooks/(\d+)", path)
    if path == "webhooks" and request.method == "GET":
        return _list(shop, request)
    if path == "webhooks" and request.method == "POST":
        return _create(shop, request, user_id=key.user_id if key else 1)
    if number is None:
        raise Denied("rest_no_route", "No route was found matching the URL and request method.", 404)
    webhook = shop.webhooks.get(int(number[1]))
    if webhook is None and request.method in _CHANGING:
        # Only an update answers 400 where the webhook is gone [source].
        raise Denied("woocommerce_rest_shop_webhook_invalid_id", "ID is invalid.", 400)
    if webhook is None:
        raise invalid_id("woocommerce_rest_shop_webhook_invalid_id")
    if request.method in _CHANGING:
        return _update(shop, request, webhook)
    if request.method == "DELETE":
        return _delete(shop, request, webhook)
    return Answer(200, webhook_document(shop.site, webhook))


def _list(shop: FakeShop, request: Request) -> Answer:
    query = read_query(
        request, shop.site.zone, orderings=("date", "id", "title"), statuses=("all", "active", "paused", "disabled")
    )
    wanted = set(query.statuses or ("all",))
    found = [webhook for webhook in list(shop.webhooks.values()) if wanted & {"all", webhook.status}]
    rows, page = cut(query, sort_by(query, found, lambda one: one.created_at, lambda one: one.id))
    link = link_header(request, query, page, address=f"{shop.site.url}/{API}webhooks", is_orders=False)
    return listed([webhook_document(shop.site, webhook) for webhook in rows], page, link)


def _create(shop: FakeShop, request: Request, *, user_id: int) -> Answer:
    fields = _changes(request)
    _check(fields, is_new=True)
    webhook = shop.create_webhook(
        fields["topic"],
        fields["delivery_url"],
        secret=fields.get("secret"),
        name=fields.get("name", ""),
        user_id=user_id,
        status=fields.get("status", "active"),
    )
    place = (("Location", shop.site.api(f"webhooks/{webhook.id}")),)
    return Answer(201, webhook_document(shop.site, webhook), place)


def _update(shop: FakeShop, request: Request, webhook: Webhook) -> Answer:
    fields = _changes(request)
    _check(fields, is_new=False)
    shop.update_webhook(webhook.id, **fields)
    return Answer(200, webhook_document(shop.site, webhook))


def _delete(shop: FakeShop, request: Request, webhook: Webhook) -> Answer:
    force = request.value("force") or str(_document(request).get("force", ""))
    if force.casefold() not in ("true", "1"):
        raise Denied("woocommerce_rest_trash_not_supported", "Webhooks do not support trashing.", 501)
    document = webhook_document(shop.site, webhook)
    shop.delete_webhook(webhook.id)
    return Answer(200, document)


def _check(fields: dict[str, str], *, is_new: bool) -> None:
    if (is_new or "topic" in fields) and not is_topic(fields.get("topic", "").lower()):
        code = "woocommerce_rest_shop_webhook_invalid_topic"
        raise Denied(code, "Webhook topic is required and must be valid.", 400)
    if (is_new or "delivery_url" in fields) and not re.match(r"https?://[^/\s]", fields.get("delivery_url", "")):
        code = "woocommerce_rest_shop_webhook_invalid_delivery_url"
        raise Denied(code, "Webhook delivery URL must be a valid URL starting with http:// or https://.", 400)
    if fields.get("status", "active") not in STATUSES:
        known = f"{', '.join(STATUSES[:-1])}, and {STATUSES[-1]}"
        raise Denied("rest_invalid_param", f"Invalid parameter(s): status is not one of {known}.", 400)


def _changes(request: Request) -> dict[str, str]:
    return {name: str(value) for name, value in _document(request).items() if name in _SETTABLE}


def _document(request: Request) -> dict[str, Any]:
    if not request.body:
        return {}
    try:
        document = json.loads(request.body)
    except ValueError:
        raise Denied("rest_invalid_json", "Invalid JSON body passed.", 400) from None
    return document if isinstance(document, dict) else {}
