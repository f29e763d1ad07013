"""With a persistent object cache, where WordPress keeps transients and options outside of its database."""

import http.server
import shutil
import threading

import pytest

from tests.support.wordpress import ROOT
from tests.wordpress.conftest import connect, measured

pytestmark = pytest.mark.xdist_group("wordpress")

DROP_IN = ROOT / "tests" / "wordpress" / "php" / "object-cache.php"
AWAY = "http://127.0.0.1:1"
STORED = """global $wpdb;
    return $wpdb->get_col("SELECT 1 FROM {$wpdb->options} WHERE option_name LIKE '_transient_token%'");"""
AGE = """global $wpdb;
    $wpdb->query("UPDATE {$wpdb->options} SET option_value = option_value - 121
        WHERE option_name = 'token_bridge_sending'");"""


@pytest.fixture(scope="module")
def cached_site(active_site):
    """Return the site with a cache, which is empty at first."""
    content = active_site.folder / "wp-content"
    shutil.copyfile(DROP_IN, content / "object-cache.php")
    assert active_site.run("wp_cache_flush(); return wp_using_ext_object_cache();")
    yield active_site
    (content / "object-cache.php").unlink()
    shutil.rmtree(content / "object-cache-of-the-tests")


@pytest.fixture
def site_with_page(cached_site, bridge, store_at_site):
    """Return the connected site with a page of the widget at `/cached/`."""
    connect(cached_site, bridge)
    cached_site.run(
        """if (!get_page_by_path('cached')) {
            wp_insert_post(['post_type' => 'page', 'post_status' => 'publish', 'post_title' => 'Cached',
                'post_content' => '[token_usage]']);
        }"""
    )
    return cached_site


def test_spend_drops_what_is_cached_at_once(site_with_page, bridge):
    user = site_with_page.add_user("cached_reader")
    bridge.give(user, 7_654_321)
    page = "/cached/?measure=1"

    assert "7,654,321" in site_with_page.get(page, "cached_reader").text
    warm = site_with_page.get(page, "cached_reader").text
    assert measured(warm)["calls"] == 0
    assert site_with_page.run(STORED) == []
    site_with_page.run("token_bridge_spend(['module' => 'chat', 'tokens' => 21], ['user_id' => $id]);", id=user)

    assert "7,654,300" in site_with_page.get(page, "cached_reader").text


def test_pages_call_a_bridge_that_is_away_once(site_with_page, bridge):
    connect(site_with_page, bridge, url=AWAY)

    first = measured(site_with_page.get("/cached/?measure=1", "owner").text)
    later = measured(site_with_page.get("/cached/?measure=1", "owner").text)

    assert (first["calls"], later["calls"]) == (1, 0)


def test_changes_are_delivered_once_and_a_lock_holds_and_ends(site_with_page, bridge):
    user = site_with_page.add_user("cached_buyer")
    site_with_page.run_background()
    grant = "do_action('token_bridge_grant', $id, 10, $key);"
    lock = "return (new TokenBridge\\Connection\\Lock('token_bridge_sending'))->take();"
    count = "return TokenBridge\\Plugin::instance()->services()->outbox()->count();"

    site_with_page.run(grant, id=user, key="once")
    assert site_with_page.run(lock) is True
    assert site_with_page.run(lock) is False
    site_with_page.run_background()
    assert site_with_page.run(count) == 1
    site_with_page.run(AGE)
    site_with_page.run("TokenBridge\\Plugin::instance()->services()->sender()->run();")
    site_with_page.run(grant, id=user, key="once")
    site_with_page.run_background()

    assert site_with_page.run(count) == 0
    assert bridge.balance(user) == 10


def test_what_one_request_changes_the_next_one_reads(site_with_page):
    site_with_page.run("TokenBridge\\Plugin::instance()->services()->settings()->change(['minimal_checkout' => true]);")
    assert site_with_page.run(
        "return TokenBridge\\Plugin::instance()->services()->settings()->is_on('minimal_checkout');"
    )
    site_with_page.run("update_option('token_bridge_settings', []);")
    site_with_page.run("TokenBridge\\Plugin::instance()->services()->connection_option()->clear();")
    assert not site_with_page.run("return TokenBridge\\Plugin::instance()->services()->connection()->is_connected();")


def test_every_value_in_the_cache_has_an_end(site_with_page):
    site_with_page.get("/cached/", "owner")
    site_with_page.run("wp_set_current_user(1); TokenBridge\\Admin\\Notices::add('info', 'a notice');")

    files = sorted(
        (site_with_page.folder / "wp-content" / "object-cache-of-the-tests").glob("*transient*token_bridge*")
    )
    assert files
    for path in files:
        assert not path.read_text().startswith("a:2:{i:0;i:0;"), path.name


class Counting(http.server.BaseHTTPRequestHandler):
    """Answers every request on a kept connection, and counts the connections."""

    protocol_version = "HTTP/1.1"
    timeout = 1

    def setup(self):
        self.server.connections += 1
        super().setup()

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *values):
        """Print nothing."""


@pytest.mark.parametrize(("pause", "connections"), [(0, 1), (2, 3)])
def test_requests_of_a_page_share_one_connection_while_it_is_kept(active_site, pause, connections):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Counting)
    server.connections = 0
    threading.Thread(target=server.serve_forever, daemon=True).start()

    statuses = active_site.run(
        """$transport = new TokenBridge\\Bridge\\HttpTransport($url, 'key');
        return array_map(function () use ($transport, $pause) {
            $status = $transport->send(TokenBridge\\Bridge\\Request::post('/', ['a' => 1]))->status();
            sleep($pause);
            return $status;
        }, [1, 2, 3]);""",
        url=f"http://127.0.0.1:{server.server_port}",
        pause=pause,
    )

    server.shutdown()
    server.server_close()
    assert statuses == [200, 200, 200]
    assert server.connections == connections
