"""A refusal says when the same request could succeed, and suggests a purchase only where it helps."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from bridge.web.context import utcnow
from tests.conftest import Shop
from tests.factories import give, put_user
from tests.support.linked_sites import bearer, link


def limit(shop: Shop, value: int | str, period: str = "daily") -> None:
    """Set the chat's limit for users."""
    answer = shop.client.put("/v1/limits/chat", json={"period": period, "rules": {"user": value}}, headers=shop.headers)
    assert answer.status_code == 200, answer.text


def refusal(shop: Shop, tokens: int, *, key: str | None = None, name: str = "refused") -> dict[str, Any]:
    """Return the refusal of a spend of this many tokens."""
    who = {} if key else {"user": {"id": 2}}
    headers = (bearer(key) if key else shop.headers) | {"Idempotency-Key": name}
    answer = shop.client.post("/v1/spends", json={**who, "module": "chat", "tokens": tokens}, headers=headers)
    assert answer.status_code in {402, 403}, answer.text
    return answer.get_json()


def month_end(moment: datetime) -> str:
    """Return the end of the month in New York, where the store is."""
    zone = ZoneInfo("America/New_York")
    local = moment.astimezone(zone)
    year, month = (local.year + 1, 1) if local.month == 12 else (local.year, local.month + 1)
    end = datetime(year, month, 1, tzinfo=zone).astimezone(ZoneInfo("UTC"))
    return end.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def test_cap_is_over_at_the_end_of_the_month_and_buying_does_not_help(shop):
    limit(shop, 5, "daily")
    give(shop, 2, 1000)
    key = link(shop, monthly_cap=100)["access_key"]

    refused, too_large = refusal(shop, 1, key=_spent(shop, key, 100)), refusal(shop, 101, key=key)

    assert (refused["code"], refused["resets_at"]) == ("site_cap_reached", month_end(utcnow()))
    assert (too_large["code"], too_large["resets_at"]) == ("site_cap_reached", None)
    assert (refused["purchase_url"], too_large["purchase_url"]) == (None, None)
    assert "cap" in refused["detail"]


def _spent(shop: Shop, key: str, tokens: int) -> str:
    answer = shop.client.post(
        "/v1/spends", json={"module": "chat", "tokens": tokens}, headers=bearer(key) | {"Idempotency-Key": "spent"}
    )
    assert answer.status_code == 201, answer.text
    return key


def test_cap_of_nothing_never_resets(shop):
    give(shop, 2, 1000)
    key = link(shop, monthly_cap=0)["access_key"]

    refused = refusal(shop, 1, key=key)

    assert (refused["code"], refused["resets_at"]) == ("site_cap_reached", None)


def test_end_of_the_month_does_not_help_an_account_that_cannot_pay(shop):
    give(shop, 2, 100)
    key = link(shop, monthly_cap=100)["access_key"]
    _spent(shop, key, 100)

    assert refusal(shop, 50, key=key)["resets_at"] is None


@pytest.mark.parametrize(
    ("rule", "balance", "tokens", "resets"),
    [
        (10, 0, 10, True),
        (10, 0, 11, False),
        (10, 5, 15, True),
        (10, 5, 16, False),
        ("disabled", 0, 1, False),
    ],
)
def test_reset_is_named_only_where_it_gives_enough(shop, rule, balance, tokens, resets):
    limit(shop, 10)
    put_user(shop, 2)
    used = shop.client.post(
        "/v1/spends",
        json={"user": {"id": 2}, "module": "chat", "tokens": 8},
        headers=shop.headers | {"Idempotency-Key": "used"},
    )
    assert used.status_code == 201
    limit(shop, rule)
    if balance:
        give(shop, 2, balance)

    refused = refusal(shop, tokens)

    assert (refused["resets_at"] is not None) == resets
    if resets:
        assert refused["resets_at"] == refused["allowance"]["resets_at"]
        assert "from " in refused["detail"]
    assert refused["purchase_url"]


def test_allowance_that_never_resets_names_no_moment(shop):
    limit(shop, 10, "never")
    put_user(shop, 2)

    assert refusal(shop, 11)["resets_at"] is None


def test_end_of_an_own_rule_is_named(shop):
    limit(shop, 100)
    put_user(shop, 2)
    answer = shop.client.put(
        "/v1/users/2/limits/chat",
        json={"limit": "disabled", "ends_at": utcnow().replace(microsecond=0, year=utcnow().year + 1).isoformat()},
        headers=shop.headers,
    )
    assert answer.status_code == 200, answer.text

    refused, too_large = refusal(shop, 50), refusal(shop, 101)

    assert (refused["code"], refused["resets_at"]) == ("module_disabled", answer.get_json()["ends_at"])
    assert too_large["resets_at"] is None


def test_type_of_a_problem_leads_to_its_description(shop):
    put_user(shop, 2)
    docs = shop.client.get("/v1/docs").text
    answers = [
        refusal(shop, 10),
        shop.client.get("/v1/users/99", headers=shop.headers).get_json(),
        shop.client.get("/v1/nothing", headers=shop.headers).get_json(),
        shop.client.delete("/v1/store", headers=shop.headers).get_json(),
        shop.client.get("/v1/store").get_json(),
        shop.client.post(
            "/v1/spends/batch",
            json={"spends": [{"key": "x", "user": {"id": 2}, "module": "chat", "tokens": 10}]},
            headers=shop.headers,
        ).get_json()["results"][0],
    ]

    for answer in answers:
        page, _, code = answer["type"].partition("#")
        assert (page, code) == ("http://127.0.0.1:8000/v1/docs", answer["code"])
        assert f'<div id="{code}">' in docs, code
