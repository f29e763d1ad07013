"""Signatures for a shop on plain http, compared with what a real shop accepted and with RFC 5849."""

from __future__ import annotations

import base64
import hmac
import json
import re
import time
from pathlib import Path
from urllib.parse import unquote_plus

import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bridge.clients.woocommerce.api import open_shop
from bridge.clients.woocommerce.session import ShopSession
from bridge.clients.woocommerce.transport import OAuth1
from bridge.domain.shop.access import ShopAccess
from tests.support.shop_server import KEY, SECRET, listed, shop_serving

RECORDED = Path(__file__).resolve().parent.parent / "recordings" / "rest" / "auth--oauth1-plain-http.json"
UNRESERVED = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"


@pytest.fixture(scope="module")
def server():
    with shop_serving() as server:
        server.answer = lambda _asked: listed(1)
        yield server


def percent(text):
    return "".join(chr(octet) if octet in UNRESERVED else f"%{octet:02X}" for octet in text.encode())


def fields_of(header):
    assert header.startswith("OAuth ")
    found = re.findall(r'(\w+)="([^"]*)"(?:, |$)', header.removeprefix("OAuth "))
    return {name: unquote_plus(value) for name, value in found}


def wanted_signature(method, url, fields, *, secret=SECRET):
    """Return the signature that the shop computes from the request line and the header's fields, by the RFC."""
    base, _, query = url.partition("?")
    pairs = [pair.partition("=")[::2] for pair in query.split("&") if pair]
    sent = [(unquote_plus(name), unquote_plus(value)) for name, value in pairs]
    sent += [item for item in fields.items() if item[0] != "oauth_signature"]
    normal = "&".join("=".join(pair) for pair in sorted((percent(name), percent(value)) for name, value in sent))
    text = f"{method}&{percent(base)}&{percent(normal)}"
    return base64.b64encode(hmac.digest(f"{secret}&".encode(), text.encode(), "sha256")).decode()


def assert_signed(server, asked, *, secret=SECRET):
    fields = fields_of(asked.headers["authorization"])
    assert fields["oauth_signature"] == wanted_signature(asked.method, server.url + asked.target, fields, secret=secret)
    assert fields["oauth_consumer_key"] == KEY
    assert fields["oauth_signature_method"] == "HMAC-SHA256"
    assert abs(int(fields["oauth_timestamp"]) - time.time()) < 60
    assert "oauth_" not in asked.target


def open_session(server, *, secret=SECRET):
    return ShopSession(server.url, consumer_key=KEY, consumer_secret=secret, timeout=(5, 5), sleep=pytest.fail)


def signed_fields(url):
    request = requests.Request("GET", url, auth=OAuth1(KEY, SECRET)).prepare()
    return fields_of(request.headers["Authorization"])


def test_reading_of_these_tests_is_the_one_of_a_real_shop():
    line = json.loads(RECORDED.read_text())["request"]["line"]
    method, target = line.split(" ")
    unsigned, _, signed = target.partition("&oauth_signature=")

    assert wanted_signature(method, f"http://127.0.0.1:8980{unsigned}", {}) == unquote_plus(signed)


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"search": "a/b"},
        {"search": "a b+c%20d~e*'()!"},
        {"search": "Zoë Müller 漢字 😀"},
        {"filter[period]": "week", "filter[limit]": "5"},
        {"include[0]": "3", "include[1]": "4"},
        {"search": "a&b=c;d#e?f"},
        {"empty": "", "aa": "1", "a-b": "2", "a": "3"},
        {"search": "%"},
        {"after": "2026-11-21T08:58:11+00:00"},
    ],
    ids=str,
)
def test_odd_parameters_are_signed_as_they_are_sent(server, params):
    session = open_session(server)
    session.read("orders", params)
    session.close()

    asked = server.asked[-1]
    assert asked.params == params
    assert_signed(server, asked)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(st.text(min_size=1, max_size=8), st.text(max_size=12), max_size=5))
def test_any_parameters_are_signed_as_they_are_sent(server, params):
    session = open_session(server)
    session.read("orders", params)
    session.close()

    assert_signed(server, server.asked[-1])


def test_what_the_client_asks_is_signed(server):
    with open_shop(server.url, consumer_key=KEY, consumer_secret=SECRET) as shop:
        start = len(server.asked)
        shop.find_customers("jo+shop/o'neil@exämple.test")
        shop.list_orders(modified_after=None, statuses=["completed", "on-hold"], include=[1, 2], page=1)
        shop.delete_webhook(1)

    for asked in server.asked[start:]:
        assert_signed(server, asked)
    assert {asked.method for asked in server.asked[start:]} == {"GET", "DELETE"}


def test_two_requests_have_two_nonces(server):
    with open_shop(server.url, consumer_key=KEY, consumer_secret=SECRET) as shop:
        shop.list_webhooks()
        shop.list_webhooks()

    nonces = {fields_of(asked.headers["authorization"])["oauth_nonce"] for asked in server.asked[-2:]}
    assert len(nonces) == 2


@pytest.mark.parametrize("secret", ["cs_a/b+c%20d", "cs&=;,\"'<>", "cs_ with spaces ~!@#$%^&*()", "%2F"])
def test_secret_is_used_as_it_is(server, secret):
    session = open_session(server, secret=secret)
    session.read("orders", {"search": "a/b c"})
    session.write("PUT", "products/5", {"name": "Zoë"})
    session.close()

    for asked in server.asked[-2:]:
        assert_signed(server, asked, secret=secret)


def test_route_in_the_query_is_signed(server):
    session = open_session(server)
    session.access = ShopAccess(root="/shop/index.php?rest_route=/")
    session.read("orders/7")
    session.read("orders", {"include[0]": "3", "search": "a/b&c"})
    session.write("DELETE", "webhooks/5", params={"force": "true"})
    session.close()

    targets = [asked.target.partition("&")[0] for asked in server.asked[-3:]]
    assert targets == [f"/shop/index.php?rest_route=/wc/v3/{path}" for path in ("orders/7", "orders", "webhooks/5")]
    for asked in server.asked[-3:]:
        assert_signed(server, asked)


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        ("http://127.0.0.1:80/a?b=1", "http://127.0.0.1/a?b=1"),
        ("http://127.0.0.1:8080/a?b=1", "http://127.0.0.1:8080/a?b=1"),
        ("http://LOCALHOST", "http://localhost"),
        ("http://127.0.0.1:8980/?rest_route=/wc/v3/orders", "http://127.0.0.1:8980?rest_route=/wc/v3/orders"),
        ("http://[::1]:8080/a%20b/", "http://[::1]:8080/a%20b"),
    ],
)
def test_address_is_signed_as_the_shop_reads_it(sent, read):
    fields = signed_fields(sent)

    assert fields["oauth_signature"] == wanted_signature("GET", read, fields)
