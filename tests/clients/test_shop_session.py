"""Connections to a shop: allowed addresses for keys, their transport, and their secrecy."""

from __future__ import annotations

import base64
import gzip
import logging
import threading
import time

import pytest

from bridge.clients.woocommerce.api import open_shop
from bridge.clients.woocommerce.session import ShopSession
from bridge.domain.errors import ShopUnreachable
from bridge.domain.shop.errors import BadShopAddress, ShopSilent
from tests.support.shop_server import KEY, SECRET, Reply, listed, recorded, shop_serving


@pytest.mark.parametrize("scheme", ["https", "HTTPS"])
def test_keys_travel_as_basic_over_https(certificate, monkeypatch, scheme):
    """The library treats `HTTPS://` as plain http."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    with shop_serving(certificate=certificate) as server:
        url = server.url.replace("https", scheme)
        with open_shop(url, consumer_key=KEY, consumer_secret=SECRET, sleep=pytest.fail) as client:
            client.get_order(1)

    assert server.asked[0].headers["authorization"] == "Basic " + base64.b64encode(f"{KEY}:{SECRET}".encode()).decode()
    assert server.asked[0].target == "/wp-json/wc/v3/orders/1"


def test_untrusted_certificate_gets_no_keys(certificate):
    with shop_serving(certificate=certificate) as server:
        with (
            open_shop(server.url, consumer_key=KEY, consumer_secret=SECRET, sleep=pytest.fail) as client,
            pytest.raises(ShopSilent, match="certificate was not accepted: self-signed certificate"),
        ):
            client.get_order(1)

        assert server.asked == []


def test_keys_on_plain_http_are_only_named_in_the_signature(server, client):
    client.get_order(1)

    assert f'oauth_consumer_key="{KEY}"' in server.asked[0].headers["authorization"]
    assert SECRET not in server.asked[0].headers["authorization"]


def test_loopback_is_never_behind_a_proxy(server, client, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")

    assert client.get_order(1) == {"id": 1}


def test_keys_are_in_no_address_no_log_and_no_error(server, client, caplog):
    """Whatever fails, even though a shop's answer repeats everything it was sent."""

    def mirror(status):
        def answer(asked):
            outcome = f"{KEY} {SECRET} {asked.headers['authorization']} {asked.target}"
            document = {"code": outcome, "message": outcome, "data": {"params": outcome}}
            where = ("Location", f"https://127.0.0.1/?consumer_key={KEY}&consumer_secret={SECRET}")
            return Reply(document, status, (where, ("Content-Type", outcome), ("Retry-After", outcome)))

        return answer

    caplog.set_level(logging.DEBUG)
    said = []
    for status in (200, 201, 204, 301, 307, 400, 401, 403, 404, 429, 500, 503):
        server.answer = mirror(status)
        for ask in (
            lambda: client.find_customers("jo@example.test"),
            lambda: client.update_webhook(1, secret="whsec-of-ours"),
            client.clock,
        ):
            try:
                ask()
            except ShopUnreachable as error:
                said += [str(error), repr(error), repr(error.__cause__)]

    assert len(said) > 90
    assert not any(KEY in text or SECRET in text or "jo@" in text or "oauth_" in text for text in said)
    assert not any(KEY in asked.target or SECRET in asked.target for asked in server.asked)
    assert not any(secret in caplog.text for secret in (KEY, SECRET, "oauth_", "whsec-of-ours"))


def test_each_request_leaves_one_line_without_its_query(server, client, caplog):
    caplog.set_level(logging.DEBUG, logger="bridge")
    server.replies = [listed(3), recorded("order--missing-404"), Reply(status=500)]

    client.find_customers("jo@example.test")
    client.get_order(7)
    with pytest.raises(ShopUnreachable):
        client.delete_webhook(5)

    host = server.url.removeprefix("http://")
    assert [message.rpartition(", ")[0] for message in caplog.messages] == [
        f"GET {host} /customers: 200",
        f"GET {host} /orders/7: 404",
        f"DELETE {host} /webhooks/5: 500",
    ]
    assert all(message.endswith(" ms") for message in caplog.messages)


