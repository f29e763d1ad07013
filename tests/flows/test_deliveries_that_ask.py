"""A delivery that leaves something open asks the shop before it is processed, where the shop gave keys."""

from __future__ import annotations

import pytest

from tests.factories import put_package
from tests.support.reading import open_rig


@pytest.fixture
def rig(app):
    """A shop and a bridge, not connected yet."""
    with open_rig(app) as rig:
        yield rig


def refund_a_line(rig):
    """Half of an order of two packages is given back by quantity, for a cent: only its line tells how much that is."""
    number = rig.shop.place_order(2, [(10, 2)], status="completed").id
    rig.shop.run_queue()
    rig.asked()
    rig.later()
    (line,) = rig.shop.orders[number].lines
    rig.shop.refund_lines(number, {line.id: 1}, amounts={line.id: "0.01"})
    rig.shop.run_queue()
    return number


def test_shop_with_keys_is_asked_for_the_lines_of_a_refund_at_once(rig):
    rig.connect().listen()

    number = refund_a_line(rig)

    assert f"GET orders/{number}/refunds" in rig.asked()
    assert rig.balances() == {2: 100_000}


def test_shop_without_keys_is_asked_nothing(rig):
    rig.connect(has_keys=False).listen()
    put_package(rig, 10, 100_000)

    refund_a_line(rig)

    assert rig.asked() == []
    assert rig.balances()[2] > 199_000
