"""After buying, the thank-you page leads back to the page from which the buyer came."""

import pytest

from tests.factories import order

pytestmark = pytest.mark.xdist_group("wordpress")

ARRIVE = """WC()->session = new WC_Session_Handler();
    $_GET = wp_slash($given === null ? [] : ['token_bridge_return' => $given]);
    do_action('wp_loaded');"""
BUY = (
    ARRIVE
    + """$number = wc_stand_in_save_order($document);
    do_action($hook, wc_get_order($number), []);
    $cookie = WC()->session->has_cookie;
    $stored = wc_get_order($number)->get_meta('_token_bridge_return');
    add_filter('the_title', fn() => 'Order received');  // As WooCommerce does on its thank-you page.
    ob_start(); do_action('woocommerce_thankyou', $number); $html = ob_get_clean();
    return ['stored' => $stored, 'html' => $html, 'cookie' => $cookie,
        'left' => WC()->session->get('token_bridge_return')];"""
)
IDS = ["none", "empty", "host", "no scheme", "backslash", "path", "script", "data", "list", "long", "login"]
HOOKS = ("woocommerce_checkout_create_order", "woocommerce_store_api_checkout_update_order_from_request")


def buy(site, number, given, hook=HOOKS[0]):
    """Arrive in the shop with an address, buy, and return what is on the order and on the thank-you page."""
    return site.run(BUY, given=given, document=order(number), hook=hook)


@pytest.mark.parametrize("hook", HOOKS)
def test_thank_you_page_leads_back(active_site, hook):
    page = active_site.run(
        "return wp_insert_post($post);",
        post={"post_type": "page", "post_status": "publish", "post_title": "Q&A <b>chat</b>"},
    )
    url = f"{active_site.url}/?page_id={page}&tab=a%20b"

    found = buy(active_site, 8200 + 50 * HOOKS.index(hook), url, hook)

    assert found["stored"] == url
    assert found["cookie"] is True
    assert found["left"] is None
    assert f'href="{url.replace("&", "&#038;")}"' in found["html"]
    assert ">Back to Q&amp;A chat</a>" in found["html"].replace("&#038;", "&amp;")


@pytest.mark.parametrize(
    "given",
    [
        None,
        "",
        "https://elsewhere.example/",
        "//elsewhere.example/page",
        "/\\\\elsewhere.example",
        "/page",
        "javascript:alert(1)",
        "data:text/html,x",
        ["https://elsewhere.example/"],
        "http://127.0.0.1/" + "x" * 2001,
        "http://127.0.0.1@elsewhere.example/",
    ],
    ids=IDS,
)
def test_other_address_is_ignored(active_site, given, request):
    found = buy(active_site, 8520 + IDS.index(request.node.callspec.id), given)

    assert found == {"stored": "", "html": "", "cookie": False, "left": None}


def test_address_that_another_program_wrote_is_checked_again(active_site):
    html = active_site.run(
        """$number = wc_stand_in_save_order($document);
        update_post_meta($number, '_token_bridge_return', 'https://elsewhere.example/');
        ob_start(); do_action('woocommerce_thankyou', $number); return ob_get_clean();""",
        document=order(8600),
    )

    assert html == ""


def test_page_without_title_is_named_by_the_site(active_site):
    found = buy(active_site, 8700, f"{active_site.url}/no-such-page/")

    name = active_site.run("return get_bloginfo('name');")
    assert f">Back to {name}</a>" in found["html"]
