"""Builders of rows and requests: a shop's documents, its deliveries, accounts with tokens."""

from __future__ import annotations

import base64
import hashlib
import hmac
import itertools
import json
import secrets
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from bridge.runtime import Runtime
from bridge.services.stores.settings import Connected, NewStore, add_store
from bridge.storage.engine.database import Database
from bridge.web.context import utcnow

Document = dict[str, Any]
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
"""The moment from which `at` counts seconds in the orders made here."""

_counter = itertools.count(1)


class Shop(Protocol):
    """The value of the `shop` fixture: a connected store, and a client."""

    connected: Connected
    client: FlaskClient

    @property
    def headers(self) -> dict[str, str]:
        """Return the headers of a call with the store's key."""


def line(
    id: int = 1,  # noqa: A002
    product: int = 10,
    quantity: int = 1,
    *,
    total: str = "10.00",
    variation: int = 0,
    stamped: str | None = None,
    name: str = "Tokens",
) -> Document:
    """Return a line of an order, as the shop writes it."""
    meta = [] if stamped is None else [{"id": 9, "key": "_tokens_granted", "value": stamped}]
    return {
        "id": id,
        "name": name,
        "product_id": product,
        "variation_id": variation,
        "quantity": quantity,
        "subtotal": total,
        "total": total,
        "sku": "",
        "price": 6.170000000000001,
        "meta_data": meta,
    }


def order(
    number: int = 1,
    status: str = "completed",
    *,
    at: int = 0,
    customer: int = 2,
    lines: Sequence[Document] | None = None,
    total: str = "10.00",
    refunds: Sequence[str] = (),
    email: str = "ada@example.test",
) -> Document:
    """Return one state of an order, changed `at` seconds after noon."""
    moment = (NOON + timedelta(seconds=at)).replace(tzinfo=None).isoformat()
    return {
        "id": number,
        "status": status,
        "currency": "USD",
        "date_created_gmt": NOON.replace(tzinfo=None).isoformat(),
        "date_modified_gmt": moment,
        "total": total,
        "customer_id": customer,
        "billing": {"first_name": "Ada", "last_name": "Tester", "email": email},
        "meta_data": [],
        "line_items": [line()] if lines is None else list(lines),
        "refunds": [{"id": 900 + place, "reason": "", "total": refund} for place, refund in enumerate(refunds)],
    }


def product(id: int, tokens: int | None, *, parent: int = 0) -> Document:  # noqa: A002
    """Return a product that is a package, or a variation with an amount; with None, one that is no package."""
    meta = [] if tokens is None else [{"id": 2, "key": "_tokens_granted", "value": str(tokens)}]
    if tokens is not None and not parent:
        meta.append({"id": 1, "key": "_is_token_package", "value": "yes"})
    kind = "variation" if parent else "simple"
    return {"id": id, "name": f"Product {id}", "type": kind, "parent_id": parent, "sku": "", "meta_data": meta}


def customer(id: int, email: str, *, role: str = "customer") -> Document:  # noqa: A002
    """Return the customer document of a user."""
    return {"id": id, "email": email, "first_name": "Ada", "last_name": "Tester", "role": role, "meta_data": []}


def signature(body: bytes, secret: str = "test-secret") -> str:
    """Return the signature of the body under the shop's secret."""
    return base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest()).decode()


def delivery_headers(
    body: bytes,
    topic: str,
    *,
    secret: str = "test-secret",
    delivery: str = "",
    source: str = "http://127.0.0.1:8980/",
) -> dict[str, str]:
    """Return the headers the shop sends with a body."""
    return {
        "Content-Type": "application/json",
        "X-WC-Webhook-Source": source,
        "X-WC-Webhook-Topic": topic,
        "X-WC-Webhook-Signature": signature(body, secret),
        "X-WC-Webhook-ID": "2",
        "X-WC-Webhook-Delivery-ID": delivery or secrets.token_hex(16),
    }


def deliver(
    shop: Shop,
    document: Document | list[Any] | bytes,
    topic: str = "order.updated",
    *,
    delivery: str = "",
    client: FlaskClient | None = None,
    source: str | None = None,
) -> TestResponse:
    """Send a signed delivery to the store's webhook address; `source` is the sending site, default: the store."""
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    slug = shop.connected.store.slug
    source = f"{shop.connected.store.url}/" if source is None else source
    secret = shop.connected.webhook_secret
    headers = delivery_headers(body, topic, secret=secret, delivery=delivery, source=source)
    return (client or shop.client).post(f"/webhooks/woocommerce/{slug}", data=body, headers=headers)


