"""Moments at the ends of the calendar: refused where UTC has none, and never shown in another zone."""

from __future__ import annotations

import pytest

from tests.factories import give


def put_rule(shop, ends_at):
    body = {"limit": "disabled", "ends_at": ends_at}
    return shop.client.put("/v1/users/2/limits/chat", json=body, headers=shop.headers)


@pytest.mark.parametrize(
    "ends_at", ["9999-12-31T23:59:59-23:59", "9999-12-31T23:00:00-01:00", "0001-01-01T00:00:00+23:59"]
)
def test_moment_beyond_the_calendar_is_refused(shop, ends_at):
    give(shop, 2, 10)

    answer = put_rule(shop, ends_at)

    assert answer.status_code == 422
    assert answer.get_json()["errors"][0]["field"] == "ends_at"


@pytest.mark.parametrize("zone", ["Asia/Tokyo", "America/New_York", "+14:00"])
def test_rule_that_ends_on_the_last_day_of_the_calendar_names_no_reset(shop, zone):
    give(shop, 2, 10)
    shop.client.put("/v1/store", json={"time_zone": zone}, headers=shop.headers)
    rules = {"period": "never", "rules": {"user": 1_000}}
    shop.client.put("/v1/limits/chat", json=rules, headers=shop.headers)
    assert put_rule(shop, "9999-12-31T23:59:59Z").status_code == 200

    body = {"user": {"id": 2}, "module": "chat", "tokens": 500}
    answer = shop.client.post("/v1/spends", json=body, headers=shop.headers | {"Idempotency-Key": "far"})

    assert (answer.status_code, answer.get_json()["code"]) == (403, "module_disabled")
    assert answer.get_json()["resets_at"] is None
    for path in ("", "/explain?module=chat", "/limits"):
        assert shop.client.get(f"/v1/users/2{path}", headers=shop.headers).status_code in {200, 404}
    assert shop.client.get("/v1/widget?user_id=2&modules=chat", headers=shop.headers).status_code == 200
