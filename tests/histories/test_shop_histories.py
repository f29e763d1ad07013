"""Random histories of a shop, received as webhooks and read through REST: the ledger ends up equal to the shop.

The service's jobs run meanwhile, and REST fails at times. A failure prints the
steps of its history. To run 500 histories on both engines, and one again:

    BRIDGE_HISTORIES=500 .venv/bin/python -m pytest tests/histories/test_shop_histories.py
    BRIDGE_SEED=137 .venv/bin/python -m pytest tests/histories/test_shop_histories.py -k fresh
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
from tests.histories.expected_grants import expected_grants, expected_parked
from tests.histories.history_state import HistoryState
from tests.histories.random_history import play, random_history
from tests.support import ledger_sql
from tests.support.background_jobs import BackgroundJobs
from tests.support.connected_shop import open_connected_shop
from tests.support.seeds import FRESH, resolve

HISTORIES = os.environ.get("BRIDGE_HISTORIES")
STEPS = 60
PARTS = 2
SKEWS = (0, 0, 0, 0, 59, -59, 3600, -3600)
"""How many seconds the shop's clock is ahead of ours, one for each seed in turn."""


@pytest.mark.both_engines
@pytest.mark.parametrize("part", range(PARTS))
def test_after_a_full_check_the_ledger_equals_the_shop(app, caplog, engine, part):
    """Check edits, refunds, deletions, outages, disabled webhooks: the end does not depend on the deliveries."""
    caplog.set_level(logging.CRITICAL)
    done: Counter[str] = Counter()
    seeds = _seeds(engine)[part::PARTS]
    for seed in seeds:
        done.update(_follow(app, seed))

    if len(seeds) >= 100:
        # Every part of so many histories must have occurred.
        assert {Code.WEBHOOK_DISABLED, Code.WEBHOOK_PAUSED, Code.OWNER_DEMOTED} <= set(done)
        assert {"poll", "sweep", "watch", "retry", "lose_rest"} <= set(done)


@pytest.mark.parametrize("seed", [FRESH])
def test_ledger_equals_the_shop_after_a_new_history(app, caplog, seed):
    caplog.set_level(logging.CRITICAL)
    _follow(app, resolve(seed))


def _seeds(engine):
    """Return the seeds up to `BRIDGE_HISTORIES`, or half of eight for each engine: each skew once."""
    if HISTORIES is not None:
        return range(int(HISTORIES))
    return range(0, len(SKEWS), 2) if engine == "sqlite" else range(1, len(SKEWS), 2)


def _follow(app, seed):
    """Play one history to its end and compare; return the counts of the service's actions."""
    with open_connected_shop(
        app, slug=f"shop{seed}", seed=seed, duplicates=0.05, skew=SKEWS[seed % len(SKEWS)]
    ) as connected_shop:
        connected_shop.connect().listen()
        jobs, history = (
            BackgroundJobs(connected_shop, seed),
            HistoryState(connected_shop.shop, forward=connected_shop.later),
        )
        steps = []
        for step in random_history(seed, steps=STEPS):
            steps += [play(history, step), *jobs.between()]
        steps += jobs.finish()

        story, store_id = "\n".join(steps), connected_shop.store.id
        assert _granted(connected_shop.database, store_id) == _positive(expected_grants(connected_shop.shop)), story
        assert _parked(connected_shop.database, store_id) == _positive(expected_parked(connected_shop.shop)), story
        assert _waiting(connected_shop.database, store_id) == [], story
        with connected_shop.database.reading() as connection:
            assert [fault.sentence for fault in list_faults(connection, now=connected_shop.now)] == [], story
        return jobs.done


def _granted(database, store_id):
    """Return what each user was granted in total, minus reversals, from the balance or as debt."""
    found = ledger_sql.rows(
        database,
        "select a.user_id, sum(e.tokens - e.debt - e.forgiven) as granted from entries e"
        " join accounts a on a.id = e.account_id where a.store_id = :store group by a.user_id",
        store=store_id,
    )
    return _positive({row["user_id"]: int(row["granted"]) for row in found})


def _parked(database, store_id):
    """Return the parked tokens by email."""
    found = ledger_sql.rows(
        database, "select number, email_key from orders where is_parked and store_id = :s", s=store_id
    )
    waiting = {}
    with database.reading() as connection:
        for row in found:
            known = orders.find(connection, store_id, row["number"])
            owed = sum(tokens_owed(known, line) for line in known.lines)
            waiting[row["email_key"]] = waiting.get(row["email_key"], 0) + owed
    return _positive(waiting)


def _waiting(database, store_id):
    """Return the deliveries that are still to be processed."""
    sql = "select topic, outcome from deliveries where state = 'received' and store_id = :store"
    return ledger_sql.rows(database, sql, store=store_id)


def _positive(found):
    return {who: tokens for who, tokens in found.items() if tokens}
