"""Deliveries that leave a question read the shop before they are processed, if the shop gave keys."""

from __future__ import annotations

import pytest

from tests.factories import put_package
from tests.support.connected_shop import open_connected_shop


@pytest.fixture
def connected_shop(app):
    """Return a shop and a service, not connected yet."""
    with open_connected_shop(app) as connected_shop:
        yield connected_shop


def refund_a_line(connected_shop):
    """Refund half of an order of two packages by quantity, for a cent: its pieces and its money disagree."""
    number = connected_shop.shop.place_order(2, [(10, 2)], status="completed").id
    connected_shop.shop.run_queue()
    connected_shop.asked()
    connected_shop.later()
    (line,) = connected_shop.shop.orders[number].lines
    connected_shop.shop.refund_lines(number, {line.id: 1}, amounts={line.id: "0.01"})
    connected_shop.shop.run_queue()
    return number


def test_shop_with_keys_is_asked_for_the_lines_of_a_refund_at_once(connected_shop):
    connected_shop.connect().listen()

    number = refund_a_line(connected_shop)

    assert f"GET orders/{number}/refunds" in connected_shop.asked()
    # The money counts, as without keys, until the owner decides for the pieces.
    assert 199_000 < connected_shop.balances()[2] < 200_000
    (item,) = connected_shop.client.get("/v1/exceptions", headers=connected_shop.headers).json["items"]
    (review,) = item["reviews"]
    assert (review["kind"], review["choices"]) == ("refund_unclear", ["leave", "pieces"])
    body = {"kind": review["kind"], "subject": review["subject"], "choice": "pieces"}
    connected_shop.client.post(f"/v1/orders/{number}/decisions", json=body, headers=connected_shop.headers)
    assert connected_shop.balances() == {2: 100_000}


def test_shop_without_keys_is_asked_nothing(connected_shop):
    connected_shop.connect(has_keys=False).listen()
    put_package(connected_shop, 10, 100_000)

    refund_a_line(connected_shop)

    assert connected_shop.asked() == []
    assert connected_shop.balances()[2] > 199_000


@pytest.mark.parametrize("has_keys", [True, False], ids=["keys", "no keys"])
@pytest.mark.parametrize(
    ("money", "tokens", "kinds"),
    [
        ("10.00", 100_000, []),
        ("2.00", 180_000, ["refund_unclear"]),
        ("0.00", 200_000, ["refund_unclear"]),
        ("15.00", 50_000, ["refund_unclear"]),
    ],
)
def test_money_of_a_refunded_piece_counts_with_and_without_keys(connected_shop, has_keys, money, tokens, kinds):
    """One of two pieces for 10.00 each is refunded; without keys its lines are unknown, so it is a review item."""
    connected_shop.connect(has_keys=has_keys).listen()
    put_package(connected_shop, 10, 100_000)
    number = connected_shop.shop.place_order(2, [(10, 2)], status="completed").id
    connected_shop.shop.run_queue()
    connected_shop.later()
    (line,) = connected_shop.shop.orders[number].lines

    connected_shop.shop.refund_lines(number, {line.id: 1}, amounts={line.id: money})
    connected_shop.shop.run_queue()

    assert connected_shop.balances() == {2: tokens}
    listed = connected_shop.client.get("/v1/exceptions", headers=connected_shop.headers).json["items"]
    asked = [review["kind"] for item in listed for review in item["reviews"]]
    assert asked == (kinds if has_keys else ["unread_refunds"])
