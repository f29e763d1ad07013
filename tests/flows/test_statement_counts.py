"""The number of SQL statements of a widget and of a delivery, on both engines."""

from __future__ import annotations

import pytest

from tests.factories import deliver, give, order, put_package
from tests.support.statements import counted

WIDGET = {"sqlite": 8, "postgresql": 7}
DELIVERY = {"sqlite": 23, "postgresql": 21}
"""SQLite's BEGIN counts as a statement."""


@pytest.fixture
def buyer(shop):
    """Return a user with a balance and three purchases."""
    put_package(shop, 10, 1_000)
    give(shop, 2, 5)
    for number in range(1, 4):
        deliver(shop, order(number))
    return "/v1/widget?user_id=2"


def test_widget_reads_each_row_once(shop, database, engine, buyer):
    assert shop.client.get(buyer, headers=shop.headers).status_code == 200

    with counted(database) as seen:
        page = shop.client.get(buyer, headers=shop.headers)

    assert page.status_code == 200
    assert "3,005" in page.text
    assert len(seen) <= WIDGET[engine], seen


def test_delivery_of_an_ordinary_order_takes_few_statements(shop, database, engine, buyer):
    with counted(database) as seen:
        answer = deliver(shop, order(4))

    assert answer.status_code == 200
    assert "4,005" in shop.client.get(buyer, headers=shop.headers).text
    assert len(seen) <= DELIVERY[engine], seen
