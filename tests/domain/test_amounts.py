"""Amounts as people and plugins write them: clear whole numbers are read, others are refused with a reason."""

from __future__ import annotations

import json

import pytest

from bridge.domain.accounts.amounts import MAX_VALUE, Reason, Unreadable, as_list, read_amount, shown
from bridge.rendering import amounts


def name(value):
    """Return the name of a parameter, which distinguishes "5" from 5."""
    return f"{type(value).__name__} {shown(value)[:60]}"


@pytest.mark.parametrize(
    "value",
    [
        5000,
        5000.0,
        "5000",
        " 5000 ",
        "\u00a05000\u00a0",
        "5000.00",
        "5000,00",
        "5000.000",
        "5000,0",
        "5,000",
        "5,000.00",
        "5.000,00",
        "5.000,000",
        "5 000",
        "5\u00a0000",
        "5\u202f000",
        "5\u2009000",
        "5\u2007000",
        "5 000,00",
        "5'000",
        "5’000",
        "5'000.00",
        "5_000",
        "+5000",
        "05000",
        "5\u200b000",
        "\ufeff5000",
        "５０００",
        "５，０００",
        "٥٠٠٠",
        "٥٬٠٠٠",
        "५०००",
        ["5000"],
        [5000],
        [["5000"]],
        {"value": 5000},
        {"value": "5,000"},
        {"amount": 5000},
        {"0": "5000"},
        {"7": "5000"},
    ],
    ids=name,
)
def test_clear_whole_number_is_read(value):
    assert read_amount(value) == 5000


@pytest.mark.parametrize(
    ("value", "number"),
    [
        ("1.000.000", 1_000_000),
        ("1,000,000.0", 1_000_000),
        ("1 000 000", 1_000_000),
        ("1,00,000", 100_000),
        ("12,34,567", 1_234_567),
        ("5,00", 5),
        ("5.0", 5),
        ("0", 0),
        ("0.000", 0),
        ("-0", 0),
        (0, 0),
        ("9007199254740991", 2**53 - 1),
        (2**53 - 1, 2**53 - 1),
    ],
    ids=name,
)
def test_other_clear_numbers_are_read(value, number):
    assert read_amount(value) == number


@pytest.mark.parametrize("value", [None, "", " ", "\u00a0", "\u200b", [], {}, [None], [""], {"value": None}], ids=name)
def test_nothing_is_not_an_amount_of_zero(value):
    assert read_amount(value) is None


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("5.000", Reason.AMBIGUOUS),
        ("12.345", Reason.AMBIGUOUS),
        ("100.000", Reason.AMBIGUOUS),
        (["5.000"], Reason.AMBIGUOUS),
        ("５．０００", Reason.AMBIGUOUS),
        ("5000.50", Reason.FRACTION),
        ("0,500", Reason.FRACTION),
        ("0.5", Reason.FRACTION),
        (5.5, Reason.FRACTION),
        ("1234,567", Reason.FRACTION),
        ("-5", Reason.NEGATIVE),
        ("−5", Reason.NEGATIVE),
        (-5, Reason.NEGATIVE),
        (-5.0, Reason.NEGATIVE),
        ("9007199254740992", Reason.TOO_LARGE),
        ("9" * 40, Reason.TOO_LARGE),
        ("9" * 100_000, Reason.TOO_LARGE),
        (2**53, Reason.TOO_LARGE),
        (10**4000, Reason.TOO_LARGE),
        (1e300, Reason.TOO_LARGE),
        (float("inf"), Reason.TOO_LARGE),
        (float("nan"), Reason.NO_NUMBER),
        (True, Reason.NO_NUMBER),
        ("5k", Reason.NO_NUMBER),
        ("5000 tokens", Reason.NO_NUMBER),
        ("5" + " " * 500 + "000", Reason.NO_NUMBER),
        ("1e3", Reason.NO_NUMBER),
        ("0x10", Reason.NO_NUMBER),
        ("5²", Reason.NO_NUMBER),
        ("½", Reason.NO_NUMBER),
        ("5,00,0", Reason.NO_NUMBER),
        ("5 00", Reason.NO_NUMBER),
        ("5..0", Reason.NO_NUMBER),
        ("--5", Reason.NO_NUMBER),
        ("+", Reason.NO_NUMBER),
        ("five", Reason.NO_NUMBER),
        (["5", "6"], Reason.NO_NUMBER),
        ({"value": 5, "other": 6}, Reason.NO_NUMBER),
        ({"price": 5}, Reason.NO_NUMBER),
        ([[[[["5"]]]]], Reason.NO_NUMBER),
    ],
    ids=name,
)
def test_unclear_value_says_why(value, reason):
    assert read_amount(value) is reason


def test_every_reason_has_a_sentence_with_key_and_value():
    for reason in Reason:
        sentence = amounts.describe(Unreadable("tokens_granted", "5.000", reason))
        assert "tokens_granted" in sentence
        assert ("5.000" in sentence) is (reason is not Reason.MISSING)


def test_lists_with_gaps_are_lists():
    assert as_list(["a", "b"]) == ["a", "b"]
    assert as_list({"0": "a", "2": "c", "10": "d"}) == ["a", "c", "d"]
    assert [as_list(value) for value in ({}, {"a": 1}, {"0": 1, "a": 2}, None, "ab", 5)] == [[]] * 6


@pytest.mark.parametrize(
    "value",
    ["x" * 10**6, ["x" * 10**6] * 50, {"k" * 10**5: 1}, [[[[[[1]]]]]], "a\0b\nc", "\ud800", 10**5000, [10**5000]],
    ids=range(8),
)
def test_shown_value_is_bounded_and_can_be_stored(value):
    text = shown(value)

    assert len(text) <= MAX_VALUE
    assert text.encode()
    assert "\0" not in text
    assert json.loads(json.dumps(text)) == text
