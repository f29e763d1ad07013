"""Orders read from the shop are compared with the books; the result is stored with its time."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from bridge.clients.woocommerce import documents
from bridge.domain.orders.comparing import Compared, SyncState
from bridge.services.orders import apply, comparisons
from tests.support.connected_shop import DAY, open_connected_shop

one_engine = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)


@pytest.fixture
def connected_shop(app):
    """Return a shop and a service, not connected yet."""
    with open_connected_shop(app) as connected_shop:
        yield connected_shop


def stored(connected_shop, *numbers):
    with connected_shop.database.reading() as connection:
        return comparisons.find(connection, connected_shop.store.id, numbers)


def result(connected_shop, number):
    """Return the state of an order, and its differences as the value, the shop's, and the books'."""
    found = stored(connected_shop, number)[number]
    return found.state, [(each.value, each.shop, each.stored) for each in found.differences]


def test_orders_of_every_kind_are_in_sync_once_read(connected_shop):
    shop = connected_shop.connect().shop
    sold = [connected_shop.sell() for _ in range(8)]
    shop.refund_lines(sold[0], {shop.orders[sold[0]].lines[0].id: 1})
    shop.refund_amount(sold[1], "2.50")
    shop.edit_quantity(sold[2], shop.orders[sold[2]].lines[0].id, 3)
    shop.cancel(sold[3])
    shop.set_status(sold[4], "on-hold")
    shop.trash(sold[5])
    shop.reassign(sold[6], 3)
    plain = shop.place_order(2, [(14, 1)], status="completed").id
    pending = shop.place_order(2, [(10, 1)], status="pending").id
    connected_shop.poll()
    connected_shop.later(DAY)
    connected_shop.run_full_scan()

    found = stored(connected_shop, *sold, plain, pending)

    assert {number: each.differences for number, each in found.items() if each.state is not SyncState.IN_SYNC} == {}
    assert set(sold) - {sold[5]} <= found.keys()


def test_order_that_waits_for_its_buyer_is_a_warning_with_its_tokens(connected_shop):
    shop = connected_shop.connect().shop
    guest = shop.place_order(0, [(10, 1)], status="completed", email="nobody@example.test").id
    connected_shop.poll()

    assert result(connected_shop, guest) == (SyncState.WARNING, [(Compared.TOKENS, "100000", "0")])
    with connected_shop.database.reading() as connection:
        assert comparisons.count(connection, connected_shop.store.id) == {SyncState.MISMATCH: 0, SyncState.WARNING: 1}
        (listed,) = comparisons.list_differing(connection, connected_shop.store.id, before=None, limit=10)
    assert (listed.number, listed.comparison.state) == (guest, SyncState.WARNING)


def test_change_after_the_comparison_makes_it_outdated_until_the_next_one(connected_shop):
    shop = connected_shop.connect().listen().shop
    number = connected_shop.sell()
    connected_shop.poll()
    compared_at = stored(connected_shop, number)[number].compared_at
    connected_shop.later(60)
    shop.refund_amount(number, "2.50")
    shop.run_queue()

    outdated = stored(connected_shop, number)[number]
    assert (outdated.state, outdated.compared_at) == (None, compared_at)
    connected_shop.poll()
    again = stored(connected_shop, number)[number]
    assert again.state is SyncState.IN_SYNC
    assert again.compared_at > compared_at


@one_engine
def test_deleted_order_is_in_sync_once_its_tokens_are_removed(connected_shop):
    number = connected_shop.connect().sell()
    connected_shop.poll()
    connected_shop.shop.force_delete(number)
    connected_shop.later(DAY)

    connected_shop.run_full_scan()

    assert connected_shop.balances() == {2: 0}
    assert result(connected_shop, number) == (SyncState.IN_SYNC, [])


@one_engine
def test_values_that_differ_are_named_and_tokens_make_a_mismatch(connected_shop):
    """A document is compared with a state that did not take it over, which merging does not leave behind."""
    connected_shop.connect().sell()
    number = connected_shop.sell()
    connected_shop.poll()
    with connected_shop.reading() as reading:
        document = reading.shop.get_order(number)
    order = replace(documents.read_order(document), requested_at=connected_shop.now)
    changed = replace(
        order,
        status="processing",
        total=Decimal("30.00"),
        customer_id=3,
        lines=(replace(order.lines[0], quantity=3),),
    )
    store, now = connected_shop.store, connected_shop.now

    def note(read):
        with connected_shop.database.transaction() as connection:
            settled = apply.apply_order(connection, store, order, received_at=now, now=now)
            comparisons.note(connection, store, [(read, settled)], now=now)

    note(changed)
    assert result(connected_shop, number) == (
        SyncState.MISMATCH,
        [
            (Compared.TOKENS, "300000", "100000"),
            (Compared.STATUS, "processing", "completed"),
            (Compared.CUSTOMER, "3", "2"),
            (Compared.TOTAL, "30.00", "10.00"),
            (Compared.QUANTITY, "3", "1"),
        ],
    )
    note(replace(order, total=Decimal("10.5")))
    assert result(connected_shop, number) == (SyncState.WARNING, [(Compared.TOTAL, "10.5", "10.00")])
    note(replace(order, status="cancelled"))
    assert result(connected_shop, number)[0] is SyncState.MISMATCH
    note(replace(order, customer_id=None, total=None, refunded=None, lines=None))
    assert result(connected_shop, number) == (SyncState.IN_SYNC, [])
    note(order)
    assert result(connected_shop, number) == (SyncState.IN_SYNC, [])
