"""Orders from before the connection are granted when the owner decides so, by the shop's own clock."""

from __future__ import annotations

import pytest

from bridge.services.orders import apply
from bridge.services.shop import reconcile
from bridge.services.stores import settings
from bridge.web.context import utcnow
from tests.support.connected_shop import DAY, open_connected_shop

one_engine = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
"""The values read from a shop do not depend on the database engine."""


@pytest.fixture
def connected_shop(app):
    """Return a shop and a service, not connected yet."""
    with open_connected_shop(app) as connected_shop:
        yield connected_shop


@one_engine
@pytest.mark.parametrize("skew", [-3600, 3600])
def test_shop_whose_clock_is_an_hour_apart_loses_nothing(connected_shop, skew):
    """The moments are the shop's; the moment of the connection is first converted to its time."""
    connected_shop.skew = skew
    if skew < 0:
        connected_shop.sell(3)
        connected_shop.later(60)
    connected_shop.connect(history="skip")
    for _ in range(3):
        connected_shop.sell(2)
        connected_shop.poll()
        connected_shop.later(600)

    assert connected_shop.balances() == {2: 300_000}


def test_new_store_reads_nothing_of_its_history_until_the_owner_says_grant(connected_shop):
    connected_shop.sell()
    connected_shop.later(3 * DAY)
    past = connected_shop.sell()
    connected_shop.later(60)
    connected_shop.connect(history="ask")
    connected_shop.sell(3)

    asked = connected_shop.poll()
    assert (asked.granted, asked.awaiting_decision) == (100_000, 1)
    assert connected_shop.balances() == {3: 100_000}
    connected_shop.later()
    connected_shop.shop.save(past)
    assert connected_shop.poll().granted == 0, "saved again, it is still of the past"

    answer(connected_shop, "grant")
    assert connected_shop.poll().granted == 200_000
    assert connected_shop.balances() == {2: 200_000, 3: 100_000}


def test_webhook_grants_a_past_order_before_the_owner_decides_and_not_after_they_skip(connected_shop):
    first, second = connected_shop.sell(2), connected_shop.sell(3)
    connected_shop.later(60)
    connected_shop.connect(history="ask").listen()
    connected_shop.shop.save(first)
    connected_shop.shop.run_queue()
    assert connected_shop.balances() == {2: 100_000}

    answer(connected_shop, "skip")
    connected_shop.shop.save(second)
    connected_shop.shop.run_queue()
    connected_shop.poll()
    assert connected_shop.balances() == {2: 100_000}, "what was granted stays, what was not is skipped"
    connected_shop.later()
    connected_shop.shop.cancel(first)
    connected_shop.poll()
    assert connected_shop.balances() == {2: 0}


@pytest.mark.parametrize(("given_back", "balances"), [("5.00", {9: 50_000}), ("10.00", {})])
def test_guests_order_of_the_past_that_waits_is_still_refunded(connected_shop, given_back, balances):
    """It waits since its delivery; the sync may not grant it, but must reverse it."""
    past = connected_shop.sell(0, email="new@example.test")
    connected_shop.later(60)
    connected_shop.connect(history="ask").listen()
    connected_shop.shop.save(past)
    connected_shop.shop.run_queue()
    connected_shop.shop.webhooks.clear()
    connected_shop.later()
    connected_shop.shop.refund_amount(past, given_back)
    connected_shop.poll()

    connected_shop.client.put("/v1/users/9", json={"email": "new@example.test"}, headers=connected_shop.headers)
    with connected_shop.database.transaction() as connection:
        apply.check_again(connection, connected_shop.store, past, now=connected_shop.now)
    assert connected_shop.balances() == balances


@one_engine
def test_history_taken_back_while_a_poll_runs_is_read_by_the_next(connected_shop):
    connected_shop.connect(history="ask")
    connected_shop.sell()
    with connected_shop.reading() as reading:
        real = reading.shop.list_changes

        def list_changes(**asked):
            answer(connected_shop, "grant")
            return real(**asked)

        reading.shop.list_changes = list_changes
        reconcile.poll(reading, since=None, now=connected_shop.now)

    assert connected_shop.cursor() is None


def answer(connected_shop, word):
    """The owner's decision about the history."""
    with connected_shop.database.transaction() as connection:
        settings.answer_history(connection, settings.get_store(connection, "shop"), word, actor="test", now=utcnow())
