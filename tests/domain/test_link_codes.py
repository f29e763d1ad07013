"""Link codes: one spelling, and spans that guesses count in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from bridge.domain.sites.link_codes import LETTERS, client_of, guess_window, read_code, show_code

CODE = "A1B0CDEFG2"


@pytest.mark.parametrize(
    "typed", [CODE, "A1B0C-DEFG2", "a1b0c-defg2", " a1b0c defg2 ", "AlBOC-DEFG2", "aIboc–defg2", "A-1-B-0-C-D-E-F-G-2"]
)
def test_code_is_read_however_it_was_typed(typed):
    assert read_code(typed) == CODE


def test_shown_code_is_read_as_itself():
    assert show_code(CODE) == "A1B0C-DEFG2"
    assert read_code(show_code(CODE)) == CODE


def test_letters_that_look_alike_are_not_among_a_code_s():
    assert len(set(LETTERS)) == 32
    assert not set("ILOU") & set(LETTERS)


def test_guesses_count_until_their_quarter_of_an_hour_is_over():
    start = datetime(2026, 11, 22, 10, 15, tzinfo=UTC)

    assert guess_window(start).starts_at == start
    assert guess_window(start + timedelta(minutes=15, microseconds=-1)).starts_at == start
    assert guess_window(start + timedelta(minutes=15)).starts_at == start + timedelta(minutes=15)


@pytest.mark.parametrize(
    ("address", "client"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("2001:db8:1:2::3", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::3", "2001:db8:1:3::/64"),
        ("", ""),
        ("a-socket", "a-socket"),
    ],
)
def test_client_behind_an_address(address, client):
    """One connection has 2^64 addresses of IPv6; to count each by itself would count nothing."""
    assert client_of(address) == client