def test_compressed_answer_is_read(server, client):
    gzipped = gzip.compress(b'{"id":5,"name":"' + b"a" * 200_000 + b'"}')
    server.replies = [Reply(gzipped, headers=(("Content-Encoding", "gzip"),))]

    assert len(client.get_order(5)["name"]) == 200_000
    assert "gzip" in server.asked[0].headers["accept-encoding"]


def test_cookies_are_not_stored(server, client):
    """A visitor's cookie makes WordPress require a nonce."""
    server.answer = lambda _asked: Reply({"id": 1}, headers=(("Set-Cookie", "wp_session=1; Path=/"),))

    client.get_order(1)
    client.get_order(1)

    assert "cookie" not in server.asked[1].headers


def test_parameters_of_the_caller_stay_as_they_are(server):
    params = {"search": "x"}
    session = ShopSession(server.url, consumer_key=KEY, consumer_secret=SECRET, timeout=(5, 5), sleep=pytest.fail)
    session.read("orders", params)
    session.close()

    assert params == {"search": "x"}
    assert server.asked[0].target == "/wp-json/wc/v3/orders?search=x"


def test_shop_in_a_folder(server):
    with open_shop(f"{server.url}/shop/", consumer_key=KEY, consumer_secret=SECRET) as client:
        client.get_order(1)

    assert server.asked[0].target == "/shop/wp-json/wc/v3/orders/1"


def test_connection_is_reused(server, client):
    server.answer = lambda asked: recorded("order--missing-404") if asked.path == "orders/2" else listed(1)

    client.list_webhooks()
    client.get_order(2)
    client.list_webhooks()

    assert len({asked.connection for asked in server.asked}) == 1


def test_connection_that_the_shop_closed_meanwhile_is_opened_again(server, client):
    server.answer = lambda _asked: Reply(
        [], headers=(("X-WP-Total", "0"), ("X-WP-TotalPages", "0"), ("Connection", "close"))
    )

    client.list_webhooks()
    client.list_webhooks()

    assert len({asked.connection for asked in server.asked}) == 2


def test_close_ends_the_connection(server):
    ended = threading.Event()
    with open_shop(server.url, consumer_key=KEY, consumer_secret=SECRET) as client:
        client.get_order(1)
        before = threading.active_count()
    deadline = time.monotonic() + 5
    while threading.active_count() >= before and time.monotonic() < deadline:
        ended.wait(0.01)

    assert threading.active_count() < before


@pytest.mark.parametrize(
    "url",
    [
        "http://shop.example",
        "http://10.0.0.1",
        "http://localhost.example",
        "http://127.0.0.1.example",
        "http://[fe80::1]",
        "HTTP://shop.example",
        "ftp://127.0.0.1",
        "shop.example",
        "https://",
        "https://[::1",
        "https://shop.example:port",
        "https://user:secret@shop.example",
        "https://shop.example?a=b",
        "https://shop.example#top",
    ],
)
def test_address_the_keys_must_not_go_to_is_refused(url):
    with pytest.raises(BadShopAddress) as refused:
        open_shop(url, consumer_key=KEY, consumer_secret=SECRET)

    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1", "http://127.8.9.1:8980/", "http://[::1]:80", "http://LOCALHOST/shop", "HTTPS://Shop.Example"],
)
def test_address_on_loopback_or_with_https_is_taken(url):
    open_shop(url, consumer_key=KEY, consumer_secret=SECRET).close()


@pytest.mark.parametrize("key", ["", "ck_é", "ck_1\n", "ck_\r\nX-Evil: 1"])
def test_keys_that_are_no_keys_are_refused(key):
    for keys in ({"consumer_key": key, "consumer_secret": SECRET}, {"consumer_key": KEY, "consumer_secret": key}):
        with pytest.raises(BadShopAddress):
            open_shop("https://shop.example", **keys)
