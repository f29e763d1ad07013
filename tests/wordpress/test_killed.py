"""PHP is killed in the middle: no tokens are lost, nothing counts twice, and the work goes on."""

import os
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

pytestmark = pytest.mark.xdist_group("wordpress")

CLIENT = str(Path(__file__).parent / "php" / "ai_client.php")
LOAD = """$_SERVER['HTTP_HOST'] = substr(getenv('TESTS_SITE_URL'), 7);
    $_SERVER['REQUEST_URI'] = '/';
    $_SERVER['REQUEST_METHOD'] = 'GET';
    require getcwd() . '/wp-load.php';
    $services = TokenBridge\\Plugin::instance()->services();
    """
KILL = "posix_kill(getmypid(), 9);"
PROMPT = """require getenv('CLIENT');
    wp_set_current_user(%d);
    $answer = (new WP_AI_Client_Prompt_Builder())->generate_text(new Tests_Model(function () { %s }), 'hello');
    print_r($answer);"""
SEND = """add_filter('http_response', function ($response) {
        static $sent = 0;
        if (++$sent === 3) { %s }
        return $response;
    });
    $services->sender()->run();"""


def run_and_die(site, code):
    """Run code in a PHP process of its own, which must kill itself in it."""
    settings = {
        "TESTS_DB_SOCKET": str(site.mariadb.socket),
        "TESTS_DB_NAME": "wordpress",
        "TESTS_SITE_URL": site.url,
        "CLIENT": CLIENT,
    }
    done = subprocess.run(
        ["php", "-d", "display_errors=stderr", "-r", LOAD + code],
        cwd=site.folder,
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == -9, done.stdout + done.stderr[-2000:]


def test_prompt_that_is_killed_costs_nothing(connected_site, bridge):
    if connected_site.run("return class_exists('WP_AI_Client_Prompt_Builder');"):
        pytest.skip("this WordPress has an AI client of its own")
    user = connected_site.add_user("killed_prompter")
    bridge.give(user, 1000)
    connected_site.run("TokenBridge\\Plugin::instance()->services()->settings()->change(['meter_ai_client' => true]);")

    run_and_die(connected_site, PROMPT % (user, KILL))

    connected_site.run("update_option('token_bridge_settings', []);")
    balance = bridge.call("GET", f"users/{user}").json()["balance"]
    (hold,) = bridge.call("GET", f"holds?user_id={user}").json()["items"]
    assert (balance["balance"], balance["held"]) == (1000, hold["tokens"])
    assert datetime.fromisoformat(hold["expires_at"]) < datetime.now(UTC) + timedelta(minutes=3)


def test_sender_that_is_killed_goes_on_and_grants_once(connected_site, bridge):
    user = connected_site.add_user("killed_buyer")
    connected_site.run_background()
    connected_site.run("for ($i = 1; $i <= 5; $i++) { do_action('token_bridge_grant', $id, 10, \"key $i\"); }", id=user)
    connected_site.run("wp_unschedule_hook('token_bridge_send');")

    run_and_die(connected_site, SEND % KILL)

    # The third was granted, and its row is still there.
    assert bridge.balance(user) == 30
    assert connected_site.run("return TokenBridge\\Plugin::instance()->services()->outbox()->count();") == 3
    due = connected_site.run(
        """global $wpdb;
        foreach (_get_cron_array() as $at => $hooks) {
            if (isset($hooks['token_bridge_send'])) { $due = $at - time(); break; }
        }
        $wpdb->query("UPDATE {$wpdb->options} SET option_value = option_value - $due
            WHERE option_name = 'token_bridge_sending'");
        foreach (_get_cron_array()[$at]['token_bridge_send'] as $event) {
            do_action_ref_array('token_bridge_send', $event['args']);
        }
        return $due;"""
    )
    assert 120 < due <= 151
    assert bridge.balance(user) == 50
    assert connected_site.run("return TokenBridge\\Plugin::instance()->services()->outbox()->count();") == 0


def test_transfer_that_is_killed_goes_on(connected_site):
    connected_site.run("TokenBridge\\Plugin::instance()->services()->transfer()->begin();")
    connected_site.run("wp_unschedule_hook('token_bridge_transfer');")

    run_and_die(connected_site, f"add_filter('http_response', function () {{ {KILL} }}); $services->transfer()->run();")

    connected_site.run("delete_option('token_bridge_transferring');")
    connected_site.run(
        """foreach (_get_cron_array() as $at => $hooks) {
            foreach ($hooks['token_bridge_transfer'] ?? [] as $event) {
                wp_unschedule_event($at, 'token_bridge_transfer', $event['args']);
                wp_schedule_single_event(time() - 1, 'token_bridge_transfer', $event['args']);
            }
        }"""
    )
    connected_site.run_background()
    assert connected_site.run("return TokenBridge\\Transfer\\Progress::load()->state();") == "done"
