"""The pages in the admin, the tab in "My account", and the list of orders."""

import re

import pytest

from tests.factories import line, order
from tests.support.wordpress import ADMIN
from tests.wordpress.conftest import connect

pytestmark = pytest.mark.xdist_group("wordpress")

CREDITS = "/wp-admin/admin.php?page=token-bridge-credits"
ACCOUNT = "/wp-admin/admin.php?page=token-bridge-account"


@pytest.fixture(scope="module")
def editor(active_site):
    """Return the name of an editor."""
    active_site.add_user("an_editor", "editor")
    return "an_editor"


def click(site, page, action, user):
    """Send a form of a page, and return the answer without following it."""
    text = site.get(page, user).text
    nonce = re.search(rf'value="token_bridge_{action}">.*?name="_wpnonce" value="([0-9a-f]+)"', text, re.DOTALL)
    assert nonce, text
    form = {"action": f"token_bridge_{action}", "_wpnonce": nonce.group(1)}
    return site.post("/wp-admin/admin-post.php", user, data=form, allow_redirects=False)


def test_credits_opens_the_console_with_the_role_of_wordpress(connected_site, bridge, editor):
    assert "You can change everything there" in connected_site.get(CREDITS, ADMIN).text
    assert "change nothing" in connected_site.get(CREDITS, editor).text

    answer = click(connected_site, CREDITS, "credits", editor)

    assert answer.status_code == 302
    assert answer.headers["Location"].startswith(f"{bridge.url}/")
    assert "pass=" in answer.headers["Location"]


def test_readers_have_no_credits_page(connected_site):
    connected_site.add_user("a_reader")

    assert connected_site.get(CREDITS, "a_reader").status_code == 403
    assert "Account &amp; Tokens" in connected_site.get(ACCOUNT, "a_reader").text


def test_account_shows_panel_and_use_and_hides_the_panel(connected_site, bridge, editor):
    user = connected_site.run("return get_user_by('login', $name)->ID;", name=editor)
    bridge.give(user, 7777)
    connected_site.run("token_bridge_spend(['module' => 'chat', 'tokens' => 77], ['user_id' => $id]);", id=user)

    page = connected_site.get(ACCOUNT, editor).text
    assert "7,700" in page
    assert re.search(r"chat.*?</td><td class=\"token-bridge-number\">77</td>", page)

    click(connected_site, ACCOUNT, "panel", editor)
    assert "7,700" not in connected_site.get(ACCOUNT, editor).text
    click(connected_site, ACCOUNT, "panel", editor)
    assert "7,700" in connected_site.get(ACCOUNT, editor).text


def test_own_account_opens_with_a_pass(connected_site, bridge, editor):
    answer = click(connected_site, ACCOUNT, "portal", editor)

    assert answer.headers["Location"].startswith(f"{bridge.url}/account")


def test_bridge_away_is_explained_and_nothing_is_opened(connected_site, bridge, editor):
    connect(connected_site, bridge, url="http://127.0.0.1:1")

    answer = click(connected_site, CREDITS, "credits", editor)

    assert answer.headers["Location"].endswith("page=token-bridge-credits")
    assert "cannot be reached" in connected_site.get(CREDITS, editor).text


def test_tab_of_my_account_shows_the_widget(connected_site, bridge, editor):
    found = connected_site.run(
        """wp_set_current_user(get_user_by('login', $name)->ID);
        $items = ['orders' => 'Orders', 'customer-logout' => 'Sign out'];
        $items = apply_filters('woocommerce_account_menu_items', $items);
        ob_start();
        do_action('woocommerce_account_tokens_endpoint');
        return [array_keys($items), apply_filters('woocommerce_get_query_vars', []), ob_get_clean()];""",
        name=editor,
    )

    assert found[0] == ["orders", "tokens", "customer-logout"]
    assert found[1] == {"tokens": "tokens"}
    assert "token-bridge" in found[2]
    assert "action=token_bridge_portal" in found[2]


def test_orders_show_their_tokens_and_notes(connected_site):
    number = connected_site.run(
        "return wc_stand_in_save_order($order);", order=order(7001, customer=1, lines=[line(stamped="500")])
    )

    shown = connected_site.run(
        """$cell = function () use ($id) {
            ob_start();
            do_action('manage_woocommerce_page_wc-orders_custom_column', 'token_bridge_tokens', wc_get_order($id));
            return ob_get_clean();
        };
        foreach ([['created', 500, 'e1'], ['created', 500, 'e1'], ['reversed', -200, 'e2']] as $event) {
            do_action('token_bridge_event', "grant.$event[0]", ['order' => $id, 'tokens' => $event[1]], $event[2]);
        }
        return [$cell(), get_post_meta($id, '_note')];""",
        id=number,
        is_admin=True,
    )

    assert shown[0] == "300"
    assert shown[1] == ["Token Bridge: 500 tokens were granted.", "Token Bridge: 200 tokens were reversed."]


def test_ai_page_saves_its_settings_and_shows_limits_by_role(connected_site, bridge):
    bridge.call("PUT", "limits/chat", {"period": "daily", "rules": {"user": 1234, "role:editor": "unlimited"}})
    page = "/wp-admin/admin.php?page=token-bridge-ai"
    text = connected_site.get(page, ADMIN).text
    cells = dict(re.findall(r'<tr><th scope="row">([^<]+)</th><td class="token-bridge-number">([^<]+)</td>', text))
    assert (cells["All users"], cells["Editor"], cells["Author"]) == ("1,234", "unlimited", "1,234")
    assert cells["Visitors without an account"] == "–"

    nonce = re.search(r'value="token_bridge_ai">.*?name="_wpnonce" value="([0-9a-f]+)"', text, re.DOTALL).group(1)
    form = {"action": "token_bridge_ai", "_wpnonce": nonce, "meter_ai_client": "1", "ai_default_output": "-5"}
    lines = {"ai_modules": "writer = chat\nnonsense\n = x", "ai_prices": "text_generation = 1000 / 4000"}
    connected_site.post("/wp-admin/admin-post.php", ADMIN, data={**form, **lines, "ai_when_away": "anything"})

    saved = connected_site.run("return get_option('token_bridge_settings');")
    connected_site.run("update_option('token_bridge_settings', []);")
    assert saved["meter_ai_client"] is True
    assert saved["ai_default_output"] == 0
    assert saved["ai_when_away"] == "refuse"
    assert saved["ai_modules"] == {"writer": "chat"}
    assert saved["ai_prices"] == {"text_generation": "1000 / 4000"}
