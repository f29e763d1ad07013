"""Tests of random histories: reproducible by seed, varied, and with the expected grants."""

import collections

import pytest

from fakeshop.model.orders import Coupon, Item
from fakeshop.model.random_buyers import Buyers, Calendar
from fakeshop.model.shop import FakeShop
from fakeshop.webhooks.http_client import send_into
from tests.fakeshop.manual_shop import TOPICS, ManualShop
from tests.histories.expected_grants import expected_grants, expected_parked
from tests.histories.history_state import HistoryState
from tests.histories.random_history import MOVES, play, random_history
from tests.support.seeds import FRESH, resolve


def live(seed, steps, **options):
    """Play a whole history; return its shop and its lines."""
    manual = ManualShop(seed=seed, duplicates=0.1)
    manual.listen(*TOPICS)
    history = HistoryState(manual.shop, manual.later)
    lines = [play(history, step) for step in random_history(seed, steps=steps, **options)]
    return manual, lines


@pytest.fixture
def shop():
    return ManualShop().shop


def test_history_is_the_same_for_its_seed():
    (first, lines), (second, again) = live(5, 150), live(5, 150)

    assert lines == again
    assert expected_grants(first.shop) == expected_grants(second.shop)
    assert [sent.body for sent in first.shop.deliveries] == [sent.body for sent in second.shop.deliveries]
    assert lines != live(6, 150)[1]


def test_steps_are_lines_and_can_be_left_out():
    _, lines = live(5, 60)
    _, fewer = live(5, 60, without={"outage", "delete_user"})

    assert not any("\n" in line for line in lines)
    assert [line.split(":")[0] for line in fewer] == [
        line.split(":")[0] for line in lines if " outage " not in line and " delete_user " not in line
    ]


def test_histories_do_everything_a_shop_can_do():
    done, statuses, refunded = collections.Counter(), collections.Counter(), 0
    for seed in range(12):
        manual, lines = live(seed, 150)
        done.update(line.split()[1] for line in lines if "nothing fits" not in line and "refuses" not in line)
        statuses.update(order.status for order in manual.shop.orders.values())
        refunded += sum(bool(order.refunds) for order in manual.shop.orders.values() if order.status == "completed")

    assert set(done) == {*MOVES, "introduce"}
    assert {"completed", "cancelled", "refunded", "trash", "processing"} <= set(statuses)
    assert refunded


@pytest.mark.parametrize("seed", [*range(6), FRESH])
def test_nothing_in_a_history_makes_a_decided_order_undecided(seed):
    """Such an order would otherwise depend on what was delivered before."""
    manual, _ = live(resolve(seed), 120)

    assert all(order.last_decided is None for order in manual.shop.orders.values())


def test_completed_packages_count_by_piece_and_the_rest_does_not(shop):
    shop.place_order(2, [(10, 2), (14, 3), (13, 1), (11, 1), (16, 1), Item(12, 2, stamped=5)], status="completed")
    shop.place_order(2, [(10, 1)], status="processing")

    assert expected_grants(shop) == {2: 200_000 + 250_000 + 25_000 + 10_000 + 10}


def test_coupon_and_gift_bring_all_their_tokens(shop):
    shop.place_order(2, [(10, 1), Item(12, price=0)], status="completed", coupon=Coupon("free100", 100))

    assert expected_grants(shop) == {2: 150_000}


@pytest.mark.parametrize(
    ("refund", "left"),
    [
        (lambda shop, order: shop.refund_lines(order.id, {order.lines[0].id: 1}), 200_000),
        (
            lambda shop, order: shop.refund_lines(order.id, {order.lines[0].id: 1}, amounts={order.lines[0].id: "0"}),
            300_000,
        ),
        # Half the line's money: half of all its tokens.
        (lambda shop, order: shop.refund_amount(order.id, "15.00", line_id=order.lines[0].id), 150_000),
        # A third of the line's money, in tokens rounded down.
        (lambda shop, order: shop.refund_amount(order.id, "10.01", line_id=order.lines[0].id), 300_000 - 100_100),
        # The mug's money, tax included, is the mug's alone.
        (lambda shop, order: shop.refund_lines(order.id, {order.lines[1].id: 1}), 300_000),
        # Tied to no line: its share of 43.36.
        (lambda shop, order: shop.refund_amount(order.id, "1.00"), 300_000 - int(300_000 * 100 / 4336)),
        (lambda shop, order: shop.refund_rest(order.id), 0),
        (lambda shop, order: shop.refund_by_status(order.id), 0),
    ],
    ids=["piece", "piece-for-nothing", "half-a-line", "third-of-a-line", "mug", "loose", "rest", "by-status"],
)
def test_refunds_take_back_what_they_name(shop, refund, left):
    order = shop.place_order(2, [(10, 3), (14, 1)], status="completed")

    refund(shop, order)

    assert expected_grants(shop).get(2, 0) == left


