"""Access to a shop's REST API: keys in the query string where the header is removed, and unusual roots."""

from __future__ import annotations

import logging
import traceback
from urllib.parse import parse_qs, urlsplit

import pytest

from bridge.clients.woocommerce.api import open_shop
from bridge.domain.errors import ShopUnreachable
from bridge.domain.shop.access import ShopAccess
from bridge.domain.shop.errors import ShopBlocked, ShopBudgetSpent, ShopBusy, ShopKeysRefused, ShopMoved
from bridge.storage.shop import packing
from tests.support.shop_server import KEY, SECRET, Reply, listed, recorded, shop_serving

HTML = (("Content-Type", "text/html; charset=UTF-8"),)
FRONT_PAGE = Reply(b"<!DOCTYPE html><html><body>My shop, captcha and maintenance</body></html>", 200, HTML)


def strips_header(asked):
    """The host removes the Authorization header; keys in the query string arrive."""
    if asked.params.get("consumer_key") == KEY and asked.params.get("consumer_secret") == SECRET:
        return Reply({"id": 1})
    return recorded("auth--none")


def test_keys_go_into_the_query_where_the_header_is_removed(tls_server, tls_client, caplog):
    caplog.set_level(logging.DEBUG)
    tls_server.answer = strips_header

    assert [tls_client.get_order(1), tls_client.get_order(2)] == [{"id": 1}, {"id": 1}]

    assert [SECRET in asked.target for asked in tls_server.asked] == [False, True, True]
    assert "authorization" not in tls_server.asked[1].headers
    assert tls_client.access == ShopAccess(has_keys_in_query=True)
    assert packing.read_access(packing.pack("access", tls_client.access)) == tls_client.access
    assert SECRET not in caplog.text
    assert KEY not in caplog.text


def test_password_of_a_netrc_file_is_not_sent(tls_server, tls_client, monkeypatch, tmp_path):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login jo password of-another-program\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    tls_client.use(ShopAccess(has_keys_in_query=True))

    tls_client.get_order(1)

    assert "authorization" not in tls_server.asked[0].headers


def test_what_worked_is_used_at_once_and_the_header_again_when_it_stops_working(tls_server, tls_client):
    tls_server.answer = strips_header
    tls_client.use(ShopAccess(has_keys_in_query=True))
    assert tls_client.get_order(1) == {"id": 1}
    assert len(tls_server.asked) == 1

    tls_server.answer = lambda asked: Reply({"id": 1}) if "authorization" in asked.headers else recorded("auth--none")
    assert tls_client.get_order(1) == {"id": 1}
    assert tls_client.access == ShopAccess()


def test_keys_that_are_refused_both_ways_are_named_and_not_tried_again(tls_server, tls_client):
    tls_server.answer = lambda _asked: recorded("auth--none")

    with pytest.raises(ShopKeysRefused, match="tried in the Authorization header and in the query string"):
        tls_client.get_order(1)
    with pytest.raises(ShopKeysRefused):
        tls_client.get_order(1)

    assert [SECRET in asked.target for asked in tls_server.asked] == [False, True, False]
    assert tls_client.access.query_refused_at > 0


@pytest.mark.parametrize("name", ["auth--bad-secret", "auth--read-only-key-write"])
def test_keys_that_were_seen_are_not_put_into_the_query(tls_server, tls_client, name):
    tls_server.answer = lambda _asked: recorded(name)

    with pytest.raises(ShopKeysRefused):
        tls_client.get_order(1)

    assert len(tls_server.asked) == 1


def test_keys_never_go_into_the_query_over_plain_http(server, client):
    server.answer = lambda _asked: recorded("auth--none")

    with pytest.raises(ShopKeysRefused, match="key is unknown"):
        client.get_order(1)

    assert not any(KEY in asked.target for asked in server.asked)


