"""The price list: whole tokens for whole units, up to the cap."""

from __future__ import annotations

import pytest

from bridge.domain.accounts.accounts import MAX_TOKENS
from bridge.domain.errors import InvalidRequest
from bridge.domain.metering.errors import TooManyUnits
from bridge.domain.metering.pricing import DEFAULT_OPERATIONS, Operation, price_of, sum_of

KNOWN = {operation.key: operation for operation in DEFAULT_OPERATIONS}


@pytest.mark.parametrize(
    ("key", "quantity", "expected"),
    [
        ("image.analysis", 1, 1),
        ("image.export", 7, 7),
        ("image.pipeline", 1, 2),
        ("image.pipeline", 500, 1_000),
        ("image.preview", 1, 0),
        ("image.preview", 5, 0),
        ("chat.message", MAX_TOKENS, MAX_TOKENS),
    ],
)
def test_price_is_tokens_times_units(key, quantity, expected):
    assert price_of(KNOWN[key], quantity) == expected


@pytest.mark.parametrize("quantity", [6, 1_000, MAX_TOKENS])
def test_more_units_than_the_cap_are_refused_even_where_they_cost_nothing(quantity):
    with pytest.raises(TooManyUnits) as raised:
        price_of(KNOWN["image.preview"], quantity)

    assert [field.field for field in raised.value.fields] == ["quantity"]


def test_price_past_what_json_carries_is_refused_and_the_last_one_that_fits_is_not():
    operation = Operation("big", "chat", 2**52)

    assert price_of(operation, 1) == 2**52
    with pytest.raises(InvalidRequest):
        price_of(operation, 2)


def test_the_whole_pipeline_costs_what_its_parts_cost():
    pipeline = KNOWN["image.pipeline"]

    assert pipeline.tokens_per_unit == sum_of(KNOWN[part] for part in pipeline.parts) == 2
