"""Connecting the site with a code of the running service, everything that follows from it, and disconnecting."""

import re
import time

import pytest
import requests

from bridge.services.stores import settings as stores
from bridge.web.context import utcnow
from tests.support.wordpress import ADMIN

pytestmark = pytest.mark.xdist_group("wordpress")

SCREEN = "/wp-admin/admin.php?page=token-bridge-connect"
SETTINGS = "/wp-admin/admin.php?page=token-bridge-settings"


@pytest.fixture
def new_site(active_site):
    """Return the site, not connected and at the address of the store."""
    active_site.run(
        """global $wpdb;
        TokenBridge\\Plugin::instance()->services()->connection_option()->clear();
        $wpdb->query("DELETE FROM {$wpdb->prefix}wc_webhooks");
        $wpdb->query("DELETE FROM {$wpdb->prefix}woocommerce_api_keys");
        $wpdb->query("DELETE FROM {$wpdb->options} WHERE option_name LIKE '%transient%token_bridge%'");"""
    )
    return active_site


def submit(site, action, user=ADMIN, page=SCREEN, **fields):
    """Send the form of an action from the Connect screen or another page, and return the page that follows."""
    page = site.get(page, user).text
    form = re.search(rf'value="token_bridge_{action}">.*?name="_wpnonce" value="([0-9a-f]+)"', page, re.DOTALL)
    assert form, page
    values = {"action": f"token_bridge_{action}", "_wpnonce": form.group(1), **fields}
    return site.post("/wp-admin/admin-post.php", user, data=values).text


def wait_until(is_so):
    """Return whether something becomes true within ten seconds."""
    until = time.monotonic() + 10
    while not (found := is_so()) and time.monotonic() < until:
        time.sleep(0.05)
    return bool(found)


def notice(page):
    """Return the text of the notice on a page."""
    return re.search(r'<div class="notice notice-(?:success|error)" role="status"><p>(.*?)</p>', page).group(1)


def checks(page):
    """Return the states of the checklist by name."""
    return {name: state for state, name in re.findall(r'<tr class="is-(\w+)" data-check="(\w+)">', page)}


@pytest.mark.each_wordpress
@pytest.mark.usefixtures("store_at_site")
def test_code_connects_the_site_and_sends_its_users(new_site, bridge, new_code):
    user = new_site.add_user("buyer", "customer_of_shop")
    new_site.run("(new WP_User($id))->set_role('subscriber'); (new WP_User($id))->add_role('author');", id=user)

    page = submit(new_site, "connect", code=f"  {new_code()}\n")

    assert notice(page) == "This site is connected."
    assert checks(page)["access"] == "ok"
    assert checks(page)["webhooks"] == "ok"
    assert checks(page)["transfer"] == "waiting"
    hooks = new_site.run(
        """global $wpdb;
        return $wpdb->get_results("SELECT topic, status, delivery_url, name FROM {$wpdb->prefix}wc_webhooks");"""
    )
    assert len(hooks) == len({hook["topic"] for hook in hooks}) == 10
    assert {(hook["status"], hook["delivery_url"]) for hook in hooks} == {
        ("active", f"{bridge.url}/webhooks/woocommerce/shop")
    }

    # The bridge calls the site after its answer: a site with one PHP process could not answer while it waits.
    new_site.run_background()
    assert wait_until(lambda: bridge.call("GET", "store/health").json()["checked_at"])

    assert bridge.call("GET", f"users/{user}").json()["roles"] == ["subscriber", "author"]
    page = new_site.get(SCREEN, ADMIN).text
    assert checks(page)["transfer"] == "ok"
    assert re.search(r"Users <progress.*?</progress> (\d+) of \1 sent", page)
    assert new_site.run("return get_option('token_bridge_connection')['access_key'];") not in page


@pytest.mark.usefixtures("store_at_site")
def test_plugin_can_deliver_without_webhooks(new_site, new_code, bridge):
    submit(new_site, "connect", code=new_code())
    webhooks = 'global $wpdb; return (int) $wpdb->get_var("SELECT COUNT(*) FROM {$wpdb->prefix}wc_webhooks");'
    key = new_site.run("return get_option('token_bridge_connection')['access_key'];")

    def deliveries():
        headers = {"Authorization": f"Bearer {key}"}
        return requests.get(f"{bridge.url}/v1/store", headers=headers, timeout=30).json()["deliveries"]

    page = submit(new_site, "settings", page=SETTINGS, without_webhooks="1", retry_deliveries="1")
    assert notice(page) == "The settings were saved."
    assert (new_site.run(webhooks), deliveries()) == (0, "plugin")
    submit(new_site, "repair")
    page = new_site.get(SCREEN, ADMIN).text
    assert (checks(page)["webhooks"], new_site.run(webhooks)) == ("ok", 0)

    submit(new_site, "settings", page=SETTINGS, retry_deliveries="1")
    assert (new_site.run(webhooks), deliveries()) == (10, "webhooks")
    # Where the bridge does not agree, nothing is changed: it would create the webhooks again.
    stored = "get_option('token_bridge_connection')"
    new_site.run(f"update_option('token_bridge_connection', ['access_key' => 'tb_old'] + {stored});")
    page = submit(new_site, "settings", page=SETTINGS, without_webhooks="1", retry_deliveries="1")
    assert "was not changed. Token Bridge does not accept the access key" in notice(page)
    assert new_site.run(webhooks) == 10
    new_site.run(f"update_option('token_bridge_connection', ['access_key' => $key] + {stored});", key=key)


