"""A shop whose REST is sick: what is wrong is named, what can be read is applied, and nothing goes on for ever."""

from __future__ import annotations

import logging

import pytest

from bridge.domain.shop.issues import Code
from bridge.rendering.issues import describe
from bridge.services.shop import monitor, product_import, reconcile
from fakeshop.faults import Kind
from tests.support.reading import DAY, open_rig

pytestmark = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
"""What is read from a shop does not depend on where it is written to."""

PRICE = 100_000


@pytest.fixture
def rig(app, caplog):
    """A connected shop that is read in pages of ten."""
    caplog.set_level(logging.CRITICAL)
    with open_rig(app, page=10) as rig:
        yield rig.connect()


def requests_of(rig, act):
    """What the act returns, and how many requests it took."""
    rig.served.requests.clear()
    result = act()
    return result, len(rig.served.requests)


@pytest.mark.parametrize("is_cached", [False, True])
def test_shop_that_ignores_the_whole_query_is_found_out_after_two_requests(rig, is_cached):
    rig.sell_many(35)
    rig.served.rest.sickness.ignores = frozenset("*") if not is_cached else frozenset()
    rig.served.rest.sickness.is_cached = is_cached

    report, count = requests_of(rig, rig.poll)

    if is_cached:
        assert report.interruption
    else:
        assert "ignores the query of our requests: 1 of its orders were asked for, and 10 came" in report.interruption
        assert count == 2
    assert count <= 6
    assert rig.cursor() is None
    assert rig.known().stopped["poll"].code == "shop_ignores_query"
    assert Code.SYNC_INCOMPLETE in rig.faults()

    rig.served.rest.sickness.ignores = frozenset()
    rig.served.rest.sickness.is_cached = False
    assert rig.poll().is_clean
    assert rig.balances() == {2: 35 * PRICE}
    assert rig.known().stopped == {}
    assert Code.SYNC_INCOMPLETE not in rig.faults()


def test_shop_that_begins_to_ignore_the_query_keeps_its_cursor(rig):
    rig.sell_many(35)
    rig.poll()
    reached = rig.cursor()
    rig.later(DAY)
    rig.sell_many(5)
    rig.served.rest.sickness.ignores = frozenset("*")

    report, count = requests_of(rig, rig.poll)

    assert "ignores the query" in report.interruption
    assert (rig.cursor(), count) == (reached, 2)


@pytest.mark.parametrize("seconds", [0, 1])
def test_shop_older_than_5_8_is_read_page_by_page_and_said_to_be_old(rig, seconds):
    rig.sell_many(35, seconds=seconds)
    rig.served.rest.sickness.is_old = True

    assert rig.poll().interruption == ""

    assert rig.balances() == {2: 35 * PRICE}
    assert "WooCommerce before 5.8" in rig.known().stopped["poll"].why
    assert rig.cursor() is None
    rig.later(900)
    rig.sell(3)
    _, count = requests_of(rig, rig.poll)
    assert count <= 5
    assert rig.balances() == {2: 35 * PRICE, 3: PRICE}
    refunded = min(rig.shop.orders)
    rig.later(DAY)
    rig.shop.cancel(refunded)
    rig.poll()
    assert rig.balances() == {2: 34 * PRICE, 3: PRICE}


def test_old_shop_goes_on_with_the_page_where_it_was_stopped(rig):
    rig.sell_many(35)
    rig.served.rest.sickness.is_old = True
    for _ in range(12):
        rig.poll(requests=5, seconds=60)

    assert rig.balances() == {2: 35 * PRICE}


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
def test_one_ignored_parameter_loses_nothing_and_ends(rig, ignored, seconds):
    """Orders of one second need pages; those of another do not."""
    rig.sell_many(35, seconds=seconds)
    rig.poll()
    rig.later(3600)
    rig.sell_many(35, seconds=seconds, product=16)
    rig.shop.trash(rig.sell(3))
    rig.served.rest.sickness.ignores = frozenset({ignored})

    for run in (rig.poll, rig.run_full_scan, rig.poll):
        _, count = requests_of(rig, run)
        assert count < 150
    is_whole = rig.balances() == {2: 35 * PRICE + 35 * 10_000}
    stopped = rig.known().stopped

    assert is_whole or "poll" in stopped
    rig.served.rest.sickness.ignores = frozenset()
    assert rig.poll().is_clean
    assert rig.balances() == {2: 35 * PRICE + 35 * 10_000}


