"""Trusted proxies: only their headers count for the client's address."""

from __future__ import annotations

import pytest
from flask import request

from app import create_app
from bridge.config import load_config
from bridge.domain.errors import BadSetting
from bridge.domain.ops.proxies import client_address, read_networks
from tests.conftest import make_config
from tests.support.linked_sites import BLOG

TRUSTED = read_networks("127.0.0.1, 10.0.0.0/8 2001:db8:1::/48")


@pytest.fixture
def engine():
    """One engine is enough: this is about headers."""
    return "sqlite"


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("127.0.0.1", "203.0.113.9", "203.0.113.9"),
        ("127.0.0.1", "198.51.100.1, 203.0.113.9", "203.0.113.9"),
        ("127.0.0.1", "198.51.100.1, 203.0.113.9, 10.1.2.3", "203.0.113.9"),
        ("127.0.0.1", "10.9.9.9, 10.1.2.3", "10.9.9.9"),
        ("127.0.0.1", "", "127.0.0.1"),
        ("127.0.0.1", "unknown", "127.0.0.1"),
        ("127.0.0.1", "203.0.113.9, _hidden, 10.1.2.3", "10.1.2.3"),
        ("127.0.0.1", "203.0.113.9:4711", "203.0.113.9"),
        ("127.0.0.1", '"[2001:db8::9]:4711"', "2001:db8::9"),
        ("127.0.0.1", "2001:db8:2::9, 2001:db8:1::1", "2001:db8:2::9"),
        ("::ffff:127.0.0.1", "203.0.113.9", "203.0.113.9"),
        ("203.0.113.1", "198.51.100.1", "203.0.113.1"),
        ("", "198.51.100.1", ""),
    ],
)
def test_client_is_the_last_address_that_is_no_trusted_proxy(peer, forwarded, client):
    assert client_address(peer, forwarded, TRUSTED) == client


def guess(app, forwarded: str, peer: str = "127.0.0.1") -> int:
    """Send one wrong link code and return the status of the answer."""
    headers = {"X-Forwarded-For": forwarded} if forwarded else {}
    body = BLOG | {"code": "ABCDE-FGHJK"}
    answer = app.test_client().post("/v1/link", json=body, headers=headers, environ_base={"REMOTE_ADDR": peer})
    return answer.status_code


def test_callers_behind_a_trusted_proxy_are_distinguished(app, database_url):
    behind = create_app(make_config(database_url, trusted_proxies=TRUSTED))

    assert [guess(behind, "9.9.9.9, 203.0.113.9") for _ in range(11)][-1] == 429
    # A header from the client itself changes nothing; another client is another one.
    assert guess(behind, "8.8.8.8, 203.0.113.9") == 429
    assert guess(behind, "203.0.113.10") == 404
    assert guess(behind, "203.0.113.10", peer="198.51.100.1") == 404


def test_forwarded_headers_of_untrusted_callers_are_ignored(app):
    assert [guess(app, f"203.0.113.{number}") for number in range(11)][-1] == 429


def test_scheme_host_port_and_prefix_come_from_a_trusted_proxy(app, database_url):
    behind = create_app(make_config(database_url, trusted_proxies=TRUSTED))
    seen = []
    behind.before_request(lambda: seen.append(request.url))
    headers = {
        "X-Forwarded-For": "203.0.113.9",
        "X-Forwarded-Proto": "http, https",
        "X-Forwarded-Host": "evil.example, bridge.example.com",
        "X-Forwarded-Port": "8443",
        "X-Forwarded-Prefix": "/tokens",
    }

    for peer in ("127.0.0.1", "198.51.100.1"):
        behind.test_client().get("/healthz", headers=headers, environ_base={"REMOTE_ADDR": peer})
    bad = {"Proto": "gopher", "Host": "a b", "Port": "x", "Prefix": "//x"}
    bad = {f"X-Forwarded-{name}": value for name, value in bad.items()}
    behind.test_client().get("/healthz", headers=bad, environ_base={"REMOTE_ADDR": "127.0.0.1"})

    assert seen == ["https://bridge.example.com:8443/tokens/healthz", *["http://localhost/healthz"] * 2]


def test_cookie_is_for_tls_where_the_proxy_says_tls(app, database_url):
    behind = create_app(make_config(database_url, trusted_proxies=TRUSTED))

    for proto, is_secure in (("https", True), ("http", False)):
        answer = behind.test_client().get(
            "/admin", headers={"X-Forwarded-Proto": proto}, environ_base={"REMOTE_ADDR": "127.0.0.1"}
        )
        assert ("Secure" in answer.headers["Set-Cookie"]) == is_secure


@pytest.mark.parametrize("bad", ["nginx", "10.0.0.0/99", "127.0.0.1, *", "300.1.1.1"])
def test_bad_list_stops_the_start_with_the_name_of_the_variable(tmp_path, bad):
    with pytest.raises(BadSetting, match="BRIDGE_TRUSTED_PROXIES"):
        load_config({"BRIDGE_TRUSTED_PROXIES": bad}, root=tmp_path)


def test_list_is_read_and_empty_by_default(tmp_path):
    assert load_config({}, root=tmp_path).trusted_proxies == ()
    given = load_config({"BRIDGE_TRUSTED_PROXIES": "10.0.0.1, ::1 192.168.0.0/16"}, root=tmp_path).trusted_proxies
    assert [str(network) for network in given] == ["10.0.0.1/32", "::1/128", "192.168.0.0/16"]
