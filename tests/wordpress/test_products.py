"""The product panel, what it stores, and the stamp on order lines."""

import pytest

from tests.factories import line, order
from tests.support.wordpress import ADMIN

pytestmark = pytest.mark.xdist_group("wordpress")

SAVE = """wp_set_current_user(get_user_by('login', $user)->ID);
    $_POST = wp_slash($form + ['woocommerce_meta_nonce' => $nonce ?: wp_create_nonce('woocommerce_save_data')]);
    WC_Admin_Meta_Boxes::$errors = [];
    $product = wc_get_product($id);
    $kind = $product->is_type('variation') ? 'variation' : 'product';
    do_action("woocommerce_admin_process_{$kind}_object", $product, 0);
    $package = TokenBridge\\Plugin::instance()->services()->packages()->find($product);
    $found = $package ? [$package->tokens, $package->months] : null;
    return ['package' => $found, 'errors' => WC_Admin_Meta_Boxes::$errors];"""


PLAN = {"_is_token_package": "yes", "_tokens_per_month": "600", "_plan_months": "12"}
PANEL = """wp_set_current_user(1); update_option('woocommerce_enable_guest_checkout', 'yes');
    $GLOBALS['post'] = get_post($id); setup_postdata($GLOBALS['post']);
    ob_start(); do_action('woocommerce_product_options_general_product_data'); return ob_get_clean();"""


def add_product(site, parent=0, **meta):
    """Add a product, or a variation of a product, and return its ID."""
    post = {"post_type": "product_variation" if parent else "product", "post_title": "Tokens", "post_status": "publish"}
    return site.run(
        """$id = wp_insert_post($post + ['post_parent' => $parent]);
        foreach ($meta as $key => $value) { update_post_meta($id, $key, $value); }
        return $id;""",
        post=post,
        parent=parent,
        meta=meta or {"_price": "9"},
    )


def save(site, product, user=ADMIN, nonce="", **form):
    """Save the panel of a product, and return the package and the errors."""
    return site.run(SAVE, id=product, user=user, nonce=nonce, form=form, is_admin=True)


@pytest.mark.each_wordpress
def test_panel_stores_a_package(connected_site):
    product = add_product(connected_site)

    saved = save(connected_site, product, _is_token_package="yes", _tokens_granted="5,000")

    assert saved == {"package": [5000, 0], "errors": []}
    meta = connected_site.run(
        "return [get_post_meta($id, '_is_token_package', true), get_post_meta($id, '_tokens_granted', true)];",
        id=product,
    )
    assert meta == ["yes", "5000"]


@pytest.mark.parametrize("typed", ["0", "-5", "1.5", "five", "9" * 20, "1,5"])
def test_unclear_amounts_are_not_stored(connected_site, typed):
    product = add_product(connected_site, _is_token_package="yes", _tokens_granted="700")

    saved = save(connected_site, product, _is_token_package="yes", _tokens_granted=typed)

    assert saved["package"] == [700, 0]
    assert f'"{typed}" is not a whole number' in saved["errors"][0]


def test_package_without_amount_and_half_a_plan_are_reported(connected_site):
    product = add_product(connected_site)

    assert "has no amount of tokens" in save(connected_site, product, _is_token_package="yes")["errors"][0]
    assert "needs both" in save(connected_site, product, _is_token_package="yes", _plan_months="3")["errors"][0]


def test_panel_stores_a_plan_and_unmarks_a_product(connected_site):
    product = add_product(connected_site)

    plan = save(connected_site, product, _is_token_package="yes", _tokens_per_month="2 000", _plan_months="12")
    unmarked = save(connected_site, product, _tokens_per_month="2000", _plan_months="12")

    assert plan == {"package": [2000, 12], "errors": []}
    assert unmarked["package"] is None


def test_variation_has_its_own_amount_or_that_of_its_product(connected_site):
    product = add_product(connected_site, _is_token_package="yes", _tokens_granted="1000", _type="variable")
    variation = add_product(connected_site, parent=product)

    assert save(connected_site, variation, _tokens_granted=[""])["package"] == [1000, 0]
    assert save(connected_site, variation, _tokens_granted=["4.000"])["package"] == [4000, 0]


def test_values_of_ai_power_count_while_ours_are_empty(connected_site):
    product = add_product(connected_site, _aipkit_is_token_package="yes", _aipkit_tokens_amount="500000")

    assert save(connected_site, product)["package"] == [500000, 0]
    assert save(connected_site, product, _is_token_package="yes", _tokens_granted="70")["package"] == [70, 0]


def test_panel_needs_nonce_and_right(connected_site):
    connected_site.add_user("reader", "subscriber")
    product = add_product(connected_site)
    form = {"_is_token_package": "yes", "_tokens_granted": "5"}

    assert save(connected_site, product, user="reader", **form)["package"] is None
    assert save(connected_site, product, nonce="0123456789", **form)["package"] is None


