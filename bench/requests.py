"""The requests that the benchmarks send, by workload."""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import json
from collections.abc import Sequence

from bench.load import request_bytes
from bench.wrk import NUMBER

WEBHOOK_SECRET = "bench-webhook-secret"
BATCH = 100
EMPTY = "empty route"
DELIVERIES = "deliveries"
WIDGET = "widget"
UNCHANGED = "widget, unchanged"
"""The requests of `WIDGET` with the version of their last answer, which `with_versions` adds."""
BATCHES = f"batches of {BATCH} spends"
_DELIVERIES_A_SECOND = 1500
"""The number of signed deliveries prepared for each second: more than can be answered."""


def workloads(access_key: str, users: Sequence[int], *, seconds: float) -> dict[str, list[bytes]]:
    """Return the requests of each workload; they are sent in turn, repeatedly."""
    authorization = {"Authorization": f"Bearer {access_key}"}
    return {
        EMPTY: [request_bytes("GET", "/healthz", {})],
        "spends, one hot account": [_write("/v1/spends", authorization, _spend(users[0]))],
        f"spends, spread over {len(users)}": [_write("/v1/spends", authorization, _spend(user)) for user in users],
        f"holds, spread over {len(users)}": [_write("/v1/holds", authorization, _spend(user)) for user in users],
        BATCHES: [_batch(authorization, users)],
        WIDGET: [_widget(user, authorization) for user in users],
        UNCHANGED: [_widget(user, authorization) for user in users],
        DELIVERIES: [_delivery(number, users) for number in range(int(_DELIVERIES_A_SECOND * seconds))],
    }


def with_versions(port: int, requests: Sequence[bytes]) -> list[bytes]:
    """Return the requests with the ETag that each is answered with now, as `If-None-Match`."""
    found = []
    connection = http.client.HTTPConnection("127.0.0.1", port)
    for request in requests:
        line, *headers = request.decode().split("\r\n")
        named = dict(header.split(": ", 1) for header in headers if header and not header.startswith("Host:"))
        path = line.split(" ")[1]
        connection.request("GET", path, headers=named)
        response = connection.getresponse()
        response.read()
        found.append(request_bytes("GET", path, named | {"If-None-Match": response.headers["ETag"]}))
    connection.close()
    return found


def _widget(user: int, authorization: dict[str, str]) -> bytes:
    return request_bytes("GET", f"/v1/widget?user_id={user}", authorization)


def _spend(user: int) -> dict[str, object]:
    return {"user": {"id": user}, "module": "chat", "tokens": 1}


def _write(path: str, authorization: dict[str, str], document: dict[str, object]) -> bytes:
    headers = authorization | {"Content-Type": "application/json", "Idempotency-Key": f"bench-{NUMBER}"}
    return request_bytes("POST", path, headers, json.dumps(document).encode())


def _batch(authorization: dict[str, str], users: Sequence[int]) -> bytes:
    spends = [_spend(users[item % len(users)]) | {"key": f"batch-{NUMBER}-{item}"} for item in range(BATCH)]
    headers = authorization | {"Content-Type": "application/json"}
    return request_bytes("POST", "/v1/spends/batch", headers, json.dumps({"spends": spends}).encode())


def _delivery(number: int, users: Sequence[int]) -> bytes:
    """Return a completed order of its own, as the shop signs it."""
    moment = "2026-11-21T12:00:00"
    body = json.dumps(
        {
            "id": number + 1,
            "status": "completed",
            "currency": "USD",
            "date_created_gmt": moment,
            "date_modified_gmt": moment,
            "total": "10.00",
            "customer_id": users[number % len(users)],
            "billing": {"email": "ada@example.test"},
            "line_items": [
                {"id": number + 1, "name": "1K", "product_id": 10, "variation_id": 0, "quantity": 1, "total": "10.00"}
            ],
            "refunds": [],
        }
    ).encode()
    signature = base64.b64encode(hmac.new(WEBHOOK_SECRET.encode(), body, hashlib.sha256).digest()).decode()
    headers = {
        "Content-Type": "application/json",
        "X-WC-Webhook-Topic": "order.updated",
        "X-WC-Webhook-Signature": signature,
        "X-WC-Webhook-Delivery-ID": f"{number:032x}",
    }
    return request_bytes("POST", "/webhooks/woocommerce/bench", headers, body)
