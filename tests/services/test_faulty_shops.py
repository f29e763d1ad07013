"""A shop with faulty REST: the fault is named, what can be read is applied, and every job ends."""

from __future__ import annotations

import logging

import pytest

from bridge.domain.shop.issues import Code
from bridge.rendering.issues import describe
from bridge.services.shop import monitor, product_import, reconcile
from fakeshop.rest.faults import Kind
from tests.support.connected_shop import DAY, open_connected_shop

pytestmark = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
"""The values read from a shop do not depend on the database engine."""

PRICE = 100_000


@pytest.fixture
def connected_shop(app, caplog):
    """Return a connected shop that is read in pages of five."""
    caplog.set_level(logging.CRITICAL)
    with open_connected_shop(app, page=5) as connected_shop:
        yield connected_shop.connect()


def requests_of(connected_shop, act):
    """Return the result of the function, and the number of requests it took."""
    connected_shop.served.requests.clear()
    result = act()
    return result, len(connected_shop.served.requests)


@pytest.mark.parametrize("is_cached", [False, True])
def test_shop_that_ignores_the_whole_query_is_found_out_after_two_requests(connected_shop, is_cached):
    connected_shop.sell_many(18)
    connected_shop.served.rest.sickness.ignores = frozenset("*") if not is_cached else frozenset()
    connected_shop.served.rest.sickness.is_cached = is_cached

    report, count = requests_of(connected_shop, connected_shop.poll)

    if is_cached:
        assert report.interruption
    else:
        assert "ignores the query string: 1 orders were requested, and 10 came" in report.interruption
        assert count == 2
    assert count <= 6
    assert connected_shop.cursor() is None
    assert connected_shop.known().stopped["poll"].code == "shop_ignores_query"
    assert Code.SYNC_INCOMPLETE in connected_shop.faults()

    connected_shop.served.rest.sickness.ignores = frozenset()
    connected_shop.served.rest.sickness.is_cached = False
    assert connected_shop.poll().is_clean
    assert connected_shop.balances() == {2: 18 * PRICE}
    assert connected_shop.known().stopped == {}
    assert Code.SYNC_INCOMPLETE not in connected_shop.faults()


def test_shop_that_begins_to_ignore_the_query_keeps_its_cursor(connected_shop):
    connected_shop.sell_many(18)
    connected_shop.poll()
    reached = connected_shop.cursor()
    connected_shop.later(DAY)
    connected_shop.sell_many(5)
    connected_shop.served.rest.sickness.ignores = frozenset("*")

    report, count = requests_of(connected_shop, connected_shop.poll)

    assert "ignores the query" in report.interruption
    assert (connected_shop.cursor(), count) == (reached, 2)


@pytest.mark.parametrize("seconds", [0, 1])
def test_shop_older_than_5_8_is_read_page_by_page_and_said_to_be_old(connected_shop, seconds):
    connected_shop.sell_many(18, seconds=seconds)
    connected_shop.served.rest.sickness.is_old = True

    assert connected_shop.poll().interruption == ""

    assert connected_shop.balances() == {2: 18 * PRICE}
    assert "WooCommerce before 5.8" in connected_shop.known().stopped["poll"].why
    assert connected_shop.cursor() is None
    connected_shop.later(900)
    connected_shop.sell(3)
    _, count = requests_of(connected_shop, connected_shop.poll)
    assert count <= 5
    assert connected_shop.balances() == {2: 18 * PRICE, 3: PRICE}
    refunded = min(connected_shop.shop.orders)
    connected_shop.later(DAY)
    connected_shop.shop.cancel(refunded)
    connected_shop.poll()
    assert connected_shop.balances() == {2: 17 * PRICE, 3: PRICE}


def test_old_shop_goes_on_with_the_page_where_it_was_stopped(connected_shop):
    connected_shop.sell_many(18)
    connected_shop.served.rest.sickness.is_old = True
    for _ in range(12):
        connected_shop.poll(requests=5, seconds=60)

    assert connected_shop.balances() == {2: 18 * PRICE}


