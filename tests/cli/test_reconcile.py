"""Commands that talk to a shop report their result, in words or as JSON, and each problem with its remedy."""

from __future__ import annotations

import json
import logging

import pytest

from bridge.domain.shop.health import SetAside
from bridge.domain.shop.subscriptions import TOPICS
from bridge.storage.shop import sync_state
from fakeshop.rest.faults import Kind
from tests import factories
from tests.support import ledger_sql
from tests.support.connected_shop import DAY, open_connected_shop
from tests.support.refused_entries import refuse_entries

one_engine = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
URL = "http://127.0.0.1:8000/webhooks/woocommerce/shop"


@pytest.fixture
def connected_shop(app, caplog):
    """Return a shop and a service, not connected yet."""
    caplog.set_level(logging.CRITICAL)
    with open_connected_shop(app) as connected_shop:
        yield connected_shop


@pytest.fixture
def flask(app):
    """Run a command in process and return exit status, output and errors."""
    return lambda *arguments: app.test_cli_runner().invoke(args=list(arguments))


def test_reconcile_reports_what_was_expected_and_what_was_granted(connected_shop, flask):
    connected_shop.connect()
    order = connected_shop.sell()
    connected_shop.sell(0, email="nobody@example.test")

    looked = flask("reconcile", "shop", "--dry-run")
    assert looked.exit_code == 0, looked.output
    assert "100,000 would be granted now" in looked.output
    assert ledger_sql.count(connected_shop.database, "entries") == 0

    done = flask("reconcile", "shop")
    assert done.exit_code == 0
    assert "shop: 2 orders read, 200,000 tokens expected, 0 were granted; 100,000 granted now" in done.output
    assert f"order {order}: expected 100,000, had 0, posted +100,000" in done.output
    assert "1 orders wait for a buyer" in done.output
    assert f"order {order + 1}: expected 100,000, had 0, waits for its buyer" in done.output
    assert "Granting past orders" not in flask("reconcile", "shop").output, "they are granted by now"

    again = json.loads(flask("reconcile", "--json").output)
    (report,) = again["reports"]
    assert (report["store"], report["changed"], report["granted_before"], report["granted"]) == ("shop", 0, 100_000, 0)
    assert connected_shop.balances() == {2: 100_000}


@one_engine
def test_order_that_is_read_again_is_no_longer_set_aside(connected_shop, flask):
    connected_shop.connect()
    flask("reconcile", "shop")
    order = connected_shop.sell()
    sickness = connected_shop.served.rest.sickness
    sickness.broken, sickness.hides_fields = {order}, True
    assert f"order {order} is set aside" in flask("reconcile", "shop").output
    sickness.broken = set()

    flask("reconcile", "shop", "--order", str(order), "--dry-run")
    assert [one.number for one in connected_shop.known().set_aside] == [order]
    read = flask("reconcile", "shop", "--order", str(order))

    assert read.exit_code == 0, read.output
    assert connected_shop.known().set_aside == ()
    assert connected_shop.balances() == {2: 100_000}


@one_engine
def test_reconcile_since_reads_a_range_in_the_stores_own_time(connected_shop, flask):
    connected_shop.connect()
    connected_shop.sell()
    connected_shop.later(3 * DAY)
    order = connected_shop.sell(3)

    report = json.loads(flask("reconcile", "shop", "--json", "--since", connected_shop.now.date().isoformat()).output)[
        "reports"
    ][0]

    assert [found["order"] for found in report["differences"]] == [order]
    assert connected_shop.cursor() is None
    bad = flask("reconcile", "shop", "--since", "yesterday")
    assert (bad.exit_code, "--since: give a date or time" in bad.stderr) == (1, True)


@one_engine
def test_reconcile_without_a_store_says_how_to_connect_one(app):
    result = app.test_cli_runner().invoke(args=["reconcile"])
    assert (result.exit_code, "flask stores add" in result.output) == (0, True)


def test_reconcile_without_keys_says_how_to_give_them(connected_shop, flask):
    connected_shop.connect(has_keys=False)

    named, all_ = flask("reconcile", "shop"), flask("reconcile")

    assert named.exit_code == 1
    assert "the store shop has no REST keys" in named.stderr
    assert "flask stores keys shop" in named.stderr
    assert all_.exit_code == 0
    assert "has no REST keys" in all_.stderr
    assert flask("reconcile", "nobody").exit_code == 1

    key = connected_shop.shop.add_key()
    connected_shop.sell()
    secrets = ("--consumer-key", key.consumer_key, "--consumer-secret", key.consumer_secret)
    assert flask("stores", "keys", "shop", *secrets).exit_code == 0
    assert flask("reconcile", "shop").exit_code == 0
    assert connected_shop.balances() == {2: 100_000}
    stored = ledger_sql.rows(connected_shop.database, "select consumer_key, consumer_secret from stores")
    assert key.consumer_secret not in str(stored)


