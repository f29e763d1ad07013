"""The jobs that ask the shops: each shop on its own, resumable, and stopped when told to."""

from __future__ import annotations

import logging

import pytest

from bridge.services.secrets import Vault
from bridge.services.shop import ingest
from fakeshop.books import expected_books
from fakeshop.faults import Kind
from schedulers import jobs, shop_jobs
from schedulers.context import JobContext
from schedulers.schedule import timetable_for
from tests.support.reading import DAY, PUBLIC_URL, connect, open_rig

one_engine = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)


@pytest.fixture
def rig(app, caplog):
    """A connected shop."""
    caplog.set_level(logging.CRITICAL)
    with open_rig(app) as rig:
        yield rig.connect()


def shift(rig, *, goes_on=lambda: True):
    return JobContext(rig.database, lambda: rig.now, goes_on)


def reconcile(rig, **more):
    rig.later()
    return shop_jobs.reconcile_orders(shift(rig, **more), shops=rig.shops)


def run_full_scan(rig, **more):
    rig.later()
    return shop_jobs.full_scan_orders(shift(rig, **more), shops=rig.shops)


def watch(rig):
    rig.later()
    return shop_jobs.watch_webhooks(shift(rig), shops=rig.shops, public_url=PUBLIC_URL)


def test_timetable_has_them_at_their_hours():
    every = {job.name: job.every_seconds for job in timetable_for(Vault("x" * 32), PUBLIC_URL)}

    assert (every["reconcile_orders"], every["watch_webhooks"]) == (900, 300)
    assert every["sweep_orders"] <= DAY


def test_shop_that_is_gone_stops_no_other_and_one_without_keys_is_passed_over(rig):
    for slug, url in (("a-gone", "http://127.0.0.1:1"), ("b-plain", "http://shop.example.com")):
        connect(rig, slug, url, rig.shop.add_key())
    connect(rig, "c-keyless", "https://shop.example.com", None)
    rig.sell()

    assert reconcile(rig) == "1 orders read, 1 changed, 0 not applied, 2 shops failed"
    assert run_full_scan(rig) == "1 orders read, 0 changed, 0 not applied, 1 shops failed"
    assert rig.balances() == {2: 100_000}
    assert watch(rig).endswith(" faults, 1 repaired")


@one_engine
def test_sweep_runs_once_a_night_to_its_end(rig, monkeypatch):
    monkeypatch.setattr(shop_jobs, "FULL_SCANS_AT_ONCE", 2)
    placed = [rig.sell() for _ in range(5)]
    reconcile(rig)
    for number in placed[1:]:
        rig.shop.force_delete(number)

    assert run_full_scan(rig) == "5 orders read, 4 changed, 0 not applied"
    rig.shop.force_delete(placed[0])
    assert run_full_scan(rig) == "0 orders read, 0 changed, 0 not applied"
    rig.later(DAY)
    assert run_full_scan(rig) == "1 orders read, 1 changed, 0 not applied"
    assert rig.balances() == {2: 0}


@one_engine
def test_sweep_that_met_an_outage_goes_on_an_hour_later(rig, monkeypatch):
    monkeypatch.setattr(shop_jobs, "FULL_SCANS_AT_ONCE", 2)
    placed = [rig.sell() for _ in range(5)]
    reconcile(rig)
    for number in placed:
        rig.shop.force_delete(number)
    rig.served.faults.add(Kind.UNAUTHORIZED, path=f"orders/{placed[3]}", times=1)

    assert run_full_scan(rig) == "2 orders read, 2 changed, 0 not applied, 1 shops failed"
    rig.later(3600)
    assert run_full_scan(rig) == "3 orders read, 3 changed, 0 not applied"
    assert rig.balances() == {2: 0}


@one_engine
def test_job_that_is_told_to_stop_ends_after_the_orders_it_is_at(rig, monkeypatch):
    monkeypatch.setattr(ingest, "TOGETHER", 1)
    for _ in range(4):
        rig.sell()
    turns = iter([True, True, True])

    reconcile(rig, goes_on=lambda: next(turns, False))
    assert rig.balances() == {2: 200_000}
    assert run_full_scan(rig, goes_on=lambda: False) == "0 orders read, 0 changed, 0 not applied"
    reconcile(rig)
    assert rig.balances() == {2: 400_000}


@one_engine
def test_delivery_waits_ten_minutes_for_a_shop_that_is_down_and_then_counts_for_what_it_says(rig):
    """By its line the refund takes one piece of two, by its share of the order's 33.36 it takes less."""
    rig.listen()
    order = rig.shop.place_order(2, [(10, 2), (14, 1)], status="completed")
    rig.shop.run_queue()
    rig.shop.refund_lines(order.id, {order.lines[0].id: 1})
    rig.served.faults.add(Kind.ERROR_PAGE, path="refunds", times=None)
    rig.shop.run_queue()
    rig.later(599)
    jobs.retry_deliveries(shift(rig), shops=rig.shops)
    assert rig.balances() == {2: 200_000}

    rig.later(10)
    jobs.retry_deliveries(shift(rig), shops=rig.shops)
    by_share = 200_000 - int(200_000 * 1000 / 3336)
    assert rig.balances() == {2: by_share}

    rig.served.faults.clear()
    run_full_scan(rig)
    assert rig.balances() == {2: 100_000}


def test_a_bad_week_ends_with_the_books_the_shop_has(rig):
    """Webhooks fail, are disabled and made anew, orders move on meanwhile; the jobs make up for all of it."""
    rig.listen()
    for day in range(3):
        kept = [rig.sell(2 + day), rig.sell(0, email="sub@example.test"), rig.sell(2, product=17)]
        rig.shop.run_queue(limit=2)
        rig.shop.fail_next(30, status=503 if day % 2 else 301)
        rig.later(60)
        rig.shop.refund_amount(kept[0], "3.00")
        rig.shop.trash(kept[2])
        rig.shop.run_queue()
        rig.shop.fail_next(0)
        if day == 2:
            rig.shop.restore(kept[2])
            rig.shop.delete_refund(kept[0], rig.shop.order(kept[0]).refunds[0].id)
        rig.later(DAY / 4)
        watch(rig)
        reconcile(rig)
        rig.later(DAY * 3 / 4)
        run_full_scan(rig)
    for user in rig.shop.users.values():
        rig.client.put(f"/v1/users/{user.id}", json={"email": user.email}, headers=rig.headers)
    rig.later(DAY)
    reconcile(rig)
    run_full_scan(rig)

    assert {user: tokens for user, tokens in rig.balances().items() if tokens} == expected_books(rig.shop)