def put_package(shop: Shop, product_id: int, tokens: int, *, variation: int = 0) -> None:
    """Set how many tokens a product grants."""
    path = f"/v1/packages/{product_id}/{variation}" if variation else f"/v1/packages/{product_id}"
    response = shop.client.put(path, json={"tokens": tokens}, headers=shop.headers)
    assert response.status_code == 200, response.text


def put_user(shop: Shop, user_id: int, **profile: Any) -> Document:
    """Create or update a user's account and return the response."""
    response = shop.client.put(f"/v1/users/{user_id}", json=profile, headers=shop.headers)
    assert response.status_code == 200, response.text
    return response.get_json()


def put_users(shop: Shop, user_ids: Iterable[int], **profile: Any) -> None:
    """Create or update the accounts of up to 100 users, all with the same profile, in one request."""
    users = [{"id": user_id, **profile} for user_id in user_ids]
    response = shop.client.put("/v1/users/bulk", json={"users": users}, headers=shop.headers)
    assert response.status_code == 200, response.text
    assert not any("code" in result for result in response.json["results"]), response.text


def copy_first_user(database: Database, last: int) -> None:
    """Add users 2 to `last`, each with the name and the roles of user 1, in this order."""
    columns = "store_id, user_id, name, name_key, roles, created_at, updated_at"
    with database.transaction() as connection:
        connection.exec_driver_sql(
            f"with recursive numbers(n) as (select 2 union all select n + 1 from numbers where n < {last})"
            f" insert into accounts (id, {columns}) select id + n, store_id, n, name, name_key,"
            " roles, created_at, updated_at from accounts, numbers where user_id = 1"
        )


def give(shop: Shop, user_id: int, tokens: int) -> None:
    """Add tokens to a user's balance by an adjustment."""
    put_user(shop, user_id)
    response = shop.client.post(
        f"/v1/users/{user_id}/adjustments",
        json={"tokens": tokens, "reason": "a gift"},
        headers=shop.headers | {"Idempotency-Key": f"give-{next(_counter)}"},
    )
    assert response.status_code == 201, response.text


def merge(shop: Shop, into: int, source: int, *, key: str | None = None, **more: Any) -> TestResponse:
    """Merge the account of user `source` into that of user `into`, which is created where it is missing."""
    put_user(shop, into)
    headers = shop.headers | {"Idempotency-Key": key or f"merge-{next(_counter)}"}
    return shop.client.post(f"/v1/users/{into}/merge", json={"from": source} | more, headers=headers)


def spend(
    shop: Shop,
    user_id: int,
    tokens: int,
    *,
    key: str | None = None,
    client: FlaskClient | None = None,
    **more: Any,
) -> TestResponse:
    """Request a spend of a user's tokens in the chat."""
    body = {"user": {"id": user_id}, "module": "chat", "tokens": tokens} | more
    headers = shop.headers | {"Idempotency-Key": key or f"spend-{next(_counter)}"}
    return (client or shop.client).post("/v1/spends", json=body, headers=headers)


def state_of(shop: Shop, user_id: int) -> Document:
    """Return balance, held, available and debt of a user."""
    response = shop.client.get(f"/v1/users/{user_id}", headers=shop.headers)
    assert response.status_code == 200, response.text
    return response.get_json()["balance"]


def balance_of(shop: Shop, user_id: int) -> int:
    """Return the balance of a user."""
    return state_of(shop, user_id)["balance"]


def add_shop(app: Flask, slug: str) -> tuple[Connected, dict[str, str]]:
    """Add another store to the same service, with the values its callers send."""
    parts: Runtime = app.extensions["bridge"]
    wanted = NewStore(slug, f"https://{slug}.example.com", webhook_secret=f"secret-of-{slug}")
    with parts.database.transaction() as connection:
        connected = add_store(connection, wanted, vault_=parts.vault, actor="test", now=utcnow())
    return connected, {"Authorization": f"Bearer {connected.access_key}"}