@one_engine
def test_reconcile_that_was_cut_off_or_could_not_apply_all_ends_with_status_1(connected_shop, flask):
    connected_shop.connect()
    factories.put_user(connected_shop, 2)
    refuse_entries(connected_shop.database, 2)
    order = connected_shop.sell()
    connected_shop.sell(3)

    failed = flask("reconcile", "shop")
    assert failed.exit_code == 1
    assert f"NOT APPLIED order {order}: " in failed.output
    assert connected_shop.balances()[3] == 100_000

    connected_shop.served.faults.add(Kind.UNAUTHORIZED, times=None)
    stopped = flask("reconcile", "shop")
    assert stopped.exit_code == 1
    assert "STOPPED HTTP 401" in stopped.output


def test_owner_is_asked_about_past_orders_and_the_answer_counts(connected_shop, flask, app):
    connected_shop.sell()
    connected_shop.later(60)
    key = connected_shop.shop.add_key()
    added = flask(
        *("stores", "add", "shop", "--url", connected_shop.served.url),
        *("--consumer-key", key.consumer_key, "--consumer-secret", key.consumer_secret),
    )
    assert "flask stores history shop grant, or: flask stores history shop skip" in added.output

    asked = flask("reconcile", "shop")
    assert "1 orders from before the shop was connected wait for your decision" in asked.output
    assert "wait for your decision" in flask("stores", "check", "shop").output
    assert connected_shop.balances() == {}

    assert flask("stores", "history", "shop", "skip").exit_code == 0
    assert flask("reconcile", "shop").exit_code == 0
    assert connected_shop.balances() == {}
    assert flask("stores", "history", "shop", "grant").exit_code == 0
    assert flask("reconcile", "shop").exit_code == 0
    assert connected_shop.balances() == {2: 100_000}


def test_webhooks_are_installed_once_and_repaired(connected_shop, flask):
    connected_shop.connect()
    erp = connected_shop.shop.create_webhook("order.updated", "http://127.0.0.1:1/erp", name="ERP", status="disabled")

    planned = flask("webhooks", "install", "shop", "--dry-run")
    assert len(connected_shop.shop.webhooks) == 1
    assert planned.output.count("would be created") == 10
    made = flask("webhooks", "install", "shop")
    assert made.exit_code == 0, made.output
    assert made.output.endswith(f"10 changes made; the webhooks deliver to {URL}\n")
    ours = [hook for hook in connected_shop.shop.webhooks.values() if hook.delivery_url == URL]
    assert sorted(hook.topic for hook in ours) == sorted(TOPICS)
    assert {(hook.secret, hook.status, hook.is_ping_due) for hook in ours} == {("test-secret", "active", False)}

    again = json.loads(flask("webhooks", "install", "shop", "--json").output)
    assert (again["url"], {step["action"] for step in again["steps"]}) == (URL, {"keep"})

    first, second, third = ours[:3]
    connected_shop.shop.update_webhook(first.id, status="disabled")
    connected_shop.shop.update_webhook(second.id, secret="forgotten")
    connected_shop.shop.update_webhook(third.id, delivery_url="http://127.0.0.1:1/webhooks/woocommerce/shop")
    repaired = flask("webhooks", "install", "shop").output
    assert f"{first.topic:<18} deleted {first.id} (disabled)" in repaired
    assert f"{third.topic:<18} deleted {third.id} (moved)" in repaired
    assert second.secret == "test-secret"
    assert len(connected_shop.shop.webhooks) == 11
    assert connected_shop.shop.webhooks[erp.id].status == "disabled"
    connected_shop.sell()
    connected_shop.shop.run_queue()
    assert connected_shop.balances() == {2: 100_000}


@one_engine
@pytest.mark.parametrize("command", [("webhooks", "install", "shop"), ("packages", "import", "shop")])
def test_commands_that_need_the_shop_say_so_in_a_sentence(connected_shop, flask, command):
    connected_shop.connect(has_keys=False)
    assert "has no REST keys" in flask(*command).stderr
    assert flask(*command[:2], "nobody").exit_code == 1


@one_engine
def test_read_only_key_installs_nothing_and_says_why(connected_shop, flask):
    connected_shop.connect(permissions="read")

    result = flask("webhooks", "install", "shop")

    assert result.exit_code == 1
    assert "has read permission only; it needs read/write" in result.stderr
    assert "Traceback" not in result.output


@one_engine
def test_check_of_a_healthy_shop_ends_with_status_0(connected_shop, flask):
    connected_shop.connect().listen()
    flask("packages", "import", "shop")
    connected_shop.sell()
    connected_shop.shop.run_queue()

    result = flask("stores", "check", "shop")

    assert result.exit_code == 0, result.output
    assert result.output.endswith("no problems found\n")
    assert f"last delivery  {connected_shop.now:%Y-%m-%d %H:%M}" in result.output
    document = json.loads(flask("stores", "check", "shop", "--json").output)
    assert (document["rest"], document["packages"], document["faults"]) == (
        {"keys": True, "readable": True, "writable": True},
        6,
        [],
    )
    assert document["webhooks"] == {topic: ["active"] for topic in TOPICS}