def test_panel_shows_values_prices_and_advice(connected_site, bridge):
    bridge.call("PUT", "operations/image.generation", {"module": "image_generator", "tokens_per_unit": 200})
    product = add_product(connected_site, _is_token_package="yes", _tokens_granted="100000", _virtual="yes")

    panel = connected_site.run(PANEL, id=product, is_admin=True)

    assert 'value="100000"' in panel
    assert "about 500 × image.generation" in panel
    assert "each month" not in panel
    assert "stop at Processing" in panel
    assert "Guests can buy this" in panel


def test_panel_counts_a_plan_by_the_month(connected_site, bridge):
    bridge.call("PUT", "operations/image.generation", {"module": "image_generator", "tokens_per_unit": 200})
    connected_site.run("delete_transient('token_bridge_prices');")
    plan = add_product(connected_site, **PLAN)

    panel = connected_site.run(PANEL, id=plan, is_admin=True)

    assert "about 3 × image.generation" in panel
    assert " · each month, for 12 months<" in panel


def stamp(site, product, **line):
    """Save a new order line of a product and return its stamp."""
    return site.run(
        """$item = new WC_Order_Item_Product(wc_get_product($id), 2);
        foreach ($line as $key => $value) { $item->add_meta_data($key, $value); }
        $item->save();
        update_post_meta($id, '_tokens_granted', '1');
        $item->save();
        return $item->get_meta('_tokens_granted');""",
        id=product,
        line=line or {"size": "L"},
    )


def test_line_gets_the_amount_of_its_moment(connected_site):
    package = add_product(connected_site, _is_token_package="yes", _tokens_granted="15000")
    given = add_product(connected_site, _is_token_package="yes", _tokens_granted="15000")
    mug = add_product(connected_site)
    plan = add_product(connected_site, _is_token_package="yes", _tokens_per_month="10", _plan_months="2")

    assert stamp(connected_site, package) == "15000"
    assert stamp(connected_site, given, _tokens_granted="99") == "99"
    assert stamp(connected_site, mug) == ""
    assert stamp(connected_site, plan) == ""
    assert stamp(connected_site, plan, _tokens_per_month="7", _plan_months="1") == ""


def test_plan_of_the_product_reaches_the_buyer_by_the_stamp_of_its_order(connected_site, bridge):
    plan = add_product(connected_site, **PLAN)
    half = add_product(connected_site, _is_token_package="yes", _tokens_per_month="600", _tokens_granted="5")
    read = """$item = new WC_Order_Item_Product(wc_get_product($id), 1);
        $item->save();
        update_post_meta($id, '_plan_months', '1');
        $item->save();
        return array_map([$item, 'get_meta'], ['_tokens_per_month', '_plan_months', '_tokens_granted']);"""

    assert connected_site.run(read, id=plan) == ["600", "12", ""]
    assert connected_site.run(read, id=half) == ["", "", ""]
    buyer = connected_site.add_user("subscriber_of_a_plan")
    sold = line(product=plan)
    sold["meta_data"] = [{"key": "_tokens_per_month", "value": "600"}, {"key": "_plan_months", "value": "12"}]
    connected_site.run(
        "wc_stand_in_save_order($order);",
        order=order(7001, customer=buyer, lines=[sold], email="plan@example.test"),
    )
    connected_site.run_background()

    assert bridge.call("GET", f"users/{buyer}").json()["plan"]["tokens"] == 600
    cell = connected_site.run(
        """wp_set_current_user(1);
        $order = wc_get_order(7001);
        $order->items = [new WC_Order_Item_Product(wc_get_product($id), 1)];
        $order->items[0]->save();
        ob_start(); do_action('manage_shop_order_posts_custom_column', 'token_bridge_tokens', $order);
        return ob_get_clean();""",
        id=add_product(connected_site, **PLAN),
        is_admin=True,
    )
    assert "600 a month" in cell


@pytest.mark.parametrize(
    ("is_on", "virtual", "needs"), [(True, "yes", False), (True, "no", True), (False, "yes", True)]
)
def test_paid_token_orders_complete_by_setting(connected_site, is_on, virtual, needs):
    product = add_product(connected_site, _is_token_package="yes", _tokens_granted="10", _virtual=virtual)

    found = connected_site.run(
        """TokenBridge\\Plugin::instance()->services()->settings()->change(['complete_token_orders' => $is_on]);
        return apply_filters('woocommerce_order_item_needs_processing', true, wc_get_product($id), 1);""",
        id=product,
        is_on=is_on,
    )

    assert found is needs


def test_packages_are_sent_at_the_first_transfer(connected_site, bridge):
    simple = add_product(connected_site, _is_token_package="yes", _tokens_granted="1234")
    variable = add_product(connected_site, _is_token_package="yes", _tokens_granted="5", _type="variable")
    variation = add_product(connected_site, parent=variable, _tokens_granted="66")
    plan = add_product(connected_site, _is_token_package="yes", _tokens_per_month="50", _plan_months="6")

    connected_site.run("TokenBridge\\Plugin::instance()->services()->transfer()->begin();")
    connected_site.run_background()

    assert bridge.call("GET", f"packages/{simple}").json()["tokens"] == 1234
    assert bridge.call("GET", f"packages/{variable}/{variation}").json()["tokens"] == 66
    sent = bridge.call("GET", f"packages/{plan}").json()
    assert (sent["tokens"], sent["months"], sent["source"]) == (50, 6, "shop")
