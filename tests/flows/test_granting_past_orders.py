"""Grants of past orders begin at once and show their progress; one order, or all, can be read on demand."""

from __future__ import annotations

import json
import logging

import pytest

from bridge.services.shop import backfill
from bridge.services.stores import settings
from bridge.services.transactions import in_transaction
from bridge.web.admin import connection as connection_page
from bridge.web.context import utcnow
from schedulers import shop_jobs
from schedulers.context import JobContext
from tests import factories
from tests.support import ledger_sql
from tests.support.connected_shop import open_connected_shop
from tests.support.pages import read, send, sign_in

one_engine = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
PAGE = "/admin/shop/connection"


@pytest.fixture
def connected_shop(app, caplog):
    """Return a shop that sold 120 packages of 100,000 before it was connected, waiting for the owner's decision."""
    caplog.set_level(logging.CRITICAL)
    with open_connected_shop(app) as connected_shop:
        connected_shop.sell_many(120)
        connected_shop.later(60)
        yield connected_shop.connect(history="ask")


def answer(connected_shop, what):
    in_transaction(
        connected_shop.database.transaction,
        lambda connection: settings.answer_history(connection, connected_shop.store, what, actor="test", now=utcnow()),
    )


def run_job(connected_shop):
    connected_shop.later()
    return shop_jobs.grant_past_orders(
        JobContext(connected_shop.database, lambda: connected_shop.now, lambda: True), shops=connected_shop.shops
    )


def progress(connected_shop):
    with connected_shop.database.reading() as connection:
        return backfill.progress_of(connection, connected_shop.connected.store.id)


def go_on(connected_shop, *, parts):
    turns = iter([True] * parts)
    return backfill.go_on(
        connected_shop.database.transaction,
        connected_shop.shops,
        connected_shop.store,
        now=connected_shop.now,
        may_go_on=lambda: next(turns, False),
    )


def press(admin, **fields):
    return send(admin, read(admin.get(PAGE)).form("connection/history"), **fields)


@one_engine
def test_button_begins_at_once_and_the_page_says_how_far_it_is(connected_shop, monkeypatch):
    admin = sign_in(connected_shop.app)
    monkeypatch.setattr(connection_page, "_BEGINNING_SECONDS", 0)
    page = admin.get(press(admin, answer="grant").location)
    assert "Past orders are being granted." in page.text
    go_on(connected_shop, parts=1)
    assert "Past orders are being granted: 50 of 120 so far." in admin.get(PAGE).text

    assert "70 orders read" in run_job(connected_shop) or "orders read" in run_job(connected_shop)

    assert "Past orders grant tokens as well." in admin.get(PAGE).text
    assert connected_shop.balances() == {2: 12_000_000}
    assert progress(connected_shop) is None


def test_run_that_is_cut_off_and_repeated_grants_each_order_once(connected_shop):
    answer(connected_shop, "grant")
    assert progress(connected_shop) == (0, 0)
    for _ in range(2):
        go_on(connected_shop, parts=1)
    assert 0 < connected_shop.balances()[2] < 12_000_000
    assert progress(connected_shop)[1] >= 120

    for _ in range(3):
        run_job(connected_shop)

    assert (connected_shop.balances(), progress(connected_shop)) == ({2: 12_000_000}, None)


@one_engine
def test_shop_that_does_not_answer_is_asked_again_later(connected_shop):
    from fakeshop.rest.faults import Kind

    answer(connected_shop, "grant")
    connected_shop.served.faults.add(Kind.ERROR_PAGE, path="orders", times=None)
    assert "1 shops failed" in run_job(connected_shop)
    connected_shop.served.faults.clear()

    run_job(connected_shop)

    assert (connected_shop.balances(), progress(connected_shop)) == ({2: 12_000_000}, None)


