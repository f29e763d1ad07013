"""Public URLs that a shop's WordPress calls, and those it refuses."""

from __future__ import annotations

import pytest

from bridge.domain.stores.public_address import delivery_fault, origin_of, path_of, same_address

SHOP = "https://shop.example.com"


@pytest.mark.parametrize(
    "public_url",
    [
        "https://bridge.example.com",
        "http://bridge.example.com",
        "https://bridge.example.com:443/bridge",
        "http://bridge.example.com:8080",
        "https://203.0.113.9",
    ],
)
def test_address_that_wordpress_calls(public_url):
    assert delivery_fault(public_url, shop_url=SHOP) == ""


@pytest.mark.parametrize(
    ("public_url", "words"),
    [
        ("https://bridge.example.com:8443", "port 8443"),
        ("http://bridge.example.com:8010", "port 8010"),
        ("http://127.0.0.1:8000", "this machine only"),
        ("http://localhost", "this machine only"),
        ("http://[::1]", "this machine only"),
        ("http://[::ffff:127.0.0.1]", "this machine only"),
        ("http://10.0.0.7", "private network"),
        ("http://192.168.1.20:8080", "private network"),
        ("https://172.16.0.1", "private network"),
        ("http://169.254.10.1", "private network"),
        ("http://100.64.0.1", "private network"),
        ("http://[fe80::1]", "private network"),
        ("http://[fd00::1]", "private network"),
        ("http://0.0.0.0", "private network"),
        ("https://bridge", "name in a private network"),
        ("https://bridge.local", "name in a private network"),
        ("https://bridge.INTERNAL.", "name in a private network"),
    ],
)
def test_address_that_wordpress_refuses(public_url, words):
    assert words in delivery_fault(public_url, shop_url=SHOP)
    assert words in delivery_fault(public_url)


def test_name_that_resolves_to_a_private_address_is_refused():
    fault = delivery_fault("https://bridge.example.com", shop_url=SHOP, addresses=["203.0.113.1", "192.168.0.4"])

    assert "bridge.example.com resolves to 192.168.0.4" in fault


@pytest.mark.parametrize(
    ("public_url", "shop_url", "is_called"),
    [
        ("http://127.0.0.1:8980/bridge", "http://127.0.0.1:8980", True),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8980", True),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8980", False),
        ("https://shop.example.com:8443", "https://shop.example.com:8443", True),
        ("https://shop.example.com:8443", "https://shop.example.com", False),
    ],
)
def test_shops_own_host_and_port_are_called(public_url, shop_url, is_called):
    assert (delivery_fault(public_url, shop_url=shop_url) == "") is is_called


def test_addresses_are_compared_and_taken_apart():
    assert same_address("https://Bridge.example.com/", "https://bridge.example.com:443")
    assert not same_address("http://127.0.0.1:8000", "http://127.0.0.1:8010")
    assert not same_address("https://x.example/a", "https://x.example/b")
    assert origin_of("https://x.example/bridge") == "https://x.example"
    assert path_of("https://x.example/bridge/") == "/bridge"


@pytest.mark.parametrize(
    ("one", "other", "are_same"),
    [("straße", "strasse", False), ("straße", "xn--strae-oqa", True), ("Täglich", "xn--tglich-bua", True)],
)
def test_host_is_compared_as_browsers_send_it(one, other, are_same):
    assert same_address(f"https://{one}.example", f"https://{other}.example/") is are_same
    assert (delivery_fault(f"https://{one}.example:8443", shop_url=f"https://{other}.example:8443") == "") is are_same
