"""Over HTTP: spends and deliveries a second, as a share of what the same server answers doing nothing."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from dataclasses import dataclass

from bench.books import WEBHOOK_SECRET, prepare, verify
from bench.load import Load, drive, request_bytes, spend_request
from bench.server import serving

SECONDS = 4.0
CONNECTIONS = 64


@dataclass(frozen=True)
class Row:
    """One line of the table: what was measured against what, the ratio, the slowest hundredth, the audit."""

    name: str
    ratio: float
    p99_ms: float
    audit: str
    goal: str = ""


def measure(engine: str, url: str) -> list[Row]:
    """The rows of one engine, all from one run of one server."""
    prepared = prepare(url, users=1000)
    with serving(url) as port:
        idle = request_bytes("GET", "/healthz", {})
        drive(port, lambda _: idle, connections=CONNECTIONS, seconds=1.0)
        before = drive(port, lambda _: idle, connections=CONNECTIONS, seconds=SECONDS)
        loads = {
            "spends, one hot account": drive(
                port,
                spend_request(prepared.access_key, prepared.users[:1], "hot"),
                connections=CONNECTIONS,
                seconds=SECONDS,
            ),
            "spends, spread over 1000": drive(
                port,
                spend_request(prepared.access_key, prepared.users, "spread"),
                connections=CONNECTIONS,
                seconds=SECONDS,
            ),
            "deliveries": drive(port, _delivery, connections=CONNECTIONS, seconds=SECONDS),
        }
        after = drive(port, lambda _: idle, connections=CONNECTIONS, seconds=SECONDS)
    state = verify(prepared)
    prepared.database.close()
    no_op = (before.per_second + after.per_second) / 2
    return [
        Row(f"{engine}: {name} / no-op route", load.per_second / no_op, load.p99_ms, _state(load, state), _goal(name))
        for name, load in loads.items()
    ]


def _goal(name: str) -> str:
    return ">= 0.35" if name.startswith("spends") else ""


def _state(load: Load, audit: str) -> str:
    odd = {status: count for status, count in load.statuses.items() if status not in {200, 201}}
    return audit if not odd else f"{audit}; {odd}"


def _delivery(number: int) -> bytes:
    """A completed order of its own, as the shop signs it."""
    moment = "2026-11-21T12:00:00"
    body = json.dumps(
        {
            "id": number + 1,
            "status": "completed",
            "currency": "USD",
            "date_created_gmt": moment,
            "date_modified_gmt": moment,
            "total": "10.00",
            "customer_id": number % 1000 + 1,
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
