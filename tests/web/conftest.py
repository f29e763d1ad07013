"""Fixtures for tests of several pages."""

import pytest

from tests.factories import deliver, give, line, order, put_package, put_user, spend
from tests.support.replayed import replay


@pytest.fixture
def people(shop, database):
    """Add three users, no two alike in any column, each created in another order."""
    replay(_add_people, shop, database)
    return shop


def _add_people(shop):
    put_package(shop, 10, 600)
    put_user(shop, 10, name="anna Åström", email="c@example.test", roles=["zebra"])
    put_user(shop, 2, name="Émile", email="d@example.test", roles=["editor", "shop manager"])
    put_user(shop, 3, name="Bert", email="B@example.test", roles=["customer"])
    deliver(shop, order(1, customer=10))
    deliver(shop, order(2, customer=3, lines=[line(quantity=2)]))
    spend(shop, 10, 600)
    deliver(shop, order(1, "refunded", at=10, customer=10, lines=[line()]))
    deliver(shop, order(3, customer=10, at=20, lines=[line()]))
    give(shop, 2, 5000)
    spend(shop, 3, 700)
    shop.client.post(
        "/v1/holds",
        json={"user": {"id": 3}, "module": "chat", "tokens": 100},
        headers=shop.headers | {"Idempotency-Key": "hold"},
    )