def test_keys_in_the_query_are_in_no_log_and_no_error(tls_server, tls_client, caplog, released):
    """Whatever fails and however the shop echoes the address, including the contexts of exceptions."""

    def mirror(status):
        def answer(asked):
            outcome = f"{asked.target} {KEY} {SECRET}"
            return Reply(
                outcome.encode(), status, (("Location", f"/x?{outcome}"), ("Content-Type", "text/html"), ("X", outcome))
            )

        return answer

    def garbled(file):
        file.write(b"HTTP/1.1 200 OK\r\nBroken header\r\nContent-Length: 5\r\n\r\nhello")

    caplog.set_level(logging.DEBUG)
    answers = [mirror(status) for status in (200, 202, 301, 400, 401, 403, 404, 429, 500, 503)]
    answers += [lambda _asked: garbled, lambda _asked: lambda _file: None]
    said = []
    for answer in answers:
        tls_server.answer = answer
        tls_client.use(ShopAccess(has_keys_in_query=True))
        try:
            tls_client.get_order(1)
        except ShopUnreachable as error:
            lines = traceback.format_exception(error)
            while error is not None:
                said += [repr(error), str(error), *lines]
                error = error.__cause__ or error.__context__
    gone = open_shop("https://127.0.0.1:1", consumer_key=KEY, consumer_secret=SECRET, sleep=lambda _: None)
    gone.use(ShopAccess(has_keys_in_query=True))
    with pytest.raises(ShopUnreachable) as nowhere:
        gone.get_order(1)
    said += [repr(nowhere.value), repr(nowhere.value.__context__)]

    assert any(SECRET in asked.target for asked in tls_server.asked)
    assert len(said) > 30
    assert not [text for text in (*said, caplog.text) if KEY in text or SECRET in text]


def plain_permalinks(asked):
    """Pretty permalinks are off: the usual path redirects to itself with a slash, the route parameter works."""
    query = parse_qs(urlsplit(asked.target).query)
    if "rest_route" in query:
        return listed(1) if query["rest_route"] == ["/wc/v3/orders"] else Reply({"id": 1})
    if urlsplit(asked.target).path.startswith("/wp-json"):
        return Reply(b"", 301, (("Location", urlsplit(asked.target).path + "/"),))
    return FRONT_PAGE


def front_page_everywhere(asked):
    """As above, where the server shows the front page for any path."""
    found = plain_permalinks(asked)
    return FRONT_PAGE if found.status == 301 else found


def not_found(asked):
    """As above, where the usual path is missing."""
    found = plain_permalinks(asked)
    return Reply(b"<html>Not found</html>", 404, HTML) if found.status == 301 else found


@pytest.mark.parametrize("answer", [plain_permalinks, front_page_everywhere, not_found])
def test_plain_permalinks_work_through_the_route_parameter(server, client, answer):
    server.answer = answer

    assert client.get_order(7) == {"id": 1}
    server.asked.clear()
    assert client.list_orders(modified_after=None, statuses=None, page=1).total == 1

    assert len(server.asked) == 1
    assert server.asked[0].target.startswith("/?rest_route=/wc/v3/orders&")
    assert client.access.root == "/?rest_route=/"


def renamed(root, home):
    """The API is at another root, which the home page names."""

    def answer(asked):
        path = urlsplit(asked.target).path
        if path == "/":
            return home
        if path.startswith(f"{root}wc/v3/"):
            return listed(1) if path.endswith("orders") else Reply({"id": 1})
        return Reply(b"<html>Not found</html>", 404, HTML)

    return answer


@pytest.mark.parametrize(
    "home",
    [
        Reply(b"", 200, (*HTML, ("Link", '</api/>; rel="https://api.w.org/", </?p=2>; rel=shortlink'))),
        Reply(b"<html><head><link rel='https://api.w.org/' href='/api/' /></head></html>", 200, HTML),
    ],
)
def test_root_the_home_page_names_is_used(server, client, home):
    server.answer = renamed("/api/", home)

    assert client.get_order(7) == {"id": 1}
    assert client.access.root == "/api/"
    (home_request,) = [asked for asked in server.asked if asked.target == "/"]
    assert "authorization" not in home_request.headers


def test_root_with_the_address_of_the_site_is_used_and_another_port_or_host_is_not(server, client):
    for target, is_used in (
        (f"{server.url}/api/", True),
        ("https://evil.example/wp-json/", False),
        ("http://127.0.0.1:1/wp-json/", False),
        ("//evil.example/wp-json/", False),
    ):
        server.answer = renamed("/api/", Reply(b"", 200, (*HTML, ("Link", f'<{target}>; rel="https://api.w.org/"'))))
        with open_shop(server.url, consumer_key=KEY, consumer_secret=SECRET) as client:
            if is_used:
                assert client.get_order(7) == {"id": 1}
            else:
                with pytest.raises(ShopMoved, match="the keys are not sent to another host"):
                    client.get_order(7)