def test_deleted_refund_gives_back_what_it_took(shop):
    order = shop.place_order(2, [(10, 2)], status="completed")
    refund = shop.refund_lines(order.id, {order.lines[0].id: 1})

    shop.delete_refund(order.id, refund.id)

    assert expected_grants(shop) == {2: 200_000}


@pytest.mark.parametrize(
    ("act", "grants"),
    [
        (lambda shop, order: shop.cancel(order.id), {}),
        (lambda shop, order: shop.trash(order.id), {}),
        (lambda shop, order: shop.force_delete(order.id), {}),
        (lambda shop, order: (shop.trash(order.id), shop.restore(order.id)), {2: 100_000}),
        (lambda shop, order: (shop.refund_rest(order.id), shop.complete(order.id)), {}),
        (lambda shop, order: shop.reassign(order.id, 3), {3: 100_000}),
        (lambda shop, order: shop.delete_user(2), {2: 100_000}),
        (lambda shop, order: shop.edit_quantity(order.id, order.lines[0].id, 3), {2: 300_000}),
        (lambda shop, order: shop.set_product_tokens(10, 7), {2: 100_000}),
        (lambda shop, order: shop.delete_product(10), {2: 100_000}),
        (lambda shop, order: shop.set_status(order.id, "processing"), {2: 100_000}),
        (lambda shop, order: (shop.cancel(order.id), shop.set_status(order.id, "on-hold")), {}),
        (lambda shop, order: (shop.set_status(order.id, "processing"), shop.trash(order.id)), {}),
    ],
    ids=[
        "cancelled",
        "trashed",
        "deleted",
        "restored",
        "refunded-and-completed-again",
        "reassigned",
        "user-deleted",
        "quantity-edited",
        "product-changed",
        "product-deleted",
        "undecided-again",
        "cancelled-then-undecided",
        "undecided-then-trashed",
    ],
)
def test_last_state_decides(shop, act, grants):
    order = shop.place_order(2, [(10, 1)], status="completed")

    act(shop, order)

    assert expected_grants(shop) == grants


def test_guests_orders_wait_for_their_one_user(shop):
    shop.place_order(0, [(10, 1)], email="Guest@Example.test", status="completed")
    assert (expected_grants(shop), expected_parked(shop)) == ({}, {"guest@example.test": 100_000})

    user = shop.create_user("guest@example.test")

    assert (expected_grants(shop), expected_parked(shop)) == ({user.id: 100_000}, {})


def test_shop_can_send_into_an_app_in_process(shop):
    posted = []

    class Client:
        def post(self, path, *, data, headers):
            posted.append((path, data, dict(headers)["Content-Length"]))
            return type("Answer", (), {"status_code": 204})

    shop.send = send_into(Client())
    shop.create_webhook("order.created", "http://bridge.example/webhooks/woocommerce/shop?a=1", secret="s")

    assert posted == [("/webhooks/woocommerce/shop?a=1", b"webhook_id=1", "12")]


def test_buyers_are_the_same_for_their_seed_and_leave_a_shop_with_a_past():
    def live():
        calendar = Calendar()
        shop = FakeShop(7, clock=calendar)
        Buyers(shop, calendar, seed=7).live(days=30, orders=60)
        return shop

    first, second = live(), live()

    assert [order.status for order in first.orders.values()] == [order.status for order in second.orders.values()]
    assert len(first.orders) > 40
    assert {"completed", "cancelled"} <= {order.status for order in first.orders.values()}
    assert any(order.refunds for order in first.orders.values())
    assert expected_parked(first)
    moments = [order.created_at for order in first.orders.values()]
    assert moments == sorted(moments)
    assert (moments[-1] - moments[0]).days > 20
