"""The jobs that read the shops: independent for each shop, resumable, and stopped on request."""

from __future__ import annotations

import logging

import pytest

from bridge.services.secrets import Vault
from bridge.services.shop import ingest
from fakeshop.rest.faults import Kind
from schedulers import jobs, shop_jobs
from schedulers.context import JobContext
from schedulers.schedule import timetable_for
from tests.histories.expected_grants import expected_grants
from tests.support.connected_shop import DAY, PUBLIC_URL, connect, open_connected_shop

one_engine = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)


@pytest.fixture
def connected_shop(app, caplog):
    """Return a connected shop."""
    caplog.set_level(logging.CRITICAL)
    with open_connected_shop(app) as connected_shop:
        yield connected_shop.connect()


def shift(connected_shop, *, goes_on=lambda: True):
    return JobContext(connected_shop.database, lambda: connected_shop.now, goes_on)


def reconcile(connected_shop, **more):
    connected_shop.later()
    return shop_jobs.reconcile_orders(shift(connected_shop, **more), shops=connected_shop.shops)


def run_full_scan(connected_shop, **more):
    connected_shop.later()
    return shop_jobs.full_scan_orders(shift(connected_shop, **more), shops=connected_shop.shops)


def watch(connected_shop):
    connected_shop.later()
    return shop_jobs.watch_webhooks(shift(connected_shop), shops=connected_shop.shops, public_url=PUBLIC_URL)


def test_timetable_has_them_at_their_hours():
    every = {job.name: job.every_seconds for job in timetable_for(Vault("x" * 32), PUBLIC_URL)}

    assert (every["reconcile_orders"], every["watch_webhooks"]) == (900, 300)
    assert every["sweep_orders"] <= DAY


def test_shop_that_is_gone_stops_no_other_and_one_without_keys_is_passed_over(connected_shop):
    for slug, url in (("a-gone", "http://127.0.0.1:1"), ("b-plain", "http://shop.example.com")):
        connect(connected_shop, slug, url, connected_shop.shop.add_key())
    connect(connected_shop, "c-keyless", "https://shop.example.com", None)
    connected_shop.sell()

    assert reconcile(connected_shop) == "1 orders read, 1 changed, 0 not applied, 2 shops failed"
    assert run_full_scan(connected_shop) == "1 orders read, 0 changed, 0 not applied, 2 shops failed"
    assert connected_shop.balances() == {2: 100_000}
    assert watch(connected_shop).endswith(" faults, 1 repaired")


@one_engine
def test_full_scan_runs_once_a_night_to_its_end(connected_shop, monkeypatch):
    monkeypatch.setattr(shop_jobs, "FULL_SCANS_AT_ONCE", 2)
    placed = [connected_shop.sell() for _ in range(5)]
    reconcile(connected_shop)
    for number in placed[1:]:
        connected_shop.shop.force_delete(number)

    assert run_full_scan(connected_shop) == "5 orders read, 4 changed, 0 not applied"
    connected_shop.shop.force_delete(placed[0])
    assert run_full_scan(connected_shop) == "0 orders read, 0 changed, 0 not applied"
    connected_shop.later(DAY)
    assert run_full_scan(connected_shop) == "1 orders read, 1 changed, 0 not applied"
    assert connected_shop.balances() == {2: 0}


@one_engine
def test_full_scan_that_met_an_outage_continues_an_hour_later(connected_shop, monkeypatch):
    monkeypatch.setattr(shop_jobs, "FULL_SCANS_AT_ONCE", 2)
    placed = [connected_shop.sell() for _ in range(5)]
    reconcile(connected_shop)
    for number in placed:
        connected_shop.shop.force_delete(number)
    connected_shop.served.faults.add(Kind.UNAUTHORIZED, path=f"orders/{placed[3]}", times=1)

    assert run_full_scan(connected_shop) == "2 orders read, 2 changed, 0 not applied, 1 shops failed"
    connected_shop.later(3600)
    assert run_full_scan(connected_shop) == "3 orders read, 3 changed, 0 not applied"
    assert connected_shop.balances() == {2: 0}


@one_engine
def test_job_asked_to_stop_ends_after_its_current_orders(connected_shop, monkeypatch):
    monkeypatch.setattr(ingest, "TOGETHER", 1)
    for _ in range(4):
        connected_shop.sell()
    turns = iter([True, True, True])

    reconcile(connected_shop, goes_on=lambda: next(turns, False))
    assert connected_shop.balances() == {2: 200_000}
    assert run_full_scan(connected_shop, goes_on=lambda: False) == "0 orders read, 0 changed, 0 not applied"
    reconcile(connected_shop)
    assert connected_shop.balances() == {2: 400_000}


@one_engine
def test_delivery_waits_ten_minutes_for_a_shop_that_is_down_and_then_counts_for_what_it_says(connected_shop):
    """By its line the refund removes one piece of two, by its share of the order's 33.36 it removes less."""
    connected_shop.listen()
    order = connected_shop.shop.place_order(2, [(10, 2), (14, 1)], status="completed")
    connected_shop.shop.run_queue()
    connected_shop.shop.refund_lines(order.id, {order.lines[0].id: 1})
    connected_shop.served.faults.add(Kind.ERROR_PAGE, path="refunds", times=None)
    connected_shop.shop.run_queue()
    connected_shop.later(599)
    jobs.retry_deliveries(shift(connected_shop), shops=connected_shop.shops)
    assert connected_shop.balances() == {2: 200_000}

    connected_shop.later(10)
    jobs.retry_deliveries(shift(connected_shop), shops=connected_shop.shops)
    by_share = 200_000 - int(200_000 * 1000 / 3336)
    assert connected_shop.balances() == {2: by_share}

    connected_shop.served.faults.clear()
    run_full_scan(connected_shop)
    assert connected_shop.balances() == {2: 100_000}


def test_a_bad_week_ends_with_the_balances_of_the_shops_orders(connected_shop):
    """Webhooks fail, are disabled and recreated, orders move on meanwhile; the jobs make up for all of it."""
    connected_shop.listen()
    for day in range(3):
        completed = [
            connected_shop.sell(2 + day),
            connected_shop.sell(0, email="sub@example.test"),
            connected_shop.sell(2, product=17),
        ]
        connected_shop.shop.run_queue(limit=2)
        connected_shop.shop.fail_next(30, status=503 if day % 2 else 301)
        connected_shop.later(60)
        connected_shop.shop.refund_amount(completed[0], "3.00")
        connected_shop.shop.trash(completed[2])
        connected_shop.shop.run_queue()
        connected_shop.shop.fail_next(0)
        if day == 2:
            connected_shop.shop.restore(completed[2])
            connected_shop.shop.delete_refund(completed[0], connected_shop.shop.order(completed[0]).refunds[0].id)
        connected_shop.later(DAY / 4)
        watch(connected_shop)
        reconcile(connected_shop)
        connected_shop.later(DAY * 3 / 4)
        run_full_scan(connected_shop)
    for user in connected_shop.shop.users.values():
        connected_shop.client.put(f"/v1/users/{user.id}", json={"email": user.email}, headers=connected_shop.headers)
    connected_shop.later(DAY)
    reconcile(connected_shop)
    run_full_scan(connected_shop)

    assert {user: tokens for user, tokens in connected_shop.balances().items() if tokens} == expected_grants(
        connected_shop.shop
    )
