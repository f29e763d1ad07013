"""Signing for a shop on plain http, against what a real shop accepted and a reading of RFC 5849 of the tests' own."""

from __future__ import annotations

import base64
import hmac
import json
import re
import time
from pathlib import Path
from urllib.parse import unquote_plus, urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bridge.clients.oauth import signature
from bridge.clients.woocommerce.api import open_shop
from bridge.clients.woocommerce.session import ShopSession
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


def wanted_signature(method, url, fields):
    """What the shop works out from the request line and the header's fields, as the RFC has it."""
    base, _, query = url.partition("?")
    pairs = [pair.partition("=")[::2] for pair in query.split("&") if pair]
    sent = [(unquote_plus(name), unquote_plus(value)) for name, value in pairs]
    sent += [item for item in fields.items() if item[0] != "oauth_signature"]
    normal = "&".join("=".join(pair) for pair in sorted((percent(name), percent(value)) for name, value in sent))
    text = f"{method}&{percent(base)}&{percent(normal)}"
    return base64.b64encode(hmac.digest(f"{SECRET}&".encode(), text.encode(), "sha256")).decode()


def assert_signed(server, asked):
    fields = fields_of(asked.headers["authorization"])
    assert fields["oauth_signature"] == wanted_signature(asked.method, server.url + asked.target, fields)
    assert fields["oauth_consumer_key"] == KEY
    assert fields["oauth_signature_method"] == "HMAC-SHA256"
    assert abs(int(fields["oauth_timestamp"]) - time.time()) < 60
    assert "oauth_" not in asked.target


def test_signature_is_the_one_a_real_shop_accepted():
    line = json.loads(RECORDED.read_text())["request"]["line"]
    method, target = line.split(" ")
    unsigned, _, signed = target.partition("&oauth_signature=")

    made = signature(method, f"http://127.0.0.1:8980{unsigned}", {}, secret=SECRET)

    assert made == unquote_plus(signed)


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
    session = ShopSession(server.url, consumer_key=KEY, consumer_secret=SECRET, timeout=(5, 5), sleep=pytest.fail)
    session.read("orders", params)
    session.close()

    asked = server.asked[-1]
    assert asked.params == params
    assert_signed(server, asked)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(st.text(min_size=1, max_size=8), st.text(max_size=12), max_size=5))
def test_any_parameters_are_signed_as_they_are_sent(server, params):
    session = ShopSession(server.url, consumer_key=KEY, consumer_secret=SECRET, timeout=(5, 5), sleep=pytest.fail)
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


def test_port_80_and_large_letters_are_not_signed():
    named = signature("get", "http://127.0.0.1:80/a?b=1", {}, secret=SECRET)

    assert named == signature("GET", "http://127.0.0.1/a?b=1", {}, secret=SECRET)
    assert named == wanted_signature("GET", "http://127.0.0.1/a?b=1", {})
    assert named != signature("GET", "http://127.0.0.1:8080/a?b=1", {}, secret=SECRET)
    assert urlsplit("http://LOCALHOST/").netloc == "LOCALHOST"
    assert signature("GET", "http://LOCALHOST/", {}, secret=SECRET) == wanted_signature("GET", "http://localhost/", {})