def test_root_without_pretty_permalinks_in_a_folder(server):
    def answer(asked):
        return Reply({"id": 1}) if asked.target.startswith("/shop/index.php/wp-json/wc/v3/") else FRONT_PAGE

    server.answer = lambda asked: (
        listed(1) if "per_page=1" in asked.target and "index.php/" in asked.target else answer(asked)
    )
    with open_shop(f"{server.url}/shop", consumer_key=KEY, consumer_secret=SECRET) as client:
        assert client.get_order(7) == {"id": 1}
        assert client.access.root == "/shop/index.php/wp-json/"


def test_redirect_on_the_same_host_that_keeps_the_route_is_used(server, client):
    """A language plugin puts a prefix in front of each path."""

    def answer(asked):
        if asked.target.startswith("/en/wp-json/wc/v3/"):
            return listed(1) if "per_page=1" in asked.target else Reply({"id": 1})
        return Reply(b"", 302, (("Location", "/en" + asked.target),))

    server.answer = answer

    assert client.get_order(7) == {"id": 1}
    assert client.access.root == "/en/wp-json/"


def test_root_that_stops_working_is_looked_for_again(server, client):
    server.answer = lambda asked: (
        (listed(1) if "per_page=1" in asked.target else Reply({"id": 1}))
        if asked.target.startswith("/wp-json/wc/v3/")
        else Reply(b"<html>Not found</html>", 404, HTML)
    )
    client.use(ShopAccess(root="/api/"))

    assert client.get_order(7) == {"id": 1}
    assert client.access.root == "/wp-json/"


def test_redirects_without_an_end_are_named_after_few_requests(server, client):
    server.answer = lambda asked: Reply(b"", 301, (("Location", urlsplit(asked.target).path + "x"),))

    with pytest.raises(ShopMoved, match="not at the usual path"):
        client.get_order(7)
    with pytest.raises(ShopMoved):
        client.get_order(7)

    assert len(server.asked) < 15


def test_keys_of_a_renamed_root_that_are_refused_are_the_fault_that_is_named(server, client):
    server.answer = renamed("/api/", Reply(b"", 200, (("Link", '</api/>; rel="https://api.w.org/"'),)))
    working = server.answer
    server.answer = lambda asked: recorded("auth--bad-secret") if "/api/wc" in asked.target else working(asked)

    with pytest.raises(ShopKeysRefused, match="consumer secret is wrong"):
        client.get_order(7)


def test_plugin_that_closes_the_api_to_visitors_is_named(tls_server, tls_client):
    tls_server.answer = lambda _asked: Reply({"code": "rest_not_logged_in", "message": "Log in."}, 401)

    with pytest.raises(ShopBlocked, match="closes the REST API to visitors"):
        tls_client.get_order(1)


@pytest.mark.parametrize("document", [None, {}, {"root": "//evil.example/"}, {"root": 5, "has_keys_in_query": "yes"}])
def test_memory_of_access_that_cannot_be_right_is_the_usual_one(document):
    assert packing.read_access(document) == ShopAccess()


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("https://127.0.0.1:1", r"127\.0\.0\.1:1 could not be reached: Connection refused"),
        ("https://no-such-host.invalid", r"no-such-host\.invalid could not be reached: its name was not found \(DNS"),
    ],
)
def test_host_that_cannot_be_reached_is_named_with_the_cause(url, words):
    gone = open_shop(url, consumer_key=KEY, consumer_secret=SECRET, sleep=lambda _: None)

    with pytest.raises(ShopUnreachable, match=words):
        gone.get_order(1)


def test_host_without_tls_and_one_with_an_untrusted_certificate_are_named(server, certificate):
    with shop_serving(certificate=certificate) as untrusted:
        for url in (server.url.replace("http:", "https:"), untrusted.url):
            shop = open_shop(url, consumer_key=KEY, consumer_secret=SECRET, sleep=pytest.fail)
            with pytest.raises(ShopUnreachable, match=r"127\.0\.0\.1:\d+ could not be reached over TLS: "):
                shop.get_order(1)


def test_wait_a_busy_shop_asks_for_stays_within_the_budget(server, client, waits):
    server.answer = lambda _asked: Reply(b"", 429, (("Retry-After", "30"),))
    client.limit(requests=10, seconds=20)

    with pytest.raises(ShopBusy) as busy:
        client.get_order(1)

    assert (waits, busy.value.retry_after_seconds, len(server.asked)) == ([], 30, 1)


def test_no_request_is_sent_beyond_the_budget(server, client):
    client.limit(requests=2, seconds=20)
    client.get_order(1)
    client.get_order(2)

    with pytest.raises(ShopBudgetSpent):
        client.get_order(3)

    assert len(server.asked) == 2
