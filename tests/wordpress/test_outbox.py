"""Changes of orders and users reach the bridge, also when it was away."""

import pytest

from tests.factories import line, order
from tests.wordpress.conftest import connect

pytestmark = pytest.mark.xdist_group("wordpress")

AWAY = "http://127.0.0.1:1"


@pytest.fixture(autouse=True)
def _empty_outbox(active_site):
    """Begin without waiting rows."""
    active_site.run("TokenBridge\\Plugin::instance()->services()->outbox()->clear();")


def save_orders(site, documents):
    """Save orders in the shop."""
    site.run("foreach ($orders as $order) { wc_stand_in_save_order($order); }", orders=documents)


def waiting(site):
    """Return the topics and subjects of the outbox."""
    return site.run(
        """global $wpdb;
        return $wpdb->get_col("SELECT CONCAT(topic, ' ', subject) FROM {$wpdb->prefix}token_bridge_outbox");"""
    )


def retry_now(site):
    """Let the pause after an outage pass."""
    site.run(
        """global $wpdb;
        wp_unschedule_hook('token_bridge_send');
        wp_schedule_single_event(time() - 1, 'token_bridge_send', [uniqid()]);"""
    )
    site.run_background()


def sold(number, customer, tokens, **more):
    """Return a completed order of tokens."""
    return order(number, customer=customer, lines=[line(stamped=str(tokens))], email=f"{customer}@example.test", **more)


@pytest.mark.each_wordpress
def test_an_order_is_delivered_and_granted(connected_site, bridge):
    buyer = connected_site.add_user("outbox_buyer")

    save_orders(connected_site, [sold(5001, buyer, 700)])
    assert f"order.updated {5001}" in waiting(connected_site)
    connected_site.run_background()

    assert bridge.balance(buyer) == 700
    assert waiting(connected_site) == []


@pytest.fixture
def without_webhooks(active_site):
    """Let the plugin alone deliver."""
    change = "TokenBridge\\Plugin::instance()->services()->settings()->change($to);"
    active_site.run(change, to={"without_webhooks": True, "retry_deliveries": False})
    yield
    active_site.run(change, to={"without_webhooks": False, "retry_deliveries": True})


def test_two_hundred_orders_of_an_outage_are_all_applied(connected_site, bridge, without_webhooks):
    """The store has no REST keys, so nothing can be read back."""
    buyer = connected_site.add_user("patient_buyer")
    connect(connected_site, bridge, url=AWAY, webhook_url=f"{AWAY}/webhooks/woocommerce/shop")
    save_orders(connected_site, [sold(number, buyer, 10, status="processing") for number in range(6000, 6200)])
    retry_now(connected_site)
    save_orders(connected_site, [sold(number, buyer, 10, at=60) for number in range(6000, 6200)])
    retry_now(connected_site)
    assert len([row for row in waiting(connected_site) if row.startswith("order.updated")]) == 200

    connect(connected_site, bridge)
    retry_now(connected_site)

    assert bridge.balance(buyer) == 2000
    assert waiting(connected_site) == []


def test_deleted_orders_and_refunds_are_reported(connected_site, bridge):
    buyer = connected_site.add_user("returning_buyer")
    save_orders(connected_site, [sold(6301, buyer, 50), sold(6302, buyer, 30)])
    connected_site.run_background()

    connected_site.run("wp_trash_post(6301);")
    assert waiting(connected_site) == ["order.deleted 6301"]
    connected_site.run_background()
    connected_site.run("do_action('woocommerce_refund_deleted', 9, 6302);")

    assert waiting(connected_site) == ["order.updated 6302"]
    assert bridge.balance(buyer) == 30


def test_a_change_during_a_delivery_is_sent_once_more(connected_site):
    left = connected_site.run(
        """$outbox = TokenBridge\\Plugin::instance()->services()->outbox();
        $outbox->add('order.updated', '77');
        [$row] = $outbox->due(10);
        $outbox->add('order.updated', '77');
        $outbox->remove($row);
        return $outbox->count();"""
    )

    assert left == 1


def test_profiles_and_roles_of_users_follow(connected_site, bridge):
    user = connected_site.add_user("promoted")
    connected_site.run_background()
    assert bridge.call("GET", f"users/{user}").json()["roles"] == ["subscriber"]

    connected_site.run(
        "(new WP_User($id))->add_role('editor'); wp_update_user(['ID' => $id, 'display_name' => 'New name']);", id=user
    )
    connected_site.run_background()

    profile = bridge.call("GET", f"users/{user}").json()
    assert (profile["roles"], profile["name"]) == (["subscriber", "editor"], "New name")


def test_a_deleted_user_is_erased(connected_site, bridge):
    user = connected_site.add_user("leaver")
    connected_site.run_background()

    connected_site.run("require_once ABSPATH . 'wp-admin/includes/user.php'; wp_delete_user($id);", id=user)
    connected_site.run_background()

    assert bridge.call("GET", f"users/{user}").json().get("email") in (None, "")


def test_a_capture_without_answer_is_repeated_until_it_counts(connected_site, bridge):
    user = connected_site.add_user("interrupted")
    bridge.give(user, 100)
    hold = connected_site.run(
        "return token_bridge_hold(['module' => 'chat', 'tokens' => 60], ['user_id' => $id])->id();", id=user
    )
    connect(connected_site, bridge, url=AWAY)
    unknown = connected_site.run(
        """$spend = token_bridge_capture($hold, ['tokens' => 40], ['user_id' => $id]);
        return [$spend->is_ok(), $spend->is_unknown()];""",
        hold=hold,
        id=user,
    )

    connect(connected_site, bridge)
    retry_now(connected_site)

    assert unknown == [False, True]
    assert bridge.balance(user) == 60