@pytest.mark.parametrize(
    ("place", "seconds", "hides_fields"),
    [(0, 0, False), (12, 1, False), (39, 600, False), (0, 600, True), (12, 0, True), (39, 1, True)],
)
def test_order_the_shop_fails_over_is_set_aside_and_the_others_are_applied(rig, place, seconds, hides_fields):
    placed = rig.sell_many(40, seconds=seconds)
    sickness = rig.served.rest.sickness
    sickness.broken, sickness.hides_fields = {placed[place]}, hides_fields

    report, count = requests_of(rig, rig.poll)

    assert rig.balances() == {2: 39 * PRICE}
    assert report.interruption == ""
    assert any(f"order {placed[place]} is set aside" in sentence for sentence in report.aside)
    assert [(one.kind, one.number) for one in rig.known().set_aside] == [("order", placed[place])]
    assert count < 80
    rig.later(3600)
    rig.sell(3)
    report, count = requests_of(rig, rig.poll)
    assert rig.balances() == {2: 39 * PRICE, 3: PRICE}
    assert count < 25
    (fault,) = [fault for fault in watch_faults(rig) if fault.code is Code.SET_ASIDE]
    assert f"order {placed[place]}" in describe(fault)
    assert "HTTP 500" in describe(fault)

    rig.later(DAY)
    rig.run_full_scan()
    assert rig.known().set_aside != ()
    sickness.broken = set()
    rig.later(DAY)
    rig.run_full_scan()
    assert rig.balances() == {2: 40 * PRICE, 3: PRICE}
    assert rig.known().set_aside == ()
    assert Code.SET_ASIDE not in rig.faults()


def watch_faults(rig):
    """What is wrong by the watchdog's look."""
    return monitor.look(rig.post, rig.store, now=rig.now)[1]


def test_several_orders_the_shop_fails_over_stop_no_other(rig):
    placed = rig.sell_many(40)
    broken = set(placed[3:8]) | {placed[20], placed[-1]}
    rig.served.rest.sickness.broken = set(broken)

    rig.poll()

    assert rig.balances() == {2: 33 * PRICE}
    assert {one.number for one in rig.known().set_aside} == broken


def test_only_order_of_a_shop_that_fails_is_set_aside(rig):
    (placed,) = rig.sell_many(1)
    rig.served.rest.sickness.broken = {placed}
    rig.served.rest.sickness.hides_fields = True

    rig.poll()

    assert [one.number for one in rig.known().set_aside] == [placed]


def test_shop_that_fails_over_everything_sets_nothing_aside(rig):
    rig.sell_many(40)
    rig.served.rest.sickness.page = (500, [("Content-Type", "text/html")], b"<html>critical error</html>")

    report, count = requests_of(rig, rig.poll)

    assert "HTTP 500" in report.interruption
    assert (rig.known().set_aside, rig.cursor()) == ((), None)
    assert count < 15


def test_order_that_is_set_aside_and_checked_by_hand_is_taken_back(rig):
    placed = rig.sell_many(3)
    rig.served.rest.sickness.broken = {placed[1]}
    rig.poll()
    rig.served.rest.sickness.broken = set()

    rig.later()
    reconcile.check_order(rig.database.transaction, rig.shops, rig.store, placed[1], now=rig.now)

    assert rig.known().set_aside == ()
    assert rig.balances() == {2: 3 * PRICE}


def test_order_that_breaks_the_sweep_is_set_aside_and_the_rest_is_swept(rig):
    placed = rig.sell_many(25)
    rig.poll()
    rig.shop.force_delete(placed[-1])
    rig.served.rest.sickness.broken = {placed[4]}
    rig.later(DAY)

    _, is_through = rig.run_full_scan()

    assert is_through
    assert rig.balances() == {2: 24 * PRICE}
    assert [one.number for one in rig.known().set_aside] == [placed[4]]


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
def test_counts_that_lie_are_named_or_not_needed(rig, totals, pages, is_read, seconds):
    rig.sell_many(35, seconds=seconds)
    sickness = rig.served.rest.sickness
    sickness.totals, sickness.pages = totals, pages

    report, count = requests_of(rig, rig.poll)

    assert count < 60
    if is_read:
        assert rig.balances() == {2: 35 * PRICE}
    else:
        assert report.interruption or rig.balances() == {2: 35 * PRICE}
    sickness.totals = sickness.pages = None
    assert rig.poll().is_clean
    assert rig.balances() == {2: 35 * PRICE}


