"""The address that an owner enters to connect a shop, and the link to the shop."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest

from bridge.domain.shop.authorization import (
    MAX_URL,
    RestKeys,
    address_fault,
    authorize_url,
    callback_fault,
    full_address,
    suggest_slug,
)


@pytest.mark.parametrize(
    "typed",
    [
        "shop.example.com",
        " https://shop.example.com/ ",
        "https://shop.example.com/in/a/folder",
        "HTTPS://SHOP.example.com:8443",
        "https://täglich.example",
        "http://127.0.0.1:8980",
        "http://localhost/wordpress",
        "https://[::1]",
        "https://" + "a" * (MAX_URL - 8 - 200) + "." + "b" * 50,
    ],
)
def test_address_of_a_shop_is_taken(typed):
    assert address_fault(full_address(typed)) == ""


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("", "such as https://"),
        ("http://shop.example.com", "https:// address"),
        ("http://127.0.0.1.example.com", "https:// address"),
        ("ftp://shop.example.com", "begins with https://"),
        ("javascript:alert(1)", "such as https://"),
        ("https://", "such as https://"),
        ("https://a b.example", "such as https://"),
        ("https://a'b.example", "such as https://"),
        ("https://shop.example.com:99999", "such as https://"),
        ("https://[shop", "such as https://"),
        ("https://shop.example.com/\x00", "such as https://"),
        ("https://shop.example.com/" + "a" * MAX_URL, "such as https://"),
        ("https://user:word@shop.example.com", "without a user"),
        ("https://shop.example.com/?page=1", "without a user"),
        ("https://shop.example.com/#top", "without a user"),
    ],
)
def test_invalid_address_is_reported(typed, words):
    assert words in address_fault(full_address(typed))


@pytest.mark.parametrize(
    ("url", "slug"),
    [
        ("https://shop.example.com", "shop-example"),
        ("https://www.tokens.example/de/", "tokens"),
        ("https://localhost", "localhost"),
        ("http://127.0.0.1:8980", "shop"),
        ("https://connect.example", "shop"),
        ("https://-.example", "shop"),
        (f"https://{'a-' * 50}.example", "a-" * 29 + "a"),
    ],
)
def test_slug_is_suggested_from_the_host(url, slug):
    assert suggest_slug(url) == slug


@pytest.mark.parametrize(
    ("public_url", "shop_url", "words"),
    [
        ("https://bridge.example.com", "https://shop.example.com", ""),
        ("http://127.0.0.1:8000", "http://localhost:8980", ""),
        ("http://127.0.0.1:8000", "https://shop.example.com", "from this machine only"),
        ("https://localhost", "https://shop.example.com", "from this machine only"),
        ("http://127.0.0.1:8000", "", "from this machine only"),
        ("http://bridge.example.com", "https://shop.example.com", "is not https"),
        ("http://10.0.0.7", "http://localhost", "is not https"),
    ],
)
def test_shop_sends_its_keys_to_https_alone(public_url, shop_url, words):
    fault = callback_fault(public_url, shop_url=shop_url)

    assert words in fault
    assert bool(fault) == bool(words)


def test_way_to_the_shop_keeps_its_folder_and_names_all_woocommerce_asks_for():
    there = urlsplit(
        authorize_url(
            "https://example.com/shop",
            state="a state",
            return_url="https://bridge.example.com/back?x=1",
            callback_url="https://bridge.example.com/keys",
        )
    )

    assert (there.netloc, there.path) == ("example.com", "/shop/wc-auth/v1/authorize")
    assert parse_qs(there.query) == {
        "app_name": ["Token Bridge"],
        "scope": ["read_write"],
        "user_id": ["a state"],
        "return_url": ["https://bridge.example.com/back?x=1"],
        "callback_url": ["https://bridge.example.com/keys"],
    }


@pytest.mark.parametrize(
    ("key", "secret", "is_well_formed"),
    [
        ("ck_" + "1" * 40, "cs_" + "2" * 40, True),
        ("cs_" + "1" * 40, "ck_" + "2" * 40, False),
        ("ck_1", "cs_" + "2" * 40, False),
        ("ck_" + "1" * 40, "cs_" + "2" * 30 + "\n" + "2" * 9, False),
        ("ck_" + "é" * 40, "cs_" + "2" * 40, False),
    ],
)
def test_keys_look_as_woocommerce_makes_them(key, secret, is_well_formed):
    keys = RestKeys(key, secret)

    assert keys.are_well_formed is is_well_formed
    assert key not in repr(keys)
