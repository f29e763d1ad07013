"""The example requests of the document, each sent to the real app."""

from __future__ import annotations

import itertools

import pytest

from bridge.web.api import openapi
from tests.factories import deliver, give, line, order, put_package, put_user
from tests.support import linked_sites

KEYS = itertools.count()
NEEDS_MORE = {
    "link": "a code is for one use",
    "connect": "a code is for one use",
    "put_rest_keys": "a shop that answers",
    "end_connection": "it ends the key of the other examples",
    "get_account": "a linked site's key",
    "get_account_usage": "a linked site's key",
    "decide": "an order with this review item",
    "check": "a shop that answers",
    "see_refunds": "an order with these refunds",
}
"""The examples that cannot run against any store, with the reason."""
OF_THE_STORE = {"cursor", "at"}
"""Parameters whose values only the store itself has: a page of a list, a moment since it was connected."""


@pytest.fixture
def engine():
    """One engine is enough: the forms are the same on both."""
    return "sqlite"


@pytest.fixture
def ready(shop):
    """Return a store with everything that the examples name."""
    send = {"headers": shop.headers}
    shop.client.put("/v1/modules/chat", json={"label": "Chat"}, **send)
    shop.client.put("/v1/limits/chat", json={"period": "monthly", "rules": {"user": 100}}, **send)
    shop.client.put("/v1/operations/chat", json={"module": "chat", "tokens_per_unit": 2}, **send)
    put_user(shop, 41)
    put_user(shop, 42)
    give(shop, 42, 10_000)
    put_package(shop, 10, 500)
    put_package(shop, 10, 500, variation=11)
    deliver(shop, order(1001, customer=0, lines=[line(7, product=99)], email="guest@example.test"))


def _made(shop, name):
    """Return an ID for a path: a new record for each example."""
    spent = {"user": {"id": 42}, "module": "chat", "tokens": 120}
    if name == "site_id":
        return linked_sites.link(shop, 42)["id"]
    if name == "endpoint_id":
        body = {"url": "https://receiver.example.com/events"}
        return shop.client.post("/v1/event-endpoints", json=body, headers=shop.headers).json["id"]
    path = {"hold_id": "/v1/holds", "spend_id": "/v1/spends"}[name]
    return shop.client.post(path, json=spent, headers=shop.headers | {"Idempotency-Key": f"made-{next(KEYS)}"}).json[
        "id"
    ]


def test_every_example_request_succeeds(app, shop, ready):
    document, failed = openapi.describe(app), {}
    order_of_methods = ("put", "post", "get", "patch", "delete")
    calls = [(method, path, call) for path, calls in document["paths"].items() for method, call in calls.items()]
    for place, (method, path, call) in enumerate(sorted(calls, key=lambda one: order_of_methods.index(one[0]))):
        if call["operationId"] in NEEDS_MORE:
            continue
        answer = _send(shop, method, path, call, key=f"example-{place}")
        if answer.status_code != int(min(call["responses"])):
            failed[call["operationId"]] = answer.text[:300]
    assert failed == {}


def _send(shop, method, path, call, *, key):
    query = {}
    for parameter in call["parameters"]:
        name = parameter["name"]
        if parameter["in"] == "path":
            own = name in {"site_id", "endpoint_id", "hold_id", "spend_id"}
            path = path.replace(f"{{{name}}}", str(_made(shop, name) if own else parameter["example"]))
        elif parameter["in"] == "query" and name not in OF_THE_STORE and "example" in parameter:
            query[name] = parameter["example"]
    body = call.get("requestBody", {}).get("content", {}).get("application/json", {}).get("example")
    sent = {} if body is None else {"json": body}
    return shop.client.open(
        path, method=method.upper(), query_string=query, headers=shop.headers | {"Idempotency-Key": key}, **sent
    )


def test_the_example_response_of_a_spend_has_the_fields_of_a_real_one(app, shop, ready):
    call = openapi.describe(app)["paths"]["/v1/spends"]["post"]
    example = call["responses"]["201"]["content"]["application/json"]["example"]

    answer = _send(shop, "post", "/v1/spends", call, key="one").json

    assert example.keys() == answer.keys()
