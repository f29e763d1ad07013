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
    """Half of an order of two packages is given back by quantity, for a cent: its pieces and its money disagree."""
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
    # The money counts, as without keys, until the owner decides for the pieces.
    assert 199_000 < rig.balances()[2] < 200_000
    (item,) = rig.client.get("/v1/exceptions", headers=rig.headers).json["items"]
    (review,) = item["reviews"]
    assert (review["kind"], review["choices"]) == ("refund_unclear", ["leave", "pieces"])
    body = {"kind": review["kind"], "subject": review["subject"], "choice": "pieces"}
    rig.client.post(f"/v1/orders/{number}/decisions", json=body, headers=rig.headers)
    assert rig.balances() == {2: 100_000}


def test_shop_without_keys_is_asked_nothing(rig):
    rig.connect(has_keys=False).listen()
    put_package(rig, 10, 100_000)

    refund_a_line(rig)

    assert rig.asked() == []
    assert rig.balances()[2] > 199_000