@one_engine
@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (Kind.UNAUTHORIZED, "the consumer key is unknown"),
        (Kind.NOT_FOUND, "permalinks are set to plain"),
        (Kind.REDIRECT, "connect the shop with that address"),
    ],
)
def test_check_names_what_keeps_the_shop_from_being_read(connected_shop, flask, fault, words):
    connected_shop.connect()
    connected_shop.served.faults.add(fault, times=None)

    result = flask("stores", "check", "shop")

    assert result.exit_code == 1
    assert "REST           unreachable" in result.output
    assert words in result.output


@one_engine
def test_check_names_each_fault_in_a_sentence(connected_shop, flask):
    connected_shop.connect(permissions="read")
    connected_shop.skew = 3600

    document = json.loads(flask("stores", "check", "shop", "--json").output)

    codes = [fault["code"] for fault in document["faults"]]
    assert codes == ["keys_read_only", "webhook_missing", "no_packages", "clock"]
    assert all(len(fault["sentence"].splitlines()) == 1 for fault in document["faults"])
    assert "differ by 3600 seconds" in document["faults"][-1]["sentence"]


def test_packages_are_imported_and_what_waited_for_them_is_settled(connected_shop, flask):
    connected_shop.connect(has_keys=False)
    variations = [factories.line(1, 15, variation=16), factories.line(2, 15, variation=17)]
    factories.deliver(connected_shop, factories.order(1, lines=[factories.line()]))
    factories.deliver(connected_shop, factories.order(2, lines=variations))
    assert connected_shop.balances() == {}
    key = connected_shop.shop.add_key()
    flask("stores", "keys", "shop", "--consumer-key", key.consumer_key, "--consumer-secret", key.consumer_secret)

    result = flask("packages", "import", "shop")

    assert result.exit_code == 0, result.output
    assert "6 packages among 6 products and 2 variations" in result.output
    assert connected_shop.balances() == {2: 170_000}
    connected_shop.shop.set_product_tokens(10, 7)
    assert json.loads(flask("packages", "import", "shop", "--json").output)["packages"] == 6
    assert connected_shop.balances() == {2: 170_000}, "orders already placed keep theirs"


@one_engine
def test_products_that_leave_while_they_are_read_hide_no_other(connected_shop, flask):
    connected_shop.connect()
    for number in range(105):
        connected_shop.shop.add_package(f"Package {number}", "1.00", number + 1)
    connected_shop.served.faults.add(Kind.SHRINKING, path="page=2", rows=1)

    assert flask("packages", "import", "shop").exit_code == 0

    listed = ledger_sql.rows(
        connected_shop.database, "select product_id from packages where shop_tokens > 0 and variation_id = 0"
    )
    assert {row["product_id"] for row in listed} >= {id_ for id_ in connected_shop.shop.products if id_ >= 20}


@one_engine
def test_order_read_by_hand_closes_one_set_aside_without_its_number(connected_shop, flask):
    connected_shop.connect()
    first, broken, last = connected_shop.sell_many(3)
    connected_shop.poll()
    entry = SetAside("order", 0, "HTTP 500", connected_shop.now, first, last)
    with connected_shop.database.transaction() as connection:
        sync_state.change(connection, connected_shop.store.id, set_aside=(entry,))

    assert flask("reconcile", "shop", "--order", str(last)).exit_code == 0
    assert connected_shop.known().set_aside == (entry,), "it lies between the others"
    connected_shop.served.rest.sickness.broken = {broken}
    assert flask("reconcile", "shop", "--order", str(broken)).exit_code == 1
    connected_shop.served.rest.sickness.broken = set()
    assert flask("reconcile", "shop", "--order", str(broken)).exit_code == 0

    assert connected_shop.known().set_aside == ()


@one_engine
def test_order_read_by_hand_finds_the_account_of_a_guest(connected_shop, flask):
    connected_shop.connect()
    number = connected_shop.sell(0, email="cleo@example.test")
    user = connected_shop.shop.create_user("cleo@example.test")

    looked = flask("reconcile", "shop", "--order", str(number), "--dry-run")
    done = flask("reconcile", "shop", "--order", str(number))

    assert (looked.exit_code, done.exit_code) == (0, 0), done.output
    assert f"order {number}: expected 100,000, had 0, posted +100,000" in done.output
    assert connected_shop.balances() == {user.id: 100_000}


@one_engine
@pytest.mark.parametrize(
    "command",
    [
        ("stores", "check", "shop"),
        ("webhooks", "install", "shop", "--force"),
        ("packages", "import", "shop"),
        ("reconcile", "shop", "--order", "20"),
    ],
    ids=" ".join,
)
def test_way_to_reach_a_shop_is_stored_by_every_command(connected_shop, flask, command):
    connected_shop.connect()
    assert connected_shop.sell() == 20
    sickness = connected_shop.served.rest.sickness
    sickness.root, sickness.home_link, sickness.redirects = "/?rest_route=/", "", False

    done = flask(*command)

    assert "REST" not in done.stderr
    assert connected_shop.known().access.root == "/?rest_route=/", done.output