@one_engine
def test_owner_who_skips_after_all_ends_it(connected_shop):
    answer(connected_shop, "grant")
    go_on(connected_shop, parts=1)
    before = connected_shop.balances()
    answer(connected_shop, "skip")

    run_job(connected_shop)

    assert (connected_shop.balances(), progress(connected_shop)) == (before, None)


@one_engine
def test_command_reports_the_progress_and_reconcile_ends_it(connected_shop):
    run = connected_shop.app.test_cli_runner().invoke
    assert "flask stores check shop" in run(args=["stores", "history", "shop", "grant"]).output
    go_on(connected_shop, parts=1)
    assert "past orders    being granted: 50 of 120 read so far" in run(args=["stores", "check", "shop"]).output

    outcome = run(args=["reconcile", "shop"])

    assert (outcome.exit_code, connected_shop.balances(), progress(connected_shop)) == (0, {2: 12_000_000}, None)


def test_without_rest_keys_the_orders_that_are_known_are_granted(shop, database):
    """The shop delivered them while they were skipped."""
    with database.transaction() as connection:
        settings.answer_history(connection, settings.get_store(connection, "shop"), "skip", actor="test", now=utcnow())
    factories.put_package(shop, 10, 1000)
    for number in range(1, 61):
        factories.deliver(shop, factories.order(number))
    factories.deliver(shop, factories.order(61, status="processing"))
    with database.transaction() as connection:
        settings.answer_history(connection, settings.get_store(connection, "shop"), "grant", actor="test", now=utcnow())
    shops = shop.client.application.extensions["bridge"].shops

    for _ in range(2):
        shop_jobs.grant_past_orders(JobContext(database, lambda: factories.NOON, lambda: True), shops=shops)

    assert factories.balance_of(shop, 2) == 60_000
    assert ledger_sql.faults(database) == []


@pytest.fixture
def running(app, caplog):
    """Return a shop that sold two packages since it was connected; the second was never delivered."""
    caplog.set_level(logging.CRITICAL)
    with open_connected_shop(app) as connected_shop:
        connected_shop.connect().listen()
        yield connected_shop


def reconcile(connected_shop, *args):
    outcome = connected_shop.app.test_cli_runner().invoke(args=["reconcile", "shop", *args, "--json"])
    return outcome.exit_code, json.loads(outcome.output)["reports"][0] if outcome.exit_code == 0 else outcome.output


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
        ("TB-1", "Enter the ID of an order"),
        ("\0", "Enter the ID"),
        ("7", "there is no order 7"),
        ("", "Enter the ID"),
    ):
        assert words in admin.get(send(admin, page.form("exceptions/check"), order=typed).location).text


@one_engine
def test_one_order_is_read_by_the_number_the_shop_shows(running):
    order = running.sell()
    factories.deliver(running, factories.order(order, status="pending") | {"number": "TB-2026-0017"})

    for typed in ("TB-2026-0017", "#TB-2026-0017", f"#{order}"):
        status, report = reconcile(running, "--order", typed)
        assert (status, report["seen"], report["expected"]) == (0, 1, 100_000), typed

    assert running.balances() == {2: 100_000}
    assert reconcile(running, "--order", "TB-2026-0018")[0] == 1


@one_engine
def test_number_the_shop_shows_counts_before_the_id_of_another_order(shop, app):
    for order, shown, name in ((5, "9", "Small pack"), (9, "12", "Large pack")):
        factories.deliver(shop, factories.order(order, lines=[factories.line(name=name)]) | {"number": shown})
    admin = sign_in(app)
    page = read(admin.get("/admin/shop/exceptions"))

    for typed, name in (("9", "Small pack"), ("5", "Small pack"), ("12", "Large pack")):
        checked = admin.get(send(admin, page.form("exceptions/check"), order=typed).location).text
        assert f"Order {typed} (completed; {name}) was checked" in checked


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
    outcome = running.app.test_cli_runner().invoke(args=["reconcile", "--order", "1"])

    assert (outcome.exit_code, "SLUG" in outcome.output) == (1, True)
