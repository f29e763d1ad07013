"""Orders from before a shop was connected are granted when its owner says so, by the shop's own clock."""

from __future__ import annotations

import pytest

from bridge.services.orders import apply
from bridge.services.shop import reconcile
from bridge.services.stores import settings
from tests.support.reading import DAY, open_rig

one_engine = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
"""What is read from a shop does not depend on where it is written to."""


@pytest.fixture
def rig(app):
    """A shop and a bridge, not connected yet."""
    with open_rig(app) as rig:
        yield rig


@one_engine
@pytest.mark.parametrize("skew", [-3600, 3600])
def test_shop_whose_clock_is_an_hour_apart_loses_nothing(rig, skew):
    """The moments are the shop's; that of the connecting is told in its time first."""
    rig.skew = skew
    if skew < 0:
        rig.sell(3)
        rig.later(60)
    rig.connect(history="skip")
    for _ in range(3):
        rig.sell(2)
        rig.poll()
        rig.later(600)

    assert rig.balances() == {2: 300_000}


def test_new_store_reads_nothing_of_its_history_until_the_owner_says_grant(rig):
    rig.sell()
    rig.later(3 * DAY)
    past = rig.sell()
    rig.later(60)
    rig.connect(history="ask")
    rig.sell(3)

    asked = rig.poll()
    assert (asked.granted, asked.awaiting_decision) == (100_000, 1)
    assert rig.balances() == {3: 100_000}
    rig.later()
    rig.shop.save(past)
    assert rig.poll().granted == 0, "saved again, it is still of the past"

    answer(rig, "grant")
    assert rig.poll().granted == 200_000
    assert rig.balances() == {2: 200_000, 3: 100_000}


def test_webhook_grants_a_past_order_while_the_owner_was_not_asked_and_no_longer_once_he_skipped(rig):
    first, second = rig.sell(2), rig.sell(3)
    rig.later(60)
    rig.connect(history="ask").listen()
    rig.shop.save(first)
    rig.shop.run_queue()
    assert rig.balances() == {2: 100_000}

    answer(rig, "skip")
    rig.shop.save(second)
    rig.shop.run_queue()
    rig.poll()
    assert rig.balances() == {2: 100_000}, "what was granted stays, what was not is skipped"
    rig.later()
    rig.shop.cancel(first)
    rig.poll()
    assert rig.balances() == {2: 0}


@pytest.mark.parametrize(("given_back", "balances"), [("5.00", {9: 50_000}), ("10.00", {})])
def test_guests_order_of_the_past_that_waits_is_still_refunded(rig, given_back, balances):
    """It waits since a webhook told of it; what is read back may not grant, but must take back."""
    past = rig.sell(0, email="new@example.test")
    rig.later(60)
    rig.connect(history="ask").listen()
    rig.shop.save(past)
    rig.shop.run_queue()
    rig.shop.webhooks.clear()
    rig.later()
    rig.shop.refund_amount(past, given_back)
    rig.poll()

    rig.client.put("/v1/users/9", json={"email": "new@example.test"}, headers=rig.headers)
    with rig.database.transaction() as connection:
        apply.check_again(connection, rig.store, past, now=rig.now)
    assert rig.balances() == balances


@one_engine
def test_history_taken_back_while_a_poll_runs_is_read_by_the_next(rig):
    rig.connect(history="ask")
    rig.sell()
    with rig.reading() as reading:
        real = reading.shop.list_changes

        def list_changes(**asked):
            answer(rig, "grant")
            return real(**asked)

        reading.shop.list_changes = list_changes
        reconcile.poll(reading, since=None, now=rig.now)

    assert rig.cursor() is None


def answer(rig, word):
    """What the owner says of the history."""
    with rig.database.transaction() as connection:
        settings.answer_history(connection, settings.get_store(connection, "shop"), word)