@pytest.mark.usefixtures("store_at_site")
def test_owner_decides_about_orders_from_before_the_connection(new_site, new_code, bridge):
    with bridge.parts() as parts, parts.database.transaction() as connection:
        store = stores.get_store(connection, "shop")
        stores.answer_history(connection, store, "ask", actor="test", now=utcnow())

    page = submit(new_site, "connect", code=new_code())
    assert checks(page)["past_orders"] == "warning"
    page = submit(new_site, "past_skip")

    assert "grant no tokens" in notice(page)
    assert "past_orders" not in checks(page)
    with bridge.parts() as parts, parts.database.reading() as connection:
        assert stores.get_store(connection, "shop").history == "skip"
    with bridge.parts() as parts, parts.database.transaction() as connection:
        stores.answer_history(connection, stores.get_store(connection, "shop"), "grant", actor="test", now=utcnow())


@pytest.mark.usefixtures("store_at_site")
def test_used_and_wrong_codes_are_explained(new_site, new_code, bridge):
    code = new_code()
    submit(new_site, "connect", code=code)
    submit(new_site, "disconnect")

    assert "was used already" in notice(submit(new_site, "connect", code=code))
    assert "This code is unknown" in notice(submit(new_site, "connect", code=f"{bridge.url}#{'2' * 26}"))
    assert "not a connect code" in notice(submit(new_site, "connect", code="hello"))
    assert "cannot be reached" in notice(submit(new_site, "connect", code=f"http://127.0.0.1:1#{'2' * 26}"))


@pytest.mark.each_wordpress
@pytest.mark.usefixtures("store_at_site")
def test_disconnecting_removes_webhooks_and_key(new_site, new_code):
    submit(new_site, "connect", code=new_code())

    page = submit(new_site, "disconnect")

    assert notice(page) == "This site is disconnected."
    assert "Connect this site" in page
    rows = new_site.run(
        """global $wpdb;
        return [$wpdb->get_var("SELECT COUNT(*) FROM {$wpdb->prefix}wc_webhooks"),
            $wpdb->get_var("SELECT COUNT(*) FROM {$wpdb->prefix}woocommerce_api_keys"),
            get_option('token_bridge_connection')];"""
    )
    assert rows == ["0", "0", []]


@pytest.mark.usefixtures("store_at_site")
def test_key_that_was_changed_meanwhile_is_explained(connected_site):
    connected_site.run(
        "update_option('token_bridge_connection', ['access_key' => 'tb_old'] + get_option('token_bridge_connection'));"
    )

    page = connected_site.get(SCREEN, ADMIN).text

    assert checks(page)["access"] == "failed"
    assert "does not accept the access key" in page


def test_copy_of_the_site_sends_nothing_until_confirmed(connected_site, bridge):
    connected_site.run(
        """$stored = get_option('token_bridge_connection');
        update_option('token_bridge_connection', ['home' => 'https://live.example'] + $stored);"""
    )

    page = connected_site.get(SCREEN, ADMIN).text
    spent = connected_site.run(
        """return TokenBridge\\Plugin::instance()->services()->transport()
            ->send(TokenBridge\\Bridge\\Request::get('/v1/store'))->code();"""
    )

    assert "https://live.example" in page
    assert spent == "site_copied"
    assert checks(submit(connected_site, "confirm_address"))["access"] == "ok"


def test_two_admins_at_once_connect_once(new_site):
    new_site.run(
        """global $wpdb;
        $lock = ['option_name' => 'token_bridge_connecting', 'option_value' => (string) time()];
        $wpdb->insert($wpdb->options, $lock);"""
    )

    page = submit(new_site, "connect", code=f"http://127.0.0.1:1#{'2' * 26}")

    new_site.run("delete_option('token_bridge_connecting');")
    assert "Another admin is connecting" in notice(page)


def test_only_admins_connect_and_only_with_a_nonce(new_site, bridge):
    new_site.add_user("writer", "editor")
    form = {"action": "token_bridge_connect", "code": f"{bridge.url}#{'2' * 26}"}

    assert new_site.get(SCREEN, "writer").status_code == 403
    assert new_site.post("/wp-admin/admin-post.php", ADMIN, data=form).status_code == 403
    nonce = new_site.run(
        "wp_set_current_user(get_user_by('login', 'writer')->ID); return wp_create_nonce('token_bridge_connect');"
    )
    refused = new_site.post("/wp-admin/admin-post.php", "writer", data={**form, "_wpnonce": nonce})
    assert refused.status_code == 403


def test_site_without_shop_links_to_an_account(new_site, bridge):
    bridge.give(9_000, 500)
    code = bridge.call("POST", "users/9000/link-codes").json()["code"]

    page = submit(new_site, "link", url=f"{bridge.url}/", code=code.lower())

    assert notice(page) == "This site is connected."
    assert "Linked to one account" in page
    assert checks(page)["access"] == "ok"
    assert "was used already" in notice_after_unlinking(new_site, bridge, code)


def notice_after_unlinking(site, bridge, code):
    """Disconnect, try the same code again, and return the notice."""
    submit(site, "disconnect")
    return notice(submit(site, "link", url=bridge.url, code=code))


@pytest.mark.parametrize(
    ("pasted", "url"),
    [
        (f"https://tokens.example#{'7' * 26}", "https://tokens.example"),
        (f"https://tokens.example:8443/bridge/#{'7' * 26}", "https://tokens.example:8443/bridge"),
        (f"http://10.0.0.5:8000#{'7' * 13} {'7' * 13}", "http://10.0.0.5:8000"),
        (f"https://me:secret@tokens.example#{'7' * 26}", None),
        (f"ftp://tokens.example#{'7' * 26}", None),
        ("https://tokens.example#", None),
        ("7" * 26, None),
    ],
)
def test_address_is_read_from_the_code(active_site, pasted, url):
    found = active_site.run(
        "$code = TokenBridge\\Connection\\ConnectCode::find($pasted); return $code ? $code->url() : null;",
        pasted=pasted,
    )

    assert found == url