def test_list_without_an_end_ends_with_the_budget(rig):
    rig.sell_many(35)
    rig.served.rest.sickness.is_endless = True

    report, count = requests_of(rig, lambda: rig.poll(requests=30, seconds=20))

    assert report.interruption
    assert count <= 30


def test_time_and_requests_of_a_run_are_bounded_and_the_next_run_goes_on(rig):
    rig.sell_many(60, seconds=20)

    report, count = requests_of(rig, lambda: rig.poll(requests=6, seconds=60))
    assert "used up its requests or its time" in report.interruption
    assert (count, rig.known().stopped["poll"].code) == (6, "shop_budget_spent")
    rig.served.rest.sickness.seconds = 0.2
    report = rig.poll(seconds=0.5)
    assert "used up its requests or its time" in report.interruption
    rig.served.rest.sickness.seconds = 0

    assert rig.poll().is_clean
    assert rig.balances() == {2: 60 * PRICE}


@pytest.mark.parametrize(
    "noise", [(b"<br />\n<b>Notice</b>: x[0] in y.php<br />\n", b""), (b"\xef\xbb\xbf\n", b"<!-- z -->")]
)
def test_noise_around_every_answer_keeps_nothing_from_being_read(rig, noise):
    rig.served.rest.sickness.before, rig.served.rest.sickness.after = noise
    rig.sell_many(25)

    assert rig.poll().is_clean
    assert rig.balances() == {2: 25 * PRICE}


@pytest.mark.parametrize(
    ("root", "link", "redirects"),
    [("/?rest_route=/", "", True), ("/?rest_route=/", "", False), ("/api/", "/api/", False)],
)
def test_root_that_works_is_remembered_between_runs(rig, root, link, redirects):
    sickness = rig.served.rest.sickness
    sickness.root, sickness.home_link, sickness.redirects = root, link, redirects
    rig.sell_many(3)

    assert rig.poll().is_clean
    assert rig.known().access.root == root
    rig.later(900)
    _, count = requests_of(rig, rig.poll)

    assert count == 2
    assert rig.balances() == {2: 3 * PRICE}


def set_aside_of(rig):
    """What is set aside, as kind and number."""
    return [(one.kind, one.number) for one in rig.known().set_aside]


def test_order_whose_refunds_fail_for_an_hour_is_set_aside_and_reading_goes_on(rig):
    rig.sell(3)
    refunded = rig.sell()
    rig.shop.refund_amount(refunded, "2.00")
    rig.later()
    rig.served.faults.add(Kind.ERROR_PAGE, path=f"orders/{refunded}/refunds", times=None)
    for _ in range(3):
        rig.poll()
        rig.later(900)
    assert rig.cursor() is None
    assert Code.UNAPPLIED in rig.faults()

    rig.later(3600)
    rig.sell(4)
    rig.poll()

    assert rig.cursor() is not None
    assert set_aside_of(rig) == [("failing order", refunded), ("order", refunded)] or set_aside_of(rig) == [
        ("order", refunded)
    ]
    assert Code.SET_ASIDE in rig.faults()
    rig.later(900)
    _, count = requests_of(rig, rig.poll)
    assert count <= 3
    assert Code.UNAPPLIED not in rig.faults()
    rig.served.faults.clear()
    rig.later(DAY)
    rig.run_full_scan()
    assert rig.balances() == {2: 80_000, 3: PRICE, 4: PRICE}
    assert set_aside_of(rig) == []


def test_product_the_shop_fails_over_is_set_aside_and_the_others_are_imported(rig):
    broken = sorted(rig.shop.products)[1]
    rig.served.rest.sickness.broken = {broken}
    with rig.reading() as reading:
        imported = product_import.import_products(reading, now=rig.now)

    assert imported.products == 5
    assert set_aside_of(rig) == [("product", broken)]
    assert Code.SET_ASIDE in rig.faults()
    rig.served.rest.sickness.broken = set()
    rig.later(DAY)
    rig.run_full_scan()
    assert set_aside_of(rig) == []


def test_customer_the_shop_fails_over_keeps_no_other_from_being_learnt(rig):
    with rig.reading() as reading:
        rig.served.rest.sickness.broken = {3}
        found = reading.shop.list_customers([2, 3, 4])

    assert [customer["id"] for customer in found] == [2, 4]
