"""A network of sites: one account pays for the subsites that take part, each with a key and a cap of its own."""

import re

import pytest

from tests.support.wordpress import ADMIN, start_network
from tests.wordpress.conftest import PLUGIN, connect
from tests.wordpress.test_uninstall import VOLATILE

pytestmark = pytest.mark.xdist_group("wordpress")

SCREEN = "/wp-admin/network/admin.php?page=token-bridge-network"
CONNECT = "/wp-admin/admin.php?page=token-bridge-connect"
SPEND = """$spend = token_bridge_spend(['module' => 'chat', 'tokens' => $tokens]);
    return [$spend->tokens(), $spend->code()];"""
SWITCH = """require_once ABSPATH . 'wp-admin/includes/plugin.php';
    wp_set_current_user(1);
    return %s;"""


@pytest.fixture(scope="module")
def network(site):
    """Return a network of the main site and three subsites, without our plugin."""
    network = start_network(site)
    # The bridge of the tests has accounts of another site as well: IDs must not meet.
    network.mariadb.run("ALTER TABLE wp_users AUTO_INCREMENT = 70000", "network")
    for path in ("two", "three", "four"):
        add_subsite(network, path)
    yield network
    network.server.stop()


@pytest.fixture(scope="module")
def before(network):
    """Return the rows of the database before the plugin was there, once each subsite was visited."""
    for path in ("/", "/two/", "/three/", "/four/"):
        network.get(path)
    network.get("/wp-admin/network/", ADMIN)
    return rows(network)


@pytest.fixture(scope="module")
def active_network(network, before):
    """Return the network with our plugin active for all sites."""
    network.run(SWITCH % "activate_plugin($plugin, '', true)", plugin=PLUGIN)
    network.get("/two/")
    return network


@pytest.fixture(scope="module")
def payer(active_network, bridge):
    """Return the ID of a user with 1,000,000 tokens in the store of the main site, whose account pays."""
    connect(active_network, bridge)
    found = active_network.add_user("payer")
    bridge.give(found, 1_000_000)
    assert "were saved" in save_network(active_network, payer="payer", may_connect="1")
    return found


def add_subsite(network, path):
    """Add a subsite; return its ID."""
    # WordPress 6.1 removes the colon of a port.
    return network.run(
        """add_filter('wp_normalize_site_data', fn($values) => ['domain' => $_SERVER['HTTP_HOST']] + $values);
        return wp_insert_site(['domain' => $_SERVER['HTTP_HOST'], 'path' => "/$path/", 'network_id' => 1,
            'title' => "Site $path", 'user_id' => 1]);""",
        path=path,
    )


def rows(network):
    """Return the rows of the database, without ids of options and without what is volatile."""
    found = network.mariadb.rows("network")
    for table in [name for name in found if re.fullmatch(r"wp_(\d+_)?options", name)]:
        found[table] = sorted(
            row.partition("\t")[2] for row in found[table] if row.split("\t")[1] not in (*VOLATILE, "theme_mods_plain")
        )
    found["wp_usermeta"] = [row for row in found["wp_usermeta"] if "session_tokens" not in row]
    found["wp_sitemeta"] = sorted(
        row.split("\t", 2)[2] for row in found["wp_sitemeta"] if "transient" not in row and "active_sitewide" not in row
    )
    return found


def send(network, action, user=ADMIN, **fields):
    """Send a form of the network's page, and return the page that follows."""
    page = network.get(SCREEN, user).text
    nonce = re.search(rf'value="token_bridge_{action}">.*?name="_wpnonce" value="([0-9a-f]+)"', page, re.DOTALL)
    assert nonce, page
    form = {"action": f"token_bridge_{action}", "_wpnonce": nonce.group(1), **fields}
    return network.post("/wp-admin/admin-post.php", user, data=form).text


def save_network(network, **fields):
    """Save the settings of the network; return the notice."""
    return notice(send(network, "network", **fields))


