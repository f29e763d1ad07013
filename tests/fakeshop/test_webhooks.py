"""The fake shop's webhooks and the effect of their answers: each recorded rule."""

import json

import pytest

from bridge.domain.shop.signatures import is_signed
from fakeshop.model.orders import Item
from tests.fakeshop.manual_shop import RECORDINGS, SECRET, ManualShop

RULES = json.loads((RECORDINGS / "delivery-rules.json").read_text())["answers"]


@pytest.fixture
def manual():
    manual = ManualShop()
    manual.listen()
    return manual


@pytest.fixture
def order(manual):
    """Return a completed order of two packages and a mug, delivered already."""
    order = manual.shop.place_order(2, [(10, 2), (14, 1)], status="completed")
    manual.delivered()
    manual.later()
    return order


@pytest.mark.parametrize("answer", [answer for answer in RULES if answer.isdecimal()])
def test_answers_count_as_recorded(answer):
    """One order, created and updated eight times, the queue run after each, as in the recorded experiment."""
    recorded = RULES[answer]
    manual = ManualShop()
    # The recorded shop's pings followed a redirect to an address that answered 200.
    manual.listener.status = int(answer)
    manual.listener.ping_status = 200 if answer.startswith("3") and answer != "304" else int(answer)
    manual.shop.create_webhook("order.updated", "http://127.0.0.1:8981/x", secret=SECRET)
    order = manual.shop.place_order(2)
    states = []

    for _ in range(9):
        manual.shop.run_queue()
        webhook = manual.shop.webhooks[1]
        states.append([webhook.status, webhook.failures, int(webhook.is_ping_due)])
        manual.shop.save(order.id)

    pings = [sent for sent in manual.shop.deliveries if sent.is_ping]
    assert states == recorded["state_after_each_event"]
    assert len(manual.shop.deliveries) - len(pings) == recorded["deliveries_received"]
    assert len(pings) == recorded["pings_received"]


def test_refused_connection_is_a_failure_without_a_retry(manual, order):
    manual.listener.status = None
    manual.shop.save(order.id)
    manual.delivered()

    assert manual.shop.queue == []
    assert manual.shop.webhooks[2].failures == 1


def test_reactivated_webhook_falls_at_its_next_failure(manual, order):
    manual.listener.status = 500
    for _ in range(7):
        manual.shop.save(order.id)
        manual.delivered()
    assert (manual.shop.webhooks[2].status, manual.shop.webhooks[2].failures) == ("disabled", 6)

    manual.shop.update_webhook(2, status="active")
    manual.shop.save(order.id)
    manual.delivered()

    assert (manual.shop.webhooks[2].status, manual.shop.webhooks[2].failures) == ("disabled", 6)


def test_reactivated_webhook_recovers_at_its_next_success(manual, order):
    manual.shop.webhooks[2].failures = 6
    manual.shop.save(order.id)
    manual.delivered()

    assert manual.shop.webhooks[2].failures == 0


def test_disabled_webhook_loses_what_happens_and_replays_nothing(manual, order):
    manual.shop.update_webhook(2, status="disabled")
    manual.shop.save(order.id)
    manual.shop.update_webhook(2, status="active")

    assert manual.delivered() == []


def test_event_queued_before_a_pause_is_still_delivered(manual, order):
    manual.shop.save(order.id)
    manual.shop.update_webhook(2, status="paused")
    manual.shop.save(order.id)

    assert manual.delivered() == ["order.updated completed"]