@pytest.mark.parametrize(
    ("ignored", "seconds"),
    [
        ("modified_after", 0),
        ("modified_after", 20),
        ("modified_before", 20),
        ("per_page", 0),
        ("per_page", 20),
        ("page", 0),
        ("status", 20),
        ("include", 0),
    ],
)
def test_one_ignored_parameter_loses_nothing_and_ends(connected_shop, ignored, seconds):
    """Orders of one second need pages; those of another do not."""
    connected_shop.sell_many(18, seconds=seconds)
    connected_shop.poll()
    connected_shop.later(3600)
    connected_shop.sell_many(18, seconds=seconds, product=16)
    connected_shop.shop.trash(connected_shop.sell(3))
    connected_shop.served.rest.sickness.ignores = frozenset({ignored})

    for run in (connected_shop.poll, connected_shop.run_full_scan, connected_shop.poll):
        _, count = requests_of(connected_shop, run)
        assert count < 150
    is_whole = connected_shop.balances() == {2: 18 * PRICE + 18 * 10_000}
    stopped = connected_shop.known().stopped

    assert is_whole or "poll" in stopped
    connected_shop.served.rest.sickness.ignores = frozenset()
    assert connected_shop.poll().is_clean
    assert connected_shop.balances() == {2: 18 * PRICE + 18 * 10_000}


@pytest.mark.parametrize(
    ("place", "seconds", "hides_fields"),
    [(0, 0, False), (6, 1, False), (19, 600, False), (0, 600, True), (6, 0, True), (19, 1, True)],
)
def test_order_the_shop_fails_over_is_set_aside_and_the_others_are_applied(
    connected_shop, place, seconds, hides_fields
):
    placed = connected_shop.sell_many(20, seconds=seconds)
    sickness = connected_shop.served.rest.sickness
    sickness.broken, sickness.hides_fields = {placed[place]}, hides_fields

    report, count = requests_of(connected_shop, connected_shop.poll)

    assert connected_shop.balances() == {2: 19 * PRICE}
    assert report.interruption == ""
    assert any(f"order {placed[place]} is set aside" in sentence for sentence in report.aside)
    assert [(one.kind, one.number) for one in connected_shop.known().set_aside] == [("order", placed[place])]
    assert count < 80
    connected_shop.later(3600)
    connected_shop.sell(3)
    report, count = requests_of(connected_shop, connected_shop.poll)
    assert connected_shop.balances() == {2: 19 * PRICE, 3: PRICE}
    assert count < 25
    (fault,) = [fault for fault in watch_faults(connected_shop) if fault.code is Code.SET_ASIDE]
    assert f"order {placed[place]}" in describe(fault)
    assert "HTTP 500" in describe(fault)

    connected_shop.later(DAY)
    connected_shop.run_full_scan()
    assert connected_shop.known().set_aside != ()
    sickness.broken = set()
    connected_shop.later(DAY)
    connected_shop.run_full_scan()
    assert connected_shop.balances() == {2: 20 * PRICE, 3: PRICE}
    assert connected_shop.known().set_aside == ()
    assert Code.SET_ASIDE not in connected_shop.faults()


def watch_faults(connected_shop):
    """Return the problems that the watchdog finds."""
    return monitor.look(connected_shop.post, connected_shop.store, now=connected_shop.now)[1]


def test_several_orders_the_shop_fails_over_stop_no_other(connected_shop):
    placed = connected_shop.sell_many(20)
    broken = set(placed[1:4]) | {placed[10], placed[-1]}
    connected_shop.served.rest.sickness.broken = set(broken)

    connected_shop.poll()

    assert connected_shop.balances() == {2: 15 * PRICE}
    assert {one.number for one in connected_shop.known().set_aside} == broken