def save_subsites(network, *taking_part, **caps):
    """Save which of the subsites two, three and four take part, with their caps; return the notice."""
    page = network.get(SCREEN, ADMIN).text
    fields = {"ids": re.search(r'name="ids" value="([\d,]+)"', page).group(1), "paged": "1"}
    for name, number in subsites(network).items():
        fields[f"old_cap_{number}"] = re.search(rf'name="old_cap_{number}" value="(.*?)"', page).group(1)
        fields[f"cap_{number}"] = caps.get(name, fields[f"old_cap_{number}"])
        if name in taking_part:
            fields[f"part_{number}"] = "1"
    return notice(send(network, "subsites", **fields))


def subsites(network):
    """Return the IDs of the subsites two, three and four, by name."""
    listed = network.run("return array_map(fn($s) => [trim($s->path, '/'), (int) $s->blog_id], get_sites());")
    return {name: number for name, number in listed if name in ("two", "three", "four")}


def notice(page):
    """Return the text of the notice on a page."""
    return re.search(r'<div class="notice notice-(?:success|error)" role="status"><p>(.*?)</p>', page).group(1)


def spend(network, path, tokens):
    """Spend on a subsite; return the tokens and the code of the refusal."""
    return network.run(SPEND, at=f"/{path}/", tokens=tokens)


def site_row(network, name):
    """Return the row of a subsite on the network's page."""
    page = network.get(SCREEN, ADMIN).text
    return re.search(rf'<tr data-site="{subsites(network)[name]}">.*?</tr>', page, re.DOTALL).group(0)


def linked(bridge, user):
    """Return the linked sites of an account that are not unlinked, by the last part of their address."""
    found = bridge.call("GET", f"users/{user}/sites?limit=200").json()["items"]
    return {site["url"].rpartition("/")[2]: site for site in found if site["unlinked_at"] is None}


def test_page_leads_to_the_main_site_until_it_is_connected(active_network):
    page = active_network.get(SCREEN, ADMIN).text

    assert "Connect the main site" in page
    assert "Save subsites" not in page


def test_subsites_share_one_account_up_to_their_caps(active_network, bridge, payer):
    assert "were saved" in save_subsites(active_network, "two", "three", two="1,000")

    assert spend(active_network, "two", 600) == [600, ""]
    assert spend(active_network, "two", 600) == [0, "site_cap_reached"]
    assert spend(active_network, "three", 5000) == [5000, ""]
    assert spend(active_network, "four", 1) == [0, "not_connected"]
    assert bridge.balance(payer) == 1_000_000 - 5600
    row = site_row(active_network, "two")
    assert ">600<" in row
    assert "has changed" not in row
    assert 'value="1,000"' in row

    assert "were saved" in save_subsites(active_network, "two", "three", two="0", three="9000")
    assert spend(active_network, "two", 1) == [0, "site_cap_reached"]
    assert linked(bridge, payer)["three"]["monthly_cap"] == 9000


def test_removed_subsite_spends_nothing_and_can_come_back(active_network, bridge, payer):
    save_subsites(active_network, "two", "three")
    assert "were saved" in save_subsites(active_network, "three", two="50")

    assert spend(active_network, "two", 10) == [0, "not_connected"]
    assert "two" not in linked(bridge, payer)

    assert "were saved" in save_subsites(active_network, "two", "three", two="50")
    assert spend(active_network, "two", 10) == [10, ""]
    assert linked(bridge, payer)["two"]["monthly_cap"] == 50


def test_link_whose_answer_was_lost_is_replaced(active_network, bridge, payer):
    lost = {"url": f"{active_network.url}/four", "name": "lost"}
    assert bridge.call("POST", f"users/{payer}/sites", lost).status_code == 201

    save_subsites(active_network, "two", "three", "four")

    assert linked(bridge, payer)["four"]["name"] == "Site four"
    assert spend(active_network, "four", 5) == [5, ""]
    assert "were saved" in save_subsites(active_network, "two", "three")