@pytest.mark.parametrize(
    ("act", "delivered"),
    [
        (lambda shop, order: shop.save(order.id), ["order.updated completed"]),
        (lambda shop, order: shop.complete(order.id), ["order.updated completed"]),
        (lambda shop, order: shop.reassign(order.id, 3), ["order.updated completed"]),
        (lambda shop, order: shop.edit_quantity(order.id, order.lines[0].id, 5), ["order.updated completed"]),
        (lambda shop, order: shop.set_customer_note(order.id, "hello"), ["order.updated completed"]),
        (lambda shop, order: shop.cancel(order.id), ["order.updated cancelled"]),
        (lambda shop, order: shop.trash(order.id), ["order.deleted"]),
        (lambda shop, order: shop.add_note(order.id, "called back"), []),
        (lambda shop, order: shop.force_delete(order.id), []),
        (
            lambda shop, order: shop.refund_lines(order.id, {order.lines[0].id: 1}),
            ["order.updated completed", "action.woocommerce_order_refunded"],
        ),
        (
            lambda shop, order: shop.refund_rest(order.id),
            ["order.updated refunded", "action.woocommerce_order_refunded"],
        ),
        (
            lambda shop, order: shop.refund_by_status(order.id),
            ["order.updated refunded", "action.woocommerce_order_refunded"],
        ),
        (lambda shop, order: shop.set_role(3, "editor"), ["customer.updated"]),
        (lambda shop, order: shop.set_product_tokens(16, 15_000), ["product.updated publish"]),
        (lambda shop, order: shop.delete_user(2), ["customer.deleted"]),
        (lambda shop, order: shop.delete_user(3), []),
    ],
)
def test_each_change_sends_the_recorded_webhooks(manual, order, act, delivered):
    act(manual.shop, order)

    assert manual.delivered() == delivered


@pytest.mark.parametrize(
    ("options", "delivered"),
    [
        ({"status": "pending"}, ["order.created pending", "order.updated pending"]),
        (
            {"status": "completed"},
            [
                "order.created completed",
                "order.updated completed",
                "customer.updated",
                "action.woocommerce_order_status_completed",
            ],
        ),
        ({"via": "store-api"}, ["order.updated processing", "customer.updated", "order.created processing"]),
        ({"via": "checkout"}, ["order.created processing", "customer.updated", "order.updated processing"]),
        (
            {"via": "store-api", "method": "bacs"},
            ["order.updated on-hold", "customer.updated", "order.created on-hold"],
        ),
        (
            {"via": "store-api", "items": [(12, 1)]},
            [
                "order.updated completed",
                "customer.updated",
                "order.created completed",
                "action.woocommerce_order_status_completed",
            ],
        ),
        (
            {"via": "store-api", "items": [Item(10, price=0)], "customer_id": 0},
            ["order.updated processing", "order.created processing"],
        ),
    ],
)
def test_new_orders_send_the_recorded_webhooks(manual, options, delivered):
    manual.shop.place_order(**{"customer_id": 2, **options})

    assert manual.delivered() == delivered


def test_first_completed_order_makes_a_paying_customer_and_only_that_one(manual):
    for expected in (True, False):
        order = manual.shop.place_order(2, status="processing")
        manual.delivered()
        manual.shop.complete(order.id)

        assert ("customer.updated" in manual.delivered()) is expected


def test_events_of_one_order_melt_and_show_its_last_state(manual):
    order = manual.shop.place_order(0, status="pending")
    for status in ("processing", "completed"):
        manual.later()
        manual.shop.set_status(order.id, status)

    assert manual.delivered() == [
        "order.created completed",
        "order.updated completed",
        "action.woocommerce_order_status_completed",
    ]


def test_completed_then_refunded_before_a_run_never_shows_completed(manual):
    order = manual.shop.place_order(0, status="processing")
    manual.delivered()
    manual.shop.complete(order.id)
    manual.shop.refund_rest(order.id)

    assert manual.delivered() == [
        "order.updated refunded",
        "action.woocommerce_order_status_completed",
        "action.woocommerce_order_refunded",
    ]


def test_restored_order_is_completed_again(manual, order):
    manual.shop.trash(order.id)
    manual.delivered()
    manual.later(60)

    manual.shop.restore(order.id)

    assert manual.delivered() == ["order.restored completed", "action.woocommerce_order_status_completed"]
    assert order.completed_at == order.modified_at == manual.now.replace(microsecond=0)


def test_order_deleted_before_a_run_is_delivered_as_a_signed_error(manual, order):
    manual.shop.save(order.id)
    manual.shop.force_delete(order.id)

    (sent,) = manual.shop.run_queue()

    assert json.loads(sent.body)["code"] == "woocommerce_rest_shop_order_invalid_id"
    assert is_signed(sent.body, sent.header("X-WC-Webhook-Signature"), SECRET)


def test_order_trashed_before_a_run_is_delivered_with_status_trash(manual, order):
    manual.shop.save(order.id)
    manual.shop.trash(order.id)

    assert manual.delivered() == ["order.updated trash", "order.deleted"]


