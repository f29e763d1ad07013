"""The number of SQL statements of a widget and of a delivery, on both engines."""

from __future__ import annotations

import pytest

from tests.factories import deliver, give, line, order, put_package, spend
from tests.support.statements import counted

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


def test_widget_takes_one_statement_whatever_an_account_has(shop, database, buyer):
    """With a plan, rules and resets of the user's own, holds and waiting orders, and also where nothing changed."""
    answers = []

    def take(path, **more):
        with counted(database) as seen:
            answers.append(shop.client.get(path, headers=shop.headers | more))
        return len(seen)

    take(buyer)
    counts = [take(buyer), take("/v1/widget?user_id=99"), take(f"{buyer}&view=balance")]
    assert "3,005" in answers[-1].text
    limit = {"period": "daily", "rules": {"user": 1000}}
    assert shop.client.put("/v1/limits/chat", json=limit, headers=shop.headers).status_code == 200
    shop.client.put("/v1/packages/11", json={"plan": "Studio", "tokens": 50, "months": 12}, headers=shop.headers)
    deliver(shop, order(4, lines=[line(product=11)]))
    deliver(shop, order(5, "on-hold"))
    own = {"limit": 2000}
    assert shop.client.put("/v1/users/2/limits/chat", json=own, headers=shop.headers).status_code == 200
    assert (
        shop.client.post("/v1/users/2/limits/reset", json={"module": "chat"}, headers=shop.headers).status_code == 200
    )
    spend(shop, 2, 7)
    hold = {"user": {"id": 2}, "module": "chat", "tokens": 3}
    shop.client.post("/v1/holds", json=hold, headers=shop.headers | {"Idempotency-Key": "hold"})
    counts += [take(buyer), take(buyer, **{"If-None-Match": answers[-1].headers["ETag"]})]

    assert [answer.status_code for answer in answers] == [200] * 5 + [304]
    assert counts == [1] * 5


def test_delivery_of_an_ordinary_order_takes_few_statements(shop, database, engine, buyer):
    with counted(database) as seen:
        answer = deliver(shop, order(4))

    assert answer.status_code == 200
    assert "4,005" in shop.client.get(buyer, headers=shop.headers).text
    assert len(seen) <= DELIVERY[engine], seen
