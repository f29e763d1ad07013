"""WordPress's tools for personal data, grants by other plugins, and WP-CLI."""

import pytest

from tests.wordpress.conftest import connect

pytestmark = pytest.mark.xdist_group("wordpress")

EXPORT = """$exporters = apply_filters('wp_privacy_personal_data_exporters', []);
    return $exporters['token-bridge']['callback']($email, 1);"""
ERASE = """$erasers = apply_filters('wp_privacy_personal_data_erasers', []);
    return $erasers['token-bridge']['callback']($email, 1);"""


@pytest.fixture(scope="module")
def person(active_site, bridge):
    """Return the ID of a user with tokens."""
    user = active_site.add_user("person")
    bridge.call("PUT", f"users/{user}", {"email": "person@example.test", "name": "Person", "roles": ["subscriber"]})
    bridge.give(user, 321)
    return user


@pytest.mark.each_wordpress
@pytest.mark.usefixtures("person")
def test_export_contains_profile_and_ledger(connected_site):
    found = connected_site.run(EXPORT, email="person@example.test")

    text = str(found["data"])
    assert found["done"] is True
    assert "person@example.test" in text
    assert "321" in text
    assert all(item["group_id"].startswith("token-bridge-") for item in found["data"])


def test_export_of_an_unknown_email_is_empty_and_an_outage_is_an_error(connected_site, bridge, person):
    assert connected_site.run(EXPORT, email="unknown@example.test") == {"data": [], "done": True}
    connect(connected_site, bridge, url="http://127.0.0.1:1")
    assert connected_site.run(EXPORT, email="person@example.test")["error"] == "token_bridge_bridge_unreachable"
    assert connected_site.run(ERASE, email="person@example.test")["error"] == "token_bridge_bridge_unreachable"


@pytest.mark.each_wordpress
def test_erasure_removes_the_person_at_the_bridge(connected_site, bridge):
    user = connected_site.add_user("erased")
    connected_site.run_background()

    found = connected_site.run(ERASE, email="erased@example.test")

    assert (found["items_removed"], found["items_retained"], found["done"]) == (True, True, True)
    assert bridge.call("GET", f"users/{user}").json().get("email") in (None, "")


def test_other_plugins_grant_once_for_each_occasion(connected_site, bridge):
    user = connected_site.add_user("student")
    for _ in range(2):
        connected_site.run("do_action('token_bridge_grant', $id, 25, 'course-1-of-student', 'Course 1');", id=user)
        connected_site.run_background()

    assert bridge.balance(user) == 25


CLI = """if (!class_exists('WP_CLI')) {
        eval('class WP_CLI {
            public static $said = [];
            public static function __callStatic($name, $arguments) { self::$said[] = $name . ": " . $arguments[0]; }
        }');
        eval('namespace WP_CLI\\\\Utils; function format_items($format, $items, $fields) {
            foreach ($items as $item) { \\WP_CLI::$said[] = $item["name"] . " " . $item["state"]; }
        }');
    }
    wp_set_current_user(1);
    $command = new TokenBridge\\Cli\\Command(TokenBridge\\Plugin::instance()->services());
    $command->$name($arguments, $options);
    return WP_CLI::$said;"""


def run_command(site, name, *arguments, **options):
    """Run a WP-CLI command, and return what it says."""
    return site.run(CLI, name=name, arguments=list(arguments), options=options or {"format": "table"})


def test_commands_show_the_status_and_send_everything(connected_site, bridge):
    user = connected_site.add_user("synced")

    status = run_command(connected_site, "status")
    said = run_command(connected_site, "sync")

    assert "access ok" in status
    assert said[-1] == "success: Everything was sent."
    assert bridge.call("GET", f"users/{user}").json()["email"] == "synced@example.test"


def test_commands_explain_failures(active_site, bridge):
    connect(active_site, bridge, access_key="")

    assert run_command(active_site, "status") == ["error: This site is not connected."]
    assert run_command(active_site, "connect", "nonsense")[0].startswith("error: This is not a connect code")
    assert run_command(active_site, "sync")[0].startswith("error: This site is not connected as a store")