def test_wrong_cap_and_unknown_payer_change_nothing(active_network, payer):
    assert "no whole number" in save_subsites(active_network, "two", "three", two="1.5")
    assert "No user of this network" in save_network(active_network, payer="stranger")
    assert "no whole number" in save_network(active_network, payer="payer", new_cap="-1")

    assert 'value="payer"' in active_network.get(SCREEN, ADMIN).text


def test_other_payer_takes_over_when_saved(active_network, bridge, payer):
    save_subsites(active_network, "two", "three")
    other = active_network.add_user("other_payer")
    save_network(active_network, payer="other_payer@example.test", may_connect="1")
    bridge.give(other, 100)

    assert "Linked to another account" in site_row(active_network, "two")
    save_subsites(active_network, "two")

    assert set(linked(bridge, other)) == {"two"}
    assert linked(bridge, payer) == {}
    assert spend(active_network, "two", 30) == [30, ""]
    assert bridge.balance(other) == 70
    save_network(active_network, payer="payer", may_connect="1")


def test_new_subsite_takes_part_and_a_deleted_one_is_unlinked(active_network, bridge, payer):
    save_network(active_network, payer="payer", joins_new="1", new_cap="77", may_connect="1")

    number = add_subsite(active_network, "five")
    active_network.run_background()

    assert linked(bridge, payer)["five"]["monthly_cap"] == 77
    assert spend(active_network, "five", 78) == [0, "site_cap_reached"]
    active_network.run("require_once ABSPATH . 'wp-admin/includes/ms.php'; wpmu_delete_blog($id, true);", id=number)
    assert "five" not in linked(bridge, payer)
    assert f"wp_{number}_" not in active_network.mariadb.run("SHOW TABLES", "network")
    save_network(active_network, payer="payer", may_connect="1")


def test_new_subsite_is_linked_once_the_bridge_is_back(active_network, bridge, payer):
    save_network(active_network, payer="payer", joins_new="1", may_connect="1")
    connect(active_network, bridge, url="http://127.0.0.1:1")

    number = add_subsite(active_network, "six")
    active_network.run_background()
    assert "six" not in linked(bridge, payer)
    connect(active_network, bridge)
    active_network.run(
        """$next = wp_next_scheduled('token_bridge_join', [$id, 2]);
        wp_unschedule_event($next, 'token_bridge_join', [$id, 2]);
        do_action('token_bridge_join', $id, 2);""",
        id=number,
    )

    assert "six" in linked(bridge, payer)
    active_network.run("require_once ABSPATH . 'wp-admin/includes/ms.php'; wpmu_delete_blog($id, true);", id=number)
    save_network(active_network, payer="payer", may_connect="1")


def test_admins_of_subsites_cannot_change_what_the_network_decides(active_network, bridge, payer):
    save_subsites(active_network, "two")
    keeper = active_network.add_user("keeper")
    for name in ("two", "three"):
        number = subsites(active_network)[name]
        active_network.run("add_user_to_blog($site, $user, 'administrator');", site=number, user=keeper)
    save_network(active_network, payer="payer")

    page = active_network.get("/two" + CONNECT, "keeper").text
    assert "uses tokens of the network" in page
    assert 'data-check="access"' in page
    assert "token_bridge_disconnect" not in page
    assert "Admins of the network connect" in active_network.get("/three" + CONNECT, "keeper").text
    assert active_network.get(SCREEN, "keeper").status_code == 403
    assert (
        "Unlink this site" not in active_network.get("/two/wp-admin/admin.php?page=token-bridge-account", "keeper").text
    )
    for path, action in (("two", "disconnect"), ("three", "connect"), ("three", "link"), ("three", "network")):
        nonce = active_network.get(f"/{path}{CONNECT}&nonce_of_the_tests={action}", "keeper").text
        nonce = re.search(r"nonce of the tests: (\w+)", nonce).group(1)
        form = {"action": f"token_bridge_{action}", "_wpnonce": nonce, "code": f"{bridge.url}#{'2' * 26}"}
        answer = active_network.post(f"/{path}/wp-admin/admin-post.php", "keeper", data=form)
        assert answer.status_code == 403 or "network" in notice(answer.text)
    assert spend(active_network, "two", 3) == [3, ""]
    save_network(active_network, payer="payer", may_connect="1")


