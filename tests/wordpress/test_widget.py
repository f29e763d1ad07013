"""The shortcodes and the block, as each kind of visitor sees them, with the bridge running and away."""

import re
import socket
import time

import pytest
import requests

from tests.support.wordpress import ADMIN
from tests.wordpress.conftest import connect, measured

pytestmark = pytest.mark.xdist_group("wordpress")


WRITING = {"module": "writing", "tokens": 30}


def add_page(site, content, title="Usage"):
    """Add a page and return its path."""
    page = {"post_title": title, "post_content": content, "post_status": "publish", "post_type": "page"}
    return site.run("return parse_url(get_permalink(wp_insert_post($page)), PHP_URL_PATH);", page=page)


@pytest.fixture(scope="module")
def pages(active_site):
    """Return the paths of a page with the shortcode, one with the block, and one with neither."""
    return {
        "shortcode": add_page(active_site, '[token_usage title="My tokens"]'),
        "alias": add_page(active_site, '[aipkit_token_usage chatbot="true" nonsense="1" aiforms="false"]'),
        "block": add_page(active_site, '<!-- wp:token-bridge/usage {"view":"summary"} /-->'),
        "plain": add_page(active_site, "Nothing of ours."),
    }


@pytest.fixture(scope="module", autouse=True)
def users(active_site, bridge):
    """Return the IDs of one user of each role, each with 4,000 tokens and as many as their ID."""
    roles = ("subscriber", "editor", "customer_without_role")
    found = {role: active_site.add_user(f"a_{role}", "" if role.endswith("role") else role) for role in roles}
    for user in found.values():
        bridge.give(user, 4000 + user)
    return found


@pytest.mark.each_wordpress
def test_visitor_gets_a_link_to_sign_in(connected_site, pages):
    answer = connected_site.get(pages["shortcode"])

    assert "Sign in</a> to see your tokens" in answer.text
    assert "wp-login.php?redirect_to=" in answer.text
    assert 'class="token-bridge"' not in answer.text


@pytest.mark.parametrize("role", ["subscriber", "editor", "customer_without_role"])
def test_each_user_sees_their_own_tokens(connected_site, bridge, pages, users, role):
    number = bridge.balance(users[role])

    text = connected_site.get(pages["shortcode"], f"a_{role}").text

    assert f"{number:,}" in text
    others = [f"{bridge.balance(other):,}" for name, other in users.items() if name != role]
    assert not [number for number in others if number in text]


@pytest.mark.each_wordpress
def test_admin_sees_the_widget_of_the_alias_and_the_block(connected_site, pages):
    for name in ("alias", "block"):
        text = connected_site.get(pages[name], ADMIN).text
        assert re.search(r"class=\"[^\"]*\btoken-bridge\b", text), name


def test_a_role_reaches_the_bridge_with_the_widget(connected_site, bridge, pages, users):
    bridge.call("PUT", f"users/{users['editor']}", {"roles": ["subscriber"]})

    connected_site.get(pages["shortcode"], "a_editor")

    assert bridge.call("GET", f"users/{users['editor']}").json()["roles"] == ["editor"]


@pytest.mark.each_wordpress
def test_balance_is_shown_inside_a_line(connected_site, bridge, users):
    path = add_page(connected_site, "You have [token_balance] now.", title="Line")

    text = connected_site.get(path, "a_editor").text

    line = re.search(r"You have (.*?) now\.", text, re.DOTALL)
    assert line, text
    assert f"{bridge.balance(users['editor']):,}" in line.group(1)
    assert re.search(r"You have\s+now\.", connected_site.get(path).text)


def test_attributes_reach_the_widget(connected_site, pages):
    content = (
        '[token_usage title="Mine" intro="So far" purchasehistory="false" buycreditslabel="More" buycreditsurl="/go"]'
    )

    text = connected_site.get(add_page(connected_site, content, title="Attributes"), "a_editor").text

    assert "Mine" in text
    assert "So far" in text
    assert re.search(r'href="/go"[^>]*>\s*More', text)
    assert "Purchases" not in text


def test_visitor_with_use_sees_what_is_free_for_visitors(connected_site, bridge, pages):
    bridge.call("PUT", "limits/chat", {"period": "daily", "rules": {"guest": 50}})
    session = requests.Session()
    session.get(f"{connected_site.url}/?guest_of_the_tests", timeout=30)

    text = session.get(connected_site.url + pages["shortcode"], timeout=30).text

    assert "token-bridge" in text
    assert re.search(r"\b20\b", text)
    assert "wp-login.php" in text


def test_page_is_marked_for_caches(connected_site, pages):
    for name in ("shortcode", "alias", "block"):
        assert "no-store" in connected_site.get(pages[name], "a_editor").headers["Cache-Control"]
    assert "no-store" not in connected_site.get(pages["plain"]).headers.get("Cache-Control", "")


def test_a_page_calls_once_when_cold_and_never_when_warm(connected_site, pages):
    cold = measured(connected_site.get(pages["shortcode"] + "?measure", "a_editor").text)
    warm = measured(connected_site.get(pages["shortcode"] + "?measure", "a_editor").text)

    assert (cold["calls"], warm["calls"]) == (1, 0)