def test_only_order_of_a_shop_that_fails_is_set_aside(connected_shop):
    (placed,) = connected_shop.sell_many(1)
    connected_shop.served.rest.sickness.broken = {placed}
    connected_shop.served.rest.sickness.hides_fields = True

    connected_shop.poll()

    assert [one.number for one in connected_shop.known().set_aside] == [placed]


def test_shop_that_fails_over_everything_sets_nothing_aside(connected_shop):
    connected_shop.sell_many(20)
    connected_shop.served.rest.sickness.page = (500, [("Content-Type", "text/html")], b"<html>critical error</html>")

    report, count = requests_of(connected_shop, connected_shop.poll)

    assert "HTTP 500" in report.interruption
    assert (connected_shop.known().set_aside, connected_shop.cursor()) == ((), None)
    assert count < 15


def test_order_that_is_set_aside_and_checked_by_hand_is_taken_back(connected_shop):
    placed = connected_shop.sell_many(3)
    connected_shop.served.rest.sickness.broken = {placed[1]}
    connected_shop.poll()
    connected_shop.served.rest.sickness.broken = set()

    connected_shop.later()
    reconcile.check_order(
        connected_shop.database.transaction,
        connected_shop.shops,
        connected_shop.store,
        placed[1],
        now=connected_shop.now,
    )

    assert connected_shop.known().set_aside == ()
    assert connected_shop.balances() == {2: 3 * PRICE}


def test_order_that_breaks_the_scan_is_set_aside_and_the_rest_is_scanned(connected_shop):
    placed = connected_shop.sell_many(13)
    connected_shop.poll()
    connected_shop.shop.force_delete(placed[-1])
    connected_shop.served.rest.sickness.broken = {placed[4]}
    connected_shop.later(DAY)

    _, is_through = connected_shop.run_full_scan()

    assert is_through
    assert connected_shop.balances() == {2: 12 * PRICE}
    assert [one.number for one in connected_shop.known().set_aside] == [placed[4]]


@pytest.mark.parametrize(
    ("totals", "pages", "is_read"),
    [
        (None, "0", True),
        (None, "999999999", True),
        (None, "", False),
        (None, "many", False),
        ("0", None, False),
        ("999999999", None, False),
        ("999999999", "999999999", False),
        ("", None, False),
        ("all", None, False),
    ],
)
@pytest.mark.parametrize("seconds", [0])
def test_counts_that_lie_are_named_or_not_needed(connected_shop, totals, pages, is_read, seconds):
    connected_shop.sell_many(18, seconds=seconds)
    sickness = connected_shop.served.rest.sickness
    sickness.totals, sickness.pages = totals, pages

    report, count = requests_of(connected_shop, connected_shop.poll)

    assert count < 60
    if is_read:
        assert connected_shop.balances() == {2: 18 * PRICE}
    else:
        assert report.interruption or connected_shop.balances() == {2: 18 * PRICE}
    sickness.totals = sickness.pages = None
    assert connected_shop.poll().is_clean
    assert connected_shop.balances() == {2: 18 * PRICE}


def test_list_without_an_end_ends_with_the_budget(connected_shop):
    connected_shop.sell_many(18)
    connected_shop.served.rest.sickness.is_endless = True

    report, count = requests_of(connected_shop, lambda: connected_shop.poll(requests=30, seconds=20))

    assert report.interruption
    assert count <= 30


def test_time_and_requests_of_a_run_are_bounded_and_the_next_run_goes_on(connected_shop):
    connected_shop.sell_many(30, seconds=20)

    report, count = requests_of(connected_shop, lambda: connected_shop.poll(requests=6, seconds=60))
    assert "has used up its requests or its time" in report.interruption
    assert (count, connected_shop.known().stopped["poll"].code) == (6, "shop_budget_spent")
    connected_shop.served.rest.sickness.seconds = 0.2
    report = connected_shop.poll(seconds=0.5)
    assert "has used up its requests or its time" in report.interruption
    connected_shop.served.rest.sickness.seconds = 0

    assert connected_shop.poll().is_clean
    assert connected_shop.balances() == {2: 30 * PRICE}