def test_subsite_with_its_own_connection_is_left_alone(active_network, bridge, payer):
    save_subsites(active_network)
    code = bridge.call("POST", f"users/{payer}/link-codes").json()["code"]
    made = (
        """return TokenBridge\\Plugin::instance()->services()->connector()->link($url, $link_code)->is_linked_site();"""
    )
    assert active_network.run(made, at="/three/", url=bridge.url, link_code=code)

    assert "Has a connection of its own" in site_row(active_network, "three")
    nonce = re.search(
        r'value="token_bridge_subsites">.*?value="([0-9a-f]+)"', active_network.get(SCREEN, ADMIN).text, re.S
    )
    form = {
        "action": "token_bridge_subsites",
        "_wpnonce": nonce.group(1),
        "ids": str(subsites(active_network)["three"]),
    }
    active_network.post("/wp-admin/admin-post.php", ADMIN, data=form)

    assert spend(active_network, "three", 4) == [4, ""]
    active_network.run("TokenBridge\\Plugin::instance()->services()->setup()->undo();", at="/three/")


def test_user_deleted_from_the_network_is_reported_to_each_store(active_network, bridge, payer):
    user = active_network.add_user("leaver")
    number = subsites(active_network)["four"]
    active_network.run("add_user_to_blog($site, $user, 'subscriber');", site=number, user=user)
    active_network.run(
        """update_option('token_bridge_connection', ['kind' => 'store', 'url' => 'http://127.0.0.1:1',
            'access_key' => 'tb_x', 'home' => get_option('home')]);""",
        at="/four/",
    )

    active_network.run("require_once ABSPATH . 'wp-admin/includes/ms.php'; wpmu_delete_user($id);", id=user)

    for table in ("wp_token_bridge_outbox", f"wp_{number}_token_bridge_outbox"):
        waiting = active_network.mariadb.run(f"SELECT topic FROM {table} WHERE subject = '{user}'", "network")
        assert "user.deleted" in waiting.split(), table
    active_network.run("TokenBridge\\Plugin::instance()->services()->connection_option()->clear();", at="/four/")
    active_network.run_background()


def test_uninstall_cleans_every_subsite(active_network, bridge, payer, before):
    save_subsites(active_network, "two", "three")
    active_network.run("do_shortcode('[token_usage]'); set_transient('token_bridge_paused', 1, 60);", at="/two/")
    connect(active_network, bridge, access_key="tb_unknown")
    during = rows(active_network)

    active_network.run(SWITCH % "deactivate_plugins($plugin, false, true)", plugin=PLUGIN, is_admin=True)
    assert not [name for path in ("/", "/two/", "/three/") for name in events(active_network, path)]
    active_network.run(SWITCH % "uninstall_plugin($plugin)", plugin=PLUGIN, is_admin=True)

    after = rows(active_network)
    assert set(after) == set(before) < set(during)
    for name, lines in before.items():
        if not name.startswith(("wp_users", "wp_usermeta", "wp_2_users", "wp_registration_log")):
            left = [row for row in set(after[name]) - set(lines) if "token_bridge" in row]
            assert left == [], name
    assert "token_bridge" not in "".join(after["wp_usermeta"])
    assert linked(bridge, payer) == {}


def events(network, path):
    """Return the names of our scheduled events on a site."""
    found = network.run("return array_keys(array_merge([], ...array_values(_get_cron_array())));", at=path)
    return [name for name in found if name.startswith("token_bridge")]
