"""Granting past orders begins at once and shows its progress; an order, or the nightly comparison, is read now."""

from __future__ import annotations

import json
import logging

import pytest

from bridge.services.shop import backfill
from bridge.services.stores import settings
from bridge.services.transactions import in_transaction
from bridge.web.admin import connection as connection_door
from schedulers import shop_jobs
from schedulers.context import JobContext
from tests import factories
from tests.support import books
from tests.support.pages import read, send, sign_in
from tests.support.reading import open_rig

one_engine = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
PAGE = "/admin/shop/connection"


@pytest.fixture
def rig(app, caplog):
    """A shop that sold 120 packages of 100,000 before it was connected, and waits for the owner's answer."""
    caplog.set_level(logging.CRITICAL)
    with open_rig(app) as rig:
        rig.sell_many(120)
        rig.later(60)
        yield rig.connect(history="ask")


def answer(rig, what):
    in_transaction(rig.database.transaction, lambda connection: settings.answer_history(connection, rig.store, what))


def run_job(rig):
    rig.later()
    return shop_jobs.grant_past_orders(JobContext(rig.database, lambda: rig.now, lambda: True), shops=rig.shops)


def progress(rig):
    with rig.database.reading() as connection:
        return backfill.progress_of(connection, rig.connected.store.id)


def go_on(rig, *, parts):
    turns = iter([True] * parts)
    return backfill.go_on(
        rig.database.transaction, rig.shops, rig.store, now=rig.now, may_go_on=lambda: next(turns, False)
    )


def press(admin, **fields):
    return send(admin, read(admin.get(PAGE)).form("connection/history"), **fields)


@one_engine
def test_button_begins_at_once_and_the_page_says_how_far_it_is(rig, monkeypatch):
    admin = sign_in(rig.app)
    monkeypatch.setattr(connection_door, "_BEGINNING_SECONDS", 0)
    page = admin.get(press(admin, answer="grant").location)
    assert "Past orders are being granted." in page.text
    go_on(rig, parts=1)
    assert "Past orders are being granted: 50 of 120 so far." in admin.get(PAGE).text

    assert "70 orders read" in run_job(rig) or "orders read" in run_job(rig)

    assert "Past orders grant tokens as well." in admin.get(PAGE).text
    assert rig.balances() == {2: 12_000_000}
    assert progress(rig) is None


def test_run_that_is_cut_off_and_repeated_grants_each_order_once(rig):
    answer(rig, "grant")
    assert progress(rig) == (0, 0)
    for _ in range(2):
        go_on(rig, parts=1)
    assert 0 < rig.balances()[2] < 12_000_000
    assert progress(rig)[1] >= 120

    for _ in range(3):
        run_job(rig)

    assert (rig.balances(), progress(rig)) == ({2: 12_000_000}, None)


@one_engine
def test_shop_that_does_not_answer_is_asked_again_later(rig):
    from fakeshop.faults import Kind

    answer(rig, "grant")
    rig.served.faults.add(Kind.ERROR_PAGE, path="orders", times=None)
    assert "1 shops failed" in run_job(rig)
    rig.served.faults.clear()

    run_job(rig)

    assert (rig.balances(), progress(rig)) == ({2: 12_000_000}, None)


@one_engine
def test_owner_who_skips_after_all_ends_it(rig):
    answer(rig, "grant")
    go_on(rig, parts=1)
    before = rig.balances()
    answer(rig, "skip")

    run_job(rig)

    assert (rig.balances(), progress(rig)) == (before, None)


@one_engine
def test_command_tells_of_the_progress_and_reconcile_ends_it(rig):
    run = rig.app.test_cli_runner().invoke
    assert "flask stores check shop" in run(args=["stores", "history", "shop", "grant"]).output
    go_on(rig, parts=1)
    assert "past orders    being granted: 50 of 120 read so far" in run(args=["stores", "check", "shop"]).output

    told = run(args=["reconcile", "shop"])

    assert (told.exit_code, rig.balances(), progress(rig)) == (0, {2: 12_000_000}, None)


