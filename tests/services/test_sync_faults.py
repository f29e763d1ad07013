"""A shop that fails while it is read: nothing is lost or doubled, and the cursor passes only applied orders."""

from __future__ import annotations

import logging

import pytest

from bridge.services.shop import reconcile
from fakeshop.rest.faults import Kind
from tests.support import ledger_sql
from tests.support.connected_shop import open_connected_shop

pytestmark = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
"""The values read from a shop do not depend on the database engine."""

FAULTS = [
    pytest.param(Kind.UNAUTHORIZED, {}, "HTTP 401", id="401"),
    pytest.param(Kind.NOT_FOUND, {}, "no WooCommerce REST API at this address", id="404"),
    pytest.param(Kind.TOO_MANY, {"seconds": 3600}, "limits the number", id="429 for an hour"),
    pytest.param(Kind.ERROR_PAGE, {}, "HTTP 500", id="500 with HTML"),
    pytest.param(Kind.TRUNCATED, {}, "incomplete", id="truncated JSON"),
    pytest.param(Kind.SILENCE, {"seconds": 70}, "did not respond within", id="70 s of silence"),
    pytest.param(Kind.REDIRECT, {}, "redirects to", id="redirect elsewhere"),
    pytest.param(
        Kind.REDIRECT, {"location": "https://127.0.0.1/"}, "connect 127.0.0.1 with its https", id="http to https"
    ),
]


@pytest.fixture
def connected_shop(app, caplog):
    """Return a connected shop that is read in pages of five with a timeout of two fifths of a second."""
    caplog.set_level(logging.CRITICAL)
    with open_connected_shop(app, page=5, patience_seconds=0.4) as connected_shop:
        yield connected_shop.connect()


def assert_cursor_passed_no_order_that_was_not_applied(connected_shop):
    """Check that the changes up to there are stored as the shop has them."""
    known = {
        row["number"]: row["status"]
        for row in ledger_sql.rows(connected_shop.database, "select number, status from orders")
    }
    cursor = connected_shop.cursor()
    behind = [
        order for order in connected_shop.shop.orders.values() if cursor is not None and order.modified_at <= cursor
    ]
    assert all(known.get(order.id) == order.status for order in behind)


@pytest.mark.parametrize(("kind", "more", "sentence"), FAULTS)
def test_shop_that_fails_half_way_loses_and_doubles_nothing(connected_shop, kind, more, sentence):
    """At the second page of changes, at the count that proves one, at a product that orders leave open."""
    sold = 0
    for product, tokens, place in ((10, 100_000, "orderby=modified"), (16, 10_000, "orderby=id"), (12, 50_000, "")):
        connected_shop.later(3600)
        connected_shop.sell_many(6, product=product)
        reached, sold = connected_shop.cursor(), sold + 6 * tokens
        connected_shop.served.faults.add(kind, path=place or "products/12", times=None, **more)

        broken = connected_shop.poll()

        assert not broken.is_clean
        assert sentence in f"{broken.interruption} {broken.failures}"
        assert_cursor_passed_no_order_that_was_not_applied(connected_shop)
        assert reached is None or connected_shop.cursor() >= reached
        connected_shop.served.faults.clear()
        assert connected_shop.poll().is_clean
        assert_cursor_passed_no_order_that_was_not_applied(connected_shop)
        assert connected_shop.balances() == {2: sold}
        assert connected_shop.poll().changed == 0


@pytest.mark.parametrize(("kind", "more", "_sentence"), FAULTS)
def test_order_whose_refunds_cannot_be_read_keeps_the_cursor_and_none_before_it(connected_shop, kind, more, _sentence):
    """Orders read before the shop failed are applied; where it fails for one order alone, all others are."""
    connected_shop.sell(3)
    refunded = connected_shop.sell()
    connected_shop.shop.refund_amount(refunded, "2.00")
    connected_shop.later()
    connected_shop.sell(4)
    connected_shop.served.faults.add(kind, path=f"orders/{refunded}/refunds", times=None, **more)

    report = connected_shop.poll()

    assert not report.is_clean
    assert connected_shop.cursor() is None
    is_its_own = kind in {Kind.NOT_FOUND, Kind.ERROR_PAGE, Kind.TRUNCATED}
    assert connected_shop.balances() == {3: 100_000} | ({4: 100_000} if is_its_own else {})
    connected_shop.served.faults.clear()
    assert connected_shop.poll().is_clean
    assert connected_shop.balances() == {2: 80_000, 3: 100_000, 4: 100_000}


def test_faults_that_pass_are_waited_out(connected_shop):
    connected_shop.sell()
    connected_shop.served.faults.add(Kind.TOO_MANY, seconds=1, times=2)

    assert connected_shop.poll().is_clean
    assert connected_shop.balances() == {2: 100_000}


def test_page_that_shrinks_while_it_is_paged_hides_no_order(connected_shop):
    """Orders of one second, read by ids: one of the first page is trashed, and one of the second moves into it."""
    placed = connected_shop.sell_many(13, seconds=0)
    trashed = []

    with connected_shop.reading() as reading:
        list_orders = reading.shop.list_orders

        def trash_after_the_first(**asked):
            page = list_orders(**asked)
            if asked["per_page"] == 5 and not trashed:
                trashed.append(page.items[0]["id"])
                connected_shop.later(30)
                connected_shop.shop.trash(trashed[0])
            return page

        reading.shop.list_orders = trash_after_the_first
        report = reconcile.poll(reading, since=None, now=connected_shop.now)

    assert (trashed, report.is_clean) == ([placed[0]], True)
    assert_cursor_passed_no_order_that_was_not_applied(connected_shop)
    assert connected_shop.poll().is_clean
    assert_cursor_passed_no_order_that_was_not_applied(connected_shop)
    assert connected_shop.balances() == {2: 12 * 100_000}


@pytest.mark.parametrize("skew", [-3600, 3600])
def test_clocks_an_hour_apart_hide_no_order(connected_shop, skew):
    """The cursor is in the shop's time; ours only limits it, and a shop an hour ahead waits there."""
    connected_shop.skew = skew
    for _ in range(3):
        connected_shop.sell_many(6, seconds=20)
        assert connected_shop.poll().is_clean
        connected_shop.later(900)

    assert connected_shop.balances() == {2: 18 * 100_000}