def test_a_page_without_widget_costs_no_query(connected_site, pages):
    with_plugin = measured(connected_site.get(pages["plain"] + "?measure").text)
    connected_site.run("update_option('active_plugins', ['woocommerce/woocommerce.php']);")
    without = measured(connected_site.get(pages["plain"] + "?measure").text)
    connected_site.run(
        "update_option('active_plugins', ['woocommerce/woocommerce.php', 'token-bridge/token-bridge.php']);"
    )

    assert with_plugin == without


def test_an_order_shows_new_numbers_at_once(connected_site, bridge, pages, users):
    user = users["subscriber"]
    connected_site.get(pages["shortcode"], "a_subscriber")
    bridge.give(user, 1_000_000)
    kept = connected_site.get(pages["shortcode"], "a_subscriber").text

    connected_site.run(
        """$order = wp_insert_post(['post_type' => 'shop_order', 'post_status' => 'publish']);
        update_post_meta($order, '_customer_user', $user);
        do_action('woocommerce_order_status_changed', $order, 'processing', 'completed');""",
        user=user,
    )

    expected = f"{bridge.balance(user):,}"
    assert expected not in kept
    assert expected in connected_site.get(pages["shortcode"], "a_subscriber").text


def test_bridge_away_shows_last_numbers_with_their_time(connected_site, bridge, pages, users):
    number = f"{bridge.balance(users['subscriber']):,}"
    assert number in connected_site.get(pages["shortcode"], "a_subscriber").text
    connected_site.run("do_action('token_bridge_balance_changed', $user);", user=users["subscriber"])
    point_to(connected_site, "http://127.0.0.1:1")

    answers = [connected_site.get(pages["shortcode"] + "?measure", "a_subscriber").text for _ in range(2)]

    assert all(number in text and "As of " in text for text in answers)
    assert [measured(text)["calls"] for text in answers] == [1, 0]


def test_bridge_that_hangs_costs_two_seconds_once(connected_site, bridge, pages):
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(8)
        point_to(connected_site, f"http://127.0.0.1:{silent.getsockname()[1]}")
        seconds = []
        for _ in range(2):
            begin = time.monotonic()
            text = connected_site.get(pages["shortcode"], "a_customer_without_role").text
            seconds.append(time.monotonic() - begin)
    assert 2 <= seconds[0] < 3.5
    assert seconds[1] < 1.5
    assert "Reload the page in a minute" in text


def test_without_connection_visitors_see_nothing(active_site, bridge, pages):
    connect(active_site, bridge, access_key="")

    assert "token-bridge" not in re.sub(r"<(link|script|body)[^>]*>", "", active_site.get(pages["shortcode"]).text)
    assert "Only admins see this" in active_site.get(pages["shortcode"], ADMIN).text


def point_to(site, url):
    """Make the site use another bridge."""
    site.run(
        """$values = get_option('token_bridge_connection');
        update_option('token_bridge_connection', ['url' => $url] + $values);""",
        url=url,
    )


@pytest.fixture
def linked_site(active_site, bridge):
    """Return the site, linked to the account of a user elsewhere with 12,345 tokens."""
    bridge.call("PUT", "users/9100", {"email": "elsewhere@example.test"})
    body = {"tokens": 12_345, "reason": "a test"}
    bridge.call("POST", "users/9100/adjustments", body, key="give 9100")
    link = {"url": active_site.url, "name": "Blog", "monthly_cap": 400}
    linked = bridge.call("POST", "users/9100/sites", link, key=f"link {time.time()}").json()
    connect(active_site, bridge, kind="site", access_key=linked["access_key"], site_id=linked["id"])
    return active_site


def test_linked_site_shows_its_account_to_editors_only(linked_site, bridge, pages, users):
    balance = add_page(linked_site, "<p>You have [token_balance] tokens.</p>")

    page = linked_site.get(pages["shortcode"] + "?measure", "a_editor")
    again = linked_site.get(pages["shortcode"] + "?measure", "a_editor")

    card = page.text.partition('<section class="token-bridge-account"')[2].partition("</section>")[0]
    assert "<h2>My tokens</h2>" in card
    assert re.findall(r"<dd>(.*?)</dd>", card) == ["12,345", "0", "400"]
    assert "Buy tokens</a>" in card
    assert "account.css" in page.text
    assert (measured(page.text)["calls"], measured(again.text)["calls"]) == (1, 0)
    assert "12,345</span> tokens" in linked_site.get(balance, "a_editor").text
    for user in ("", "a_subscriber", "a_customer_without_role"):
        text = linked_site.get(pages["shortcode"], user).text + linked_site.get(balance, user).text
        assert "12,345" not in text
        assert "token-bridge-account" not in text

    # A spend of the site is seen at once, and without the bridge the last numbers with their time.
    bridge.call("PUT", "modules/writing", {"label": "Writing"})
    spend = "wp_set_current_user($id); return token_bridge_spend($what)->tokens();"
    spent = linked_site.run(spend, what=WRITING, id=users["editor"])
    assert (spent, "12,315" in linked_site.get(pages["shortcode"], "a_editor").text) == (30, True)
    connection = linked_site.run("return get_option('token_bridge_connection');")
    linked_site.run("update_option('token_bridge_connection', ['url' => 'http://127.0.0.1:1'] + $c);", c=connection)
    linked_site.run("do_action('token_bridge_balance_changed', 1);")
    away = linked_site.get(pages["shortcode"], "a_editor").text
    assert ("12,315" in away, "Newer numbers are not available" in away) == (True, True)