def test_without_rest_keys_the_orders_that_are_known_are_granted(shop, database):
    """The shop delivered them while they were skipped."""
    with database.transaction() as connection:
        settings.answer_history(connection, settings.get_store(connection, "shop"), "skip")
    factories.put_package(shop, 10, 1000)
    for number in range(1, 61):
        factories.deliver(shop, factories.order(number))
    factories.deliver(shop, factories.order(61, status="processing"))
    with database.transaction() as connection:
        settings.answer_history(connection, settings.get_store(connection, "shop"), "grant")
    shops = shop.client.application.extensions["bridge"].shops

    for _ in range(2):
        shop_jobs.grant_past_orders(JobContext(database, lambda: factories.NOON, lambda: True), shops=shops)

    assert factories.balance_of(shop, 2) == 60_000
    assert books.faults(database) == []


@pytest.fixture
def running(app, caplog):
    """A shop that sold two packages since it was connected; the second was never delivered."""
    caplog.set_level(logging.CRITICAL)
    with open_rig(app) as rig:
        rig.connect().listen()
        yield rig


def reconcile(rig, *args):
    told = rig.app.test_cli_runner().invoke(args=["reconcile", "shop", *args, "--json"])
    return told.exit_code, json.loads(told.output)["reports"][0] if told.exit_code == 0 else told.output


@one_engine
def test_one_order_is_read_now(running):
    order = running.sell()

    assert reconcile(running, "--order", str(order), "--dry-run")[1]["granted"] == 100_000
    assert running.balances() == {}
    status, report = reconcile(running, "--order", f"#{order}")
    assert (status, report["seen"], report["granted"]) == (0, 1, 100_000)
    assert running.balances() == {2: 100_000}
    assert reconcile(running, "--order", str(order))[1]["granted"] == 0
    for wrong in ("999999", "x", ""):
        status, text = reconcile(running, "--order", wrong)
        assert (status, "there is no order" in text) == (1, True)


def test_order_is_found_by_the_number_the_shop_shows(shop, database, app):
    factories.put_package(shop, 10, 1000)
    factories.deliver(shop, factories.order(48213) | {"number": "TB-2026-0017"})
    admin = sign_in(app)

    page = read(admin.get("/admin/shop/exceptions"))
    for typed in ("TB-2026-0017", "48213", "#48213"):
        checked = admin.get(send(admin, page.form("exceptions/check"), order=typed).location).text
        assert f"Order {typed} (completed; Tokens) was checked: no tokens moved. It has no exceptions." in checked
    for typed, words in (
        ("TB-1", "Give the ID of an order"),
        ("\0", "Give the ID"),
        ("7", "there is no order 7"),
        ("", "Give the ID"),
    ):
        assert words in admin.get(send(admin, page.form("exceptions/check"), order=typed).location).text


@one_engine
def test_nightly_comparison_is_done_now(running):
    order = running.sell()
    running.poll()
    # As a change that no delivery announces.
    running.shop.orders[order].status = "cancelled"
    assert running.balances() == {2: 100_000}

    dry = reconcile(running, "--full", "--dry-run")[1]
    assert (dry["reversed"], running.balances()) == (100_000, {2: 100_000})
    for _ in range(2):
        assert reconcile(running, "--full")[0] == 0

    assert running.balances() == {2: 0}


@one_engine
@pytest.mark.parametrize("args", [("--full", "--order", "1"), ("--full", "--since", "2026-01-01")], ids=repr)
def test_options_that_do_not_go_together_are_refused(running, args):
    assert reconcile(running, *args)[0] == 1


@one_engine
def test_order_needs_a_store(running):
    told = running.app.test_cli_runner().invoke(args=["reconcile", "--order", "1"])

    assert (told.exit_code, "SLUG" in told.output) == (1, True)
