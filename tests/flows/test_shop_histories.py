"""Random histories of a shop, told by its webhooks and read back: in the end the books equal the shop.

Meanwhile the bridge's jobs run, and REST is away at times. 500 histories on
both engines, and one seed alone, which prints its steps where it fails:

    BRIDGE_HISTORIES=500 .venv/bin/python -m pytest tests/flows/test_shop_histories.py
    BRIDGE_HISTORY=137 .venv/bin/python -m pytest tests/flows/test_shop_histories.py
"""

from __future__ import annotations

import logging
import os
from collections import Counter

import pytest

from bridge.domain.orders.grants import tokens_owed
from bridge.domain.shop.issues import Code
from bridge.services.ops.audit import list_faults
from bridge.storage.orders import orders
from fakeshop.books import expected_books, expected_parked
from fakeshop.history import play, random_history
from fakeshop.walk import Walk
from tests.support import books
from tests.support.reading import open_rig
from tests.support.upkeep import Upkeep

HISTORIES = os.environ.get("BRIDGE_HISTORIES")
REPLAYED = os.environ.get("BRIDGE_HISTORY")
STEPS = 60
PARTS = 2
SKEWS = (0, 0, 0, 0, 59, -59, 3600, -3600)
"""By how many seconds the shop's clock is ahead of ours, one for each seed in turn."""


@pytest.mark.parametrize("part", range(PARTS))
def test_after_a_sweep_the_books_equal_the_shop(app, caplog, engine, part):
    """Edits, refunds, deletions, outages of ours, webhooks disabled: whatever reached us, the end is the shop's."""
    caplog.set_level(logging.CRITICAL)
    done: Counter[str] = Counter()
    seeds = _seeds(engine)[part::PARTS]
    for seed in seeds:
        done.update(_follow(app, seed))

    if len(seeds) >= 100:
        # What each part of so many must have met.
        assert {Code.WEBHOOK_DISABLED, Code.WEBHOOK_PAUSED, Code.OWNER_DEMOTED} <= set(done)
        assert {"poll", "sweep", "watch", "retry", "lose_rest"} <= set(done)


def _seeds(engine):
    """What was asked for, or a dozen that the engines share."""
    if REPLAYED is not None:
        return [int(REPLAYED)]
    if HISTORIES is not None:
        return range(int(HISTORIES))
    return range(0, 12, 2) if engine == "sqlite" else range(1, 12, 2)


def _follow(app, seed):
    """Live one history to its end and compare; what the bridge did meanwhile, counted."""
    with open_rig(app, slug=f"shop{seed}", seed=seed, duplicates=0.05, skew=SKEWS[seed % len(SKEWS)]) as rig:
        rig.connect().listen()
        upkeep, walk = Upkeep(rig, seed), Walk(rig.shop, forward=rig.later)
        told = [f"replay it: BRIDGE_HISTORY={seed} .venv/bin/python -m pytest tests/flows/test_shop_histories.py"]
        for step in random_history(seed, steps=STEPS):
            told += [play(walk, step), *upkeep.between()]
        told += upkeep.finish()

        story, store_id = "\n".join(told), rig.store.id
        assert _granted(rig.database, store_id) == _positive(expected_books(rig.shop)), story
        assert _parked(rig.database, store_id) == _positive(expected_parked(rig.shop)), story
        assert _waiting(rig.database, store_id) == [], story
        with rig.database.reading() as connection:
            assert [fault.sentence for fault in list_faults(connection, now=rig.now)] == [], story
        return upkeep.done


def _granted(database, store_id):
    """What each user was granted in all, less what was taken back, whether it was there or became debt."""
    found = books.rows(
        database,
        "select a.user_id, sum(e.tokens - e.debt - e.forgiven) as granted from entries e"
        " join accounts a on a.id = e.account_id where a.store_id = :store group by a.user_id",
        store=store_id,
    )
    return _positive({row["user_id"]: int(row["granted"]) for row in found})


def _parked(database, store_id):
    """What waits for a buyer, by the email it waits under."""
    found = books.rows(database, "select number, email_key from orders where is_parked and store_id = :s", s=store_id)
    waiting = {}
    with database.reading() as connection:
        for row in found:
            known = orders.find(connection, store_id, row["number"])
            owed = sum(tokens_owed(known, line) for line in known.lines)
            waiting[row["email_key"]] = waiting.get(row["email_key"], 0) + owed
    return _positive(waiting)


def _waiting(database, store_id):
    """The deliveries that are still to be processed."""
    sql = "select topic, outcome from deliveries where state = 'received' and store_id = :store"
    return books.rows(database, sql, store=store_id)


def _positive(found):
    return {who: tokens for who, tokens in found.items() if tokens}