@pytest.mark.parametrize("silent", ["refund", "user"])
def test_silent_changes_move_no_date(manual, order, silent):
    refund = manual.shop.refund_amount(order.id, "1.00")
    manual.delivered()
    moment = order.modified_at
    manual.later(60)

    if silent == "refund":
        manual.shop.delete_refund(order.id, refund.id)
    else:
        manual.shop.delete_user(2)
    delivered = manual.delivered()

    assert delivered == ([] if silent == "refund" else ["customer.deleted"])
    assert order.modified_at == moment
    assert (order.refunds, order.customer_id) == (([], 2) if silent == "refund" else ([refund], 0))


@pytest.mark.parametrize("secret", ["plain", "a&b<c>\"d'e &amp; é", "&lt;&#039;&quot;"])
def test_deliveries_are_signed_as_the_bridge_checks_them(secret):
    manual = ManualShop()
    manual.listen("order.updated", secret=secret)
    manual.shop.place_order(2, note="Ünïcode / “quotes”")

    (sent,) = manual.shop.run_queue()

    assert is_signed(sent.body, sent.header("X-WC-Webhook-Signature"), secret)
    assert not is_signed(sent.body, sent.header("X-WC-Webhook-Signature"), "another")


def test_bulk_completion_delivers_downwards_under_shared_delivery_ids(manual):
    orders = [manual.shop.place_order(0, status="processing") for _ in range(4)]
    manual.delivered()

    manual.shop.bulk_complete([order.id for order in orders])
    sent = [sent for sent in manual.shop.run_queue() if sent.topic == "order.updated"]

    assert [json.loads(one.body)["id"] for one in sent] == [order.id for order in reversed(orders)]
    assert len({one.header("X-WC-Webhook-Delivery-ID") for one in sent}) == 1


def test_duplicates_are_exact():
    manual = ManualShop(duplicates=1.0)
    manual.listen("order.created", "order.updated")
    manual.shop.place_order(2)

    created, *updated = manual.shop.run_queue()

    assert created.topic == "order.created"
    assert len(updated) == 2
    assert updated[0] == updated[1]


def test_demoted_owner_gets_signed_errors_and_a_deleted_one_does_not(manual, order):
    owner = manual.shop.create_user("owner@example.test", roles=("administrator",))
    manual.shop.create_webhook("order.updated", "http://127.0.0.1:8981/owned", secret=SECRET, user_id=owner.id)
    manual.delivered()
    codes = []

    for change in (lambda: manual.shop.set_role(owner.id, "subscriber"), lambda: manual.shop.delete_user(owner.id)):
        change()
        manual.shop.save(order.id)
        sent = [one for one in manual.shop.run_queue() if one.url.endswith("/owned")]
        codes.append(json.loads(sent[0].body).get("code"))

    assert codes == ["woocommerce_rest_cannot_view", None]


def test_new_address_is_pinged_and_a_rename_is_not(manual):
    manual.shop.update_webhook(2, name="renamed")
    manual.shop.update_webhook(2, secret="another")
    manual.shop.update_webhook(2, status="paused")
    manual.shop.update_webhook(2, status="active")
    assert manual.listener.received == []

    manual.shop.update_webhook(2, delivery_url="http://127.0.0.1:8981/moved")

    assert [(url, body) for url, _, body in manual.listener.received] == [
        ("http://127.0.0.1:8981/moved", b"webhook_id=2")
    ]


def test_outage_of_ours_loses_deliveries_without_sending_them(manual, order):
    manual.shop.fail_next(2, status=503)
    for _ in range(3):
        manual.shop.save(order.id)
        manual.delivered()

    assert [sent.status for sent in manual.shop.deliveries[-3:]] == [503, 503, 200]
    assert [sent.is_lost for sent in manual.shop.deliveries[-3:]] == [True, True, False]


def test_refunds_become_full_as_woocommerce_counts(manual):
    """A free line keeps an order from being refunded in full while pieces of it are left."""
    order = manual.shop.place_order(2, [Item(10, 2, price=0)], status="completed")
    line = order.lines[0].id

    assert manual.shop.refund_lines(order.id, {line: 1}).is_full is False
    assert order.status == "completed"
    assert manual.shop.refund_lines(order.id, {line: 1}).is_full is True
    assert order.status == "refunded"
