"""Two spellings of one shop's address are the same shop."""

from __future__ import annotations

import pytest

from bridge.domain.stores.shop_address import comparable_shop, without_page


@pytest.mark.parametrize(
    "url",
    [
        "http://täglich.example",
        "https://www.täglich.example/",
        "https://TÄGLICH.example:443",
        "https://xn--tglich-bua.example",
        "https://täglich.example./",
        "https://täglich.example/wp-admin/index.php",
    ],
)
def test_spellings_of_one_shop(url):
    assert comparable_shop(url) == comparable_shop("https://täglich.example")


@pytest.mark.parametrize(
    "url", ["https://other.example", "https://shop.example/de", "https://shop.example:8443", "https://shop2.example"]
)
def test_other_shops(url):
    assert comparable_shop(url) != comparable_shop("https://shop.example")


@pytest.mark.parametrize(
    ("one", "other"),
    [("faß", "fass"), ("faẞ", "fass"), ("σας", "σασ"), ("ΣΑΣ", "σας"), ("xn--fa-hia", "fass")],
)
def test_names_of_two_hosts_in_a_browser_are_two_shops(one, other):
    assert comparable_shop(f"https://{one}.example") != comparable_shop(f"https://{other}.example")


@pytest.mark.parametrize(
    ("one", "other"), [("faß", "xn--fa-hia"), ("FAẞ", "faß"), ("ΣΑΣ", "σασ"), ("ｓｈｏｐ", "shop")]
)
def test_names_of_one_host_in_a_browser_are_one_shop(one, other):
    assert comparable_shop(f"https://{one}.example") == comparable_shop(f"https://{other}.example")


def test_paths_are_compared_by_letter_as_hosts_are():
    assert comparable_shop("https://shop.example/faß") != comparable_shop("https://shop.example/fass")
    assert comparable_shop("https://shop.example/FAẞ/") == comparable_shop("https://shop.example/fa%C3%9F")
    # An address that cannot be read is compared as a whole.
    assert comparable_shop("https://[faß") != comparable_shop("https://[fass")


def test_page_that_was_copied_along_is_left_out():
    assert without_page("https://shop.example/blog/wp-admin/admin.php") == "https://shop.example/blog"
    assert without_page("https://shop.example/wp-login.php") == "https://shop.example"
    assert without_page("https://shop.example/wp-adminton") == "https://shop.example/wp-adminton"
