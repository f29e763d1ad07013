"""Switching the plugin on and off, and removing it: the database is as before."""

import pytest

from tests.wordpress.conftest import PLUGIN, connect

pytestmark = pytest.mark.xdist_group("wordpress")

ACTIVE = "update_option('active_plugins', $plugins);"
VOLATILE = (
    "cron",
    "recently_activated",
    "active_plugins",
    "_transient_doing_cron",
    "uninstall_plugins",
    "rewrite_rules",
    "theme_mods_plain",
)
"""Options of WordPress that change by themselves when plugins are switched, or when a page is viewed."""


def remove_plugin(site):
    """Do what WordPress does when an admin deletes the plugin, without deleting its files."""
    site.run(
        """require_once ABSPATH . 'wp-admin/includes/plugin.php';
        wp_set_current_user(1);
        deactivate_plugins($plugin);
        uninstall_plugin($plugin);""",
        plugin=PLUGIN,
        is_admin=True,
    )


def rows(site):
    """Return the rows of the database that a plugin could leave behind, without ids and without what is volatile."""
    found = site.mariadb.rows("wordpress")
    options = [row for row in found.pop("wp_options") if row.split("\t")[1] not in VOLATILE]
    without_ids = sorted(row.partition("\t")[2] for row in options)
    sessions = [row for row in found.pop("wp_usermeta") if "session_tokens" not in row]
    return {**found, "options": without_ids, "usermeta": sessions}


def scheduled(site):
    """Return the names of our scheduled events."""
    return site.run("return array_keys(array_merge([], ...array_values(_get_cron_array())));")


@pytest.mark.each_wordpress
def test_uninstall_leaves_nothing(active_site, new_code):
    site = active_site
    # Removing it ends its connection, and the key of the other tests is still needed.
    site.run("update_option('token_bridge_connection', []);")
    remove_plugin(site)
    before = rows(site)

    site.run("require_once ABSPATH . 'wp-admin/includes/plugin.php'; return activate_plugin($plugin);", plugin=PLUGIN)
    leave_traces(site, new_code())
    during = rows(site)
    remove_plugin(site)

    try:
        assert during != before
        after = rows(site)
        assert {name: set(after[name]) ^ set(before[name]) for name in before} == {name: set() for name in before}
        assert after == before
        assert not [name for name in scheduled(site) if name.startswith("token_bridge")]
    finally:
        site.run("require_once ABSPATH . 'wp-admin/includes/plugin.php'; activate_plugin($plugin);", plugin=PLUGIN)


def leave_traces(site, connect_code):
    """Make the plugin store what it stores in use."""
    site.run(
        """wp_set_current_user(1);
        $services = TokenBridge\\Plugin::instance()->services();
        $services->connector()->connect($connect_code);
        $services->setup()->complete();
        $services->settings()->change(['complete_token_orders' => true]);
        do_shortcode('[token_usage]');
        set_transient('token_bridge_paused', 1, 60);
        TokenBridge\\Admin\\Notices::add('info', 'a notice');
        update_user_meta(1, 'token_bridge_hide_panel', '1');
        $services->outbox()->add('order.updated', '1');""",
        connect_code=connect_code,
    )


def test_deactivation_stops_tasks_and_keeps_the_connection(active_site, bridge):
    connect(active_site, bridge)
    active_site.run("TokenBridge\\Plugin::instance()->services()->transfer()->begin();")
    assert "token_bridge_transfer" in scheduled(active_site)

    active_site.run("require_once ABSPATH . 'wp-admin/includes/plugin.php'; deactivate_plugins($p);", p=PLUGIN)

    assert "token_bridge_transfer" not in scheduled(active_site)
    active_site.run("require_once ABSPATH . 'wp-admin/includes/plugin.php'; activate_plugin($p);", p=PLUGIN)
    assert active_site.run("return TokenBridge\\Plugin::instance()->services()->connection()->is_connected();")
