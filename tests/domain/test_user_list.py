import base64
import json

import pytest

from bridge.domain.admin.user_list import Place, Sort, read_place, write_place
from bridge.domain.errors import InvalidRequest


@pytest.mark.parametrize(
    ("sort", "value"),
    [
        (Sort.BALANCE, 2**53 - 1),
        (Sort.PURCHASED, -5),
        (Sort.NAME, "søren\u200b o’brien\n"),
        (Sort.EMAIL, ""),
        (Sort.ROLES, '["a", "b"]'),
    ],
)
def test_place_comes_back_as_it_was_written(sort, value):
    place = Place(value, 7, 51)

    assert read_place(write_place(place, sort), sort) == place


@pytest.mark.parametrize(
    ("sort", "parts"),
    [
        (Sort.BALANCE, ["debt", 1, 1, 1]),
        (Sort.BALANCE, ["balance", "1", 1, 1]),
        (Sort.BALANCE, ["balance", True, 1, 1]),
        (Sort.BALANCE, ["balance", 2**63, 1, 1]),
        (Sort.BALANCE, ["balance", 1, 2**63, 1]),
        (Sort.BALANCE, ["balance", 1, 1, 0]),
        (Sort.BALANCE, ["balance", 1.5, 1, 1]),
        (Sort.NAME, ["name", 1, 1, 1]),
        (Sort.NAME, ["name", "a\0b", 1, 1]),
        (Sort.NAME, ["name", "\ud800", 1, 1]),
        (Sort.NAME, ["name"]),
        (Sort.NAME, {"name": 1}),
    ],
)
def test_invalid_place_is_refused(sort, parts):
    text = base64.urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")

    with pytest.raises(InvalidRequest):
        read_place(text, sort)


@pytest.mark.parametrize("text", ["x", "!!!!", "é", "bm90IGpzb24", "W1tbW1tbW1tb" * 4000])
def test_text_that_is_no_place_is_refused(text):
    with pytest.raises(InvalidRequest):
        read_place(text, Sort.NAME)
