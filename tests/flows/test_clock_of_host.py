"""Comparison of this host's clock with the shops' and the monotonic clock, and the warnings about it."""

from __future__ import annotations

import json
import logging
from datetime import timedelta

import pytest
import time_machine

from bridge.domain.ops.clock import ClockState, ShopClocks, check_clock, nearest_clock
from bridge.services.ops import clock
from bridge.storage.engine import ids
from bridge.web.context import utcnow
from schedulers import jobs, shop_jobs
from schedulers.context import JobContext
from tests.support.clock import shift_at
from tests.support.connected_shop import PUBLIC_URL, connect, open_connected_shop

HOUR = 3600
one_engine = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)


@pytest.fixture
def connected_shop(app, caplog):
    """Return a connected shop."""
    caplog.set_level(logging.CRITICAL)
    with open_connected_shop(app) as connected_shop:
        yield connected_shop.connect()


def watch(connected_shop):
    return shop_jobs.watch_webhooks(
        JobContext(connected_shop.database, utcnow), shops=connected_shop.shops, public_url=PUBLIC_URL
    )


def clock_at(connected_shop, moment=None):
    with time_machine.travel(moment or utcnow(), tick=False):
        response = connected_shop.client.get("/readyz")
    assert response.status_code == 200
    return response.get_json()["clock"]


def test_a_clock_that_is_ahead_of_every_shop_is_named(app, connected_shop):
    connect(connected_shop, "gone", "http://127.0.0.1:1", connected_shop.shop.add_key())
    connected_shop.skew = -HOUR
    watch(connected_shop)

    named = clock_at(connected_shop)

    assert named["state"] == "differs_from_shops"
    assert named["seconds"] == pytest.approx(-HOUR, abs=20)
    assert "ahead of the clock of the only shop that was read" in named["detail"]
    checked = app.test_cli_runner().invoke(args=["stores", "check", "shop", "--json"])
    assert named["detail"] in {fault["sentence"] for fault in json.loads(checked.output)["faults"]}

    connected_shop.skew = 0
    watch(connected_shop)
    assert clock_at(connected_shop) == {"state": "ok", "seconds": 0.0}


@one_engine
def test_what_shops_said_long_ago_or_by_another_clock_does_not_count(connected_shop):
    connected_shop.skew = -HOUR
    watch(connected_shop)

    later = utcnow() + timedelta(hours=2)
    with connected_shop.database.reading() as connection:
        assert clock.check(connection, now=later).state is ClockState.OK
        assert clock.check(connection, now=utcnow() - timedelta(seconds=90)).state is not ClockState.DIFFERS_FROM_SHOPS


@one_engine
def test_a_clock_set_forward_while_the_service_runs_is_named_until_a_shop_agrees(connected_shop, monkeypatch):
    # Ids never go back in a process; the next test begins where this one did.
    monkeypatch.setattr(ids, "_last", ids._last)
    ahead = utcnow() + timedelta(hours=5)

    named = clock_at(connected_shop, ahead)

    assert named["state"] == "jumped"
    assert named["seconds"] == pytest.approx(-5 * HOUR, abs=20)
    assert "set forward" in named["detail"]
    assert "docs/how-to/fix-the-clock.md" in named["detail"]
    assert clock_at(connected_shop) == {"state": "ok", "seconds": 0.0}

    # The shop's server shares this process, and so the clock.
    with time_machine.travel(ahead):
        watch(connected_shop)
    assert clock_at(connected_shop, ahead) == {"state": "ok", "seconds": 0.0}


@one_engine
def test_a_clock_set_back_while_the_service_runs_is_named(connected_shop):
    progress = clock.SteadyProgress(utcnow() + timedelta(hours=1))

    jump = progress.jump(utcnow())

    assert jump.total_seconds() == pytest.approx(-HOUR, abs=5)
    named = check_clock(utcnow(), newest=None, server_offset=None, jump=jump)
    assert (named.state, round(named.seconds / 60)) == (ClockState.JUMPED, 60)
    assert "set back" in named.sentence


@one_engine
def test_the_clock_of_a_shop_stops_no_prune(connected_shop):
    connected_shop.skew = -HOUR
    watch(connected_shop)

    assert "refused" not in jobs.prune(shift_at(connected_shop.database, utcnow()))


@pytest.mark.parametrize(
    ("offsets", "nearest"),
    [
        ([-400], -400),
        ([-400, -9000, -86_400], -400),
        ([700, 301], 301),
        ([-400, 400], 0),
        ([-400, 0], 0),
        ([0, 5000], 0),
    ],
)
def test_the_nearest_shop_counts(offsets, nearest):
    assert nearest_clock(offsets) == ShopClocks(len(offsets), nearest)
    checked = check_clock(utcnow(), newest=None, server_offset=None, shops=nearest_clock(offsets))
    assert (checked.state is ClockState.DIFFERS_FROM_SHOPS) == (abs(nearest) > 300)
    if nearest < 0 and len(offsets) > 1:
        assert "ahead of the clocks of all" in checked.sentence
