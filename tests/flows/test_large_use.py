"""Use above what a window or a day can count: an error with a code, nothing half charged."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from tests.factories import give, put_user
from tests.support.ledger_sql import faults

MOST = 2**53 - 1
_keys = itertools.count(1)


@pytest.fixture(autouse=True)
def sound_ledger(database):
    """Check afterwards that the ledger adds up."""
    yield
    assert faults(database) == []


def call(shop: Any, path: str, body: Any) -> Any:
    """Send a POST under a new idempotency key."""
    given = shop.headers | {"Idempotency-Key": f"large-{next(_keys)}"}
    return shop.client.post(f"/v1/{path}", json=body, headers=given)


@pytest.fixture
def unlimited(shop):
    """Return a store whose chat is free without limit."""
    shop.client.put("/v1/limits/chat", json={"period": "daily", "rules": {"user": "unlimited"}}, headers=shop.headers)
    return shop


WHO = {"user": {"id": 2}, "module": "chat"}


def test_window_counts_up_to_its_bound_and_not_past_it(unlimited):
    first, second = (call(unlimited, "spends", WHO | {"tokens": tokens}) for tokens in (MOST, 1))

    assert first.status_code == 201
    assert (second.status_code, second.get_json()["code"]) == (422, "use_out_of_range")
    used = unlimited.client.get("/v1/users/2", headers=unlimited.headers).get_json()["limits"][0]["used"]
    assert used == MOST


def test_spend_past_the_bound_fails_alone_in_a_batch(unlimited):
    spends = [{"key": str(n), **WHO, "tokens": MOST if n % 2 else 1} for n in range(8)]

    results = call(unlimited, "spends/batch", {"spends": spends}).get_json()["results"]

    assert [result["status"] for result in results] == [201, 422, 201, 422, 201, 422, 201, 422]
    other = call(unlimited, "spends", {"user": {"id": 3}, "module": "chat", "tokens": MOST})
    assert other.status_code == 201


def test_day_of_units_is_bounded_also_from_one_request_to_the_next(unlimited):
    operation = {"module": "chat", "tokens_per_unit": 0}
    unlimited.client.put("/v1/operations/look", json=operation, headers=unlimited.headers)
    asked = {"user": {"id": 2}, "operation": "look", "quantity": MOST}

    answers = [call(unlimited, "spends", asked) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [201, 422]
    assert answers[1].get_json()["code"] == "use_out_of_range"


def test_uncovered_use_is_bounded_whatever_source_it_names(shop):
    """A linked site may capture any amount, but no sum that a page or an audit cannot represent."""
    put_user(shop, 2)
    give(shop, 2, 100)
    holds = [call(shop, "holds", WHO | {"tokens": 1, "source": f"s{n}"}).get_json()["id"] for n in range(3)]

    answers = [call(shop, f"holds/{hold}/capture", {"tokens": MOST - 1}) for hold in holds]

    assert [answer.status_code for answer in answers] == [201, 422, 422]
    hold = shop.client.get(f"/v1/holds/{holds[1]}", headers=shop.headers).get_json()
    assert (hold["state"], hold["balance"]["held"]) == ("open", 2)


def test_capture_past_the_bound_leaves_the_hold_open(unlimited):
    held = call(unlimited, "holds", WHO | {"tokens": 10}).get_json()["id"]
    assert call(unlimited, "spends", WHO | {"tokens": MOST}).status_code == 201

    refused = call(unlimited, f"holds/{held}/capture", {"tokens": 10})

    assert (refused.status_code, refused.get_json()["code"]) == (422, "use_out_of_range")
    hold = unlimited.client.get(f"/v1/holds/{held}", headers=unlimited.headers).get_json()
    assert (hold["state"], hold["allowance"]["held"]) == ("open", 10)
    assert call(unlimited, f"holds/{held}/release", {}).status_code == 200
