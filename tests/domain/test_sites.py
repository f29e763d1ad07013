"""Linked sites: their addresses and names, the rest of a cap, and the state of an account."""

from __future__ import annotations

import pytest

from bridge.domain.sites.sites import AccountState, left_of_cap, read_name, read_url, state_of


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("https://blog.example.com", "https://blog.example.com"),
        (" HTTPS://blog.example.com/shop/ ", "https://blog.example.com/shop"),
        ("http://127.0.0.1:8080/?preview=1#top", "http://127.0.0.1:8080"),
        ("https://[2001:db8::1]:8443/", "https://[2001:db8::1]:8443"),
        ("https://bücher.example", "https://bücher.example"),
        ("https://a.example/" + "x" * 482, "https://a.example/" + "x" * 482),
    ],
)
def test_address_of_a_site_is_stored_without_query_and_last_slash(given, expected):
    assert read_url(given) == expected


@pytest.mark.parametrize(
    "given",
    [
        "",
        "blog.example.com",
        "//blog.example.com",
        "ftp://blog.example.com",
        "javascript:alert(1)",
        "https://",
        "https:///path",
        "https://:443",
        "https://blog.example.com:port",
        "https://blog.example.com:70000",
        "https://blog.example.com:0",
        "https://[2001:db8::1",
        "https://blog example.com",
        "https://blog.exam\tple.com",
        "https://blog.example.com/\x00",
        "https://ada@blog.example.com",
        "https://ada:secret@blog.example.com",
        "https://a.example/" + "x" * 483,
    ],
)
def test_address_that_is_none_is_refused(given):
    with pytest.raises(ValueError, match="enter"):
        read_url(given)


def test_name_is_trimmed_and_may_be_200_characters():
    assert read_name("  Ada's blog 🌱 ") == "Ada's blog 🌱"
    assert len(read_name("x" * 200)) == 200


@pytest.mark.parametrize("given", ["", "   ", "x" * 201, "a\nb", "a\x00b", "a\x1bb", "a\x85b", "a\u2028b", "\ud800"])
def test_name_that_is_none_is_refused(given):
    with pytest.raises(ValueError, match=r"name|characters"):
        read_name(given)


@pytest.mark.parametrize(
    ("cap", "used", "held", "left"),
    [
        (None, 10**9, 5, None),
        (0, 0, 0, 0),
        (100, 0, 0, 100),
        (100, 60, 39, 1),
        (100, 60, 40, 0),
        (100, 150, 0, 0),
    ],
)
def test_cap_leaves_what_is_neither_used_nor_held_and_never_less_than_nothing(cap, used, held, left):
    assert left_of_cap(cap, used=used, held=held) == left


@pytest.mark.parametrize(
    ("available", "low_balance", "has_more", "state"),
    [
        (1000, 1000, False, AccountState.OK),
        (999, 1000, False, AccountState.LOW),
        (1, 1000, False, AccountState.LOW),
        (0, 1000, False, AccountState.EXHAUSTED),
        (0, 1000, True, AccountState.LOW),
        (1, 0, False, AccountState.OK),
        (0, 0, True, AccountState.OK),
        (0, 0, False, AccountState.EXHAUSTED),
    ],
)
def test_state_of_an_account(available, low_balance, has_more, state):
    assert state_of(available=available, low_balance=low_balance, has_more=has_more) is state
