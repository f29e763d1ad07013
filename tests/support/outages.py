"""A service whose database fails, and the responses that callers must get during and after it."""

from __future__ import annotations

from app import create_app
from bridge.runtime import Runtime
from tests.conftest import Shop, make_config
from tests.factories import add_shop, balance_of, deliver, give, order, put_package, spend
from tests.support import ledger_sql

STARTED_WITH = 100


def open_shop(url):
    """Open a service on a migrated database, with a store, a package and a user with tokens."""
    app = create_app(make_config(url))
    connected, _ = add_shop(app, "shop")
    shop = Shop(connected, app.test_client())
    put_package(shop, 10, 1_000)
    give(shop, 2, STARTED_WITH)
    return app.extensions["bridge"], shop


def close(parts: Runtime):
    """End the service."""
    parts.group_commit.close()
    parts.database.close()


def writes(shop):
    """Send one write request of each kind."""
    headers = shop.headers | {"Idempotency-Key": "outage"}
    yield spend(shop, 2, 30, key="outage-spend")
    yield deliver(shop, order(1))
    yield shop.client.put("/v1/packages/11", json={"tokens": 5}, headers=headers)
    yield shop.client.post("/v1/users/2/adjustments", json={"tokens": 5, "reason": "x"}, headers=headers)


def assert_retry_later(responses):
    """Check that every response is a 503 with a time to retry."""
    for response in responses:
        assert response.status_code == 503, response.text
        assert int(response.headers["Retry-After"]) > 0
        assert response.content_type == "application/problem+json"
        assert response.get_json()["code"] in {"unavailable", "try_again"}


def assert_not_ready(shop, *causes):
    """Check that `/readyz` answers 503 and names the cause."""
    ready = shop.client.get("/readyz")
    assert ready.status_code == 503, ready.text
    assert int(ready.headers["Retry-After"]) > 0
    assert ready.get_json()["status"] == "unready"
    assert ready.get_json()["database"] in causes, ready.text


def assert_works_again(parts, shop):
    """Check that the same requests pass, and that only they are in the ledger."""
    answers = list(writes(shop))
    assert [answer.status_code for answer in answers] == [201, 200, 200, 201], [answer.text for answer in answers]
    assert balance_of(shop, 2) == STARTED_WITH - 30 + 1_000 + 5
    assert ledger_sql.count(parts.database, "deliveries") == 1
    assert ledger_sql.faults(parts.database) == []