@pytest.mark.parametrize(
    "noise", [(b"<br />\n<b>Notice</b>: x[0] in y.php<br />\n", b""), (b"\xef\xbb\xbf\n", b"<!-- z -->")]
)
def test_noise_around_every_answer_keeps_nothing_from_being_read(connected_shop, noise):
    connected_shop.served.rest.sickness.before, connected_shop.served.rest.sickness.after = noise
    connected_shop.sell_many(13)

    assert connected_shop.poll().is_clean
    assert connected_shop.balances() == {2: 13 * PRICE}


@pytest.mark.parametrize(
    ("root", "link", "redirects"),
    [("/?rest_route=/", "", True), ("/?rest_route=/", "", False), ("/api/", "/api/", False)],
)
def test_root_that_works_is_remembered_between_runs(connected_shop, root, link, redirects):
    sickness = connected_shop.served.rest.sickness
    sickness.root, sickness.home_link, sickness.redirects = root, link, redirects
    connected_shop.sell_many(3)

    assert connected_shop.poll().is_clean
    assert connected_shop.known().access.root == root
    connected_shop.later(900)
    _, count = requests_of(connected_shop, connected_shop.poll)

    assert count == 2
    assert connected_shop.balances() == {2: 3 * PRICE}


def set_aside_of(connected_shop):
    """Return the skipped documents, as kind and number."""
    return [(one.kind, one.number) for one in connected_shop.known().set_aside]


def test_order_whose_refunds_fail_for_an_hour_is_set_aside_and_reading_goes_on(connected_shop):
    connected_shop.sell(3)
    refunded = connected_shop.sell()
    connected_shop.shop.refund_amount(refunded, "2.00")
    connected_shop.later()
    connected_shop.served.faults.add(Kind.ERROR_PAGE, path=f"orders/{refunded}/refunds", times=None)
    for _ in range(3):
        connected_shop.poll()
        connected_shop.later(900)
    assert connected_shop.cursor() is None
    assert Code.UNAPPLIED in connected_shop.faults()

    connected_shop.later(3600)
    connected_shop.sell(4)
    connected_shop.poll()

    assert connected_shop.cursor() is not None
    assert set_aside_of(connected_shop) == [("failing order", refunded), ("order", refunded)] or set_aside_of(
        connected_shop
    ) == [("order", refunded)]
    assert Code.SET_ASIDE in connected_shop.faults()
    connected_shop.later(900)
    _, count = requests_of(connected_shop, connected_shop.poll)
    assert count <= 3
    assert Code.UNAPPLIED not in connected_shop.faults()
    connected_shop.served.faults.clear()
    connected_shop.later(DAY)
    connected_shop.run_full_scan()
    assert connected_shop.balances() == {2: 80_000, 3: PRICE, 4: PRICE}
    assert set_aside_of(connected_shop) == []


def test_product_the_shop_fails_over_is_set_aside_and_the_others_are_imported(connected_shop):
    broken = sorted(connected_shop.shop.products)[1]
    connected_shop.served.rest.sickness.broken = {broken}
    with connected_shop.reading() as reading:
        imported = product_import.import_products(reading, now=connected_shop.now)

    assert imported.products == 5
    assert set_aside_of(connected_shop) == [("product", broken)]
    assert Code.SET_ASIDE in connected_shop.faults()
    connected_shop.served.rest.sickness.broken = set()
    connected_shop.later(DAY)
    connected_shop.run_full_scan()
    assert set_aside_of(connected_shop) == []


def test_customer_the_shop_fails_over_prevents_no_other_from_being_added(connected_shop):
    with connected_shop.reading() as reading:
        connected_shop.served.rest.sickness.broken = {3}
        found = reading.shop.list_customers([2, 3, 4])

    assert [customer["id"] for customer in found] == [2, 4]
