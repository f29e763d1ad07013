"""Adjustments over HTTP: many in one request, each with its own key, and for users the store does not have yet."""

from __future__ import annotations

import itertools

import pytest

from tests.factories import add_shop, balance_of, give, put_user
from tests.support import ledger_sql
from tests.support.linked_sites import bearer, link

_keys = itertools.count(1)
MOST = 2**53 - 1


def item(user_id=2, tokens=10, *, key=None, **more):
    """Return one adjustment of a bulk request."""
    return {"key": key or f"item-{next(_keys)}", "user": {"id": user_id}, "tokens": tokens, "reason": "gift"} | more


def bulk(shop, *items, headers=None):
    """Send adjustments and return the response."""
    return shop.client.post(
        "/v1/adjustments/bulk", json={"adjustments": list(items)}, headers=shop.headers if headers is None else headers
    )


def results(shop, *items):
    """Return the results of adjustments."""
    response = bulk(shop, *items)
    assert response.status_code == 200, response.text
    assert len(response.json["results"]) == len(items)
    return response.json["results"]


def alone(shop, user_id, *, key=None, **body):
    """Send one adjustment by itself."""
    headers = shop.headers | {"Idempotency-Key": key or f"alone-{next(_keys)}"}
    return shop.client.post(f"/v1/users/{user_id}/adjustments", json={"reason": "gift"} | body, headers=headers)


def entries(shop, user):
    """Return the ledger of a user, newest first."""
    return shop.client.get(f"/v1/users/{user}/entries", headers=shop.headers).json["items"]


def statuses(found):
    """Return status and code of each result."""
    return [(result["status"], result.get("code")) for result in found]


def test_each_adjustment_has_its_result_in_the_order_of_the_request(shop, database):
    give(shop, 2, 100)
    give(shop, 3, 100)

    found = results(shop, item(2, 50), item(3, -30), item(2, -150, reason="correction"), item(3, 5))

    assert [(one["status"], one["tokens"], one["balance_after"]) for one in found] == [
        (201, 50, 150),
        (201, -30, 70),
        (201, -150, 0),
        (201, 5, 75),
    ]
    assert (balance_of(shop, 2), balance_of(shop, 3)) == (0, 75)
    assert [{**entry, "status": 201} for entry in entries(shop, 2)[:2]] == [found[2], found[0]]
    assert entries(shop, 2)[0]["reason"] == "correction"
    assert ledger_sql.faults(database) == []


def test_refused_and_invalid_adjustments_stop_no_other(shop, database):
    give(shop, 2, 100)
    give(shop, 3, MOST)

    found = results(
        shop,
        item(2, -101),
        item(3, 1),
        item(9, -1),
        item(2, 0),
        item(2, 1.5),
        item(2, 5, key=" "),
        {"key": "k", "user": {"id": 2}, "tokens": 1},
        item(2, 5, extra=1),
        item(2, 5, user={"name": "no ID"}),
        item(2, MOST + 1),
        item(2, 7),
    )

    assert statuses(found) == [
        (422, "balance_out_of_range"),
        (422, "balance_out_of_range"),
        (404, "unknown_user"),
        (422, "invalid_request"),
        (422, "invalid_request"),
        (400, "idempotency_key_required"),
        (422, "invalid_request"),
        (422, "invalid_request"),
        (422, "invalid_request"),
        (422, "invalid_request"),
        (201, None),
    ]
    assert found[6]["errors"] == [{"field": "reason", "message": found[6]["errors"][0]["message"]}]
    assert (balance_of(shop, 2), balance_of(shop, 3)) == (107, MOST)
    assert ledger_sql.faults(database) == []


def test_repeated_key_is_answered_alike_and_posted_once(shop):
    wanted = [item(2, 10, key="a"), item(2, 20, key="b"), item(2, 10, key="a")]

    first = results(shop, *wanted)
    again = results(shop, *wanted)

    assert [one.get("replayed") for one in first] == [None, None, True]
    assert {one["replayed"] for one in again} == {True}
    assert [one["id"] for one in first] == [one["id"] for one in again]
    assert balance_of(shop, 2) == 30


def test_same_key_for_another_adjustment_is_refused(shop):
    results(shop, item(2, 10, key="a"))

    found = results(
        shop, item(2, 11, key="a"), item(3, 10, key="a"), item(2, 10, key="a", reason="x"), item(2, 1, key="b")
    )

    assert statuses(found) == [(422, "idempotency_key_reused")] * 3 + [(201, None)]
    assert balance_of(shop, 2) == 11


def test_refusal_is_not_stored_and_the_same_key_is_decided_again(shop):
    give(shop, 2, 5)
    refused = results(shop, item(2, -10, key="a"))
    give(shop, 2, 5)

    assert statuses(refused) == [(422, "balance_out_of_range")]
    assert statuses(results(shop, item(2, -10, key="a"))) == [(201, None)]
    assert balance_of(shop, 2) == 0


@pytest.mark.parametrize("user", [{}, {"name": "Ada", "roles": ["editor"]}])
def test_key_is_the_same_for_an_adjustment_sent_alone(shop, user):
    body = {"tokens": 10} | ({"user": user} if user else {})
    put_user(shop, 2)
    first = alone(shop, 2, key="a", **body).json

    found = results(shop, item(2, 10, key="a", user={"id": 2, **user}))
    later = results(shop, item(2, 4, key="b", user={"id": 2, **user}))

    assert (found[0]["id"], found[0]["replayed"]) == (first["id"], True)
    replay = alone(shop, 2, key="b", **(body | {"tokens": 4}))
    assert (replay.json["id"], replay.headers["Idempotent-Replayed"]) == (later[0]["id"], "true")


def test_account_of_a_new_user_is_created_for_tokens_added(shop):
    profile = {"id": 5, "email": "eve@example.test", "name": "Eve", "roles": ["subscriber"]}

    found = results(shop, item(5, 10, user=profile), item(5, -3), item(6, -1), item(6, 2))

    assert statuses(found) == [(201, None), (201, None), (422, "balance_out_of_range"), (201, None)]
    user = shop.client.get("/v1/users/5", headers=shop.headers).json
    assert {name: user[name] for name in profile} == profile
    assert (balance_of(shop, 5), balance_of(shop, 6)) == (7, 2)


def test_thousand_adjustments_are_one_request_and_more_are_refused(shop, database):
    found = results(shop, *(item(1 + number % 300, 1) for number in range(1000)))

    assert {one["status"] for one in found} == {201}
    assert ledger_sql.count(database, "entries") == 1000
    assert bulk(shop, *(item() for _ in range(1001))).json["code"] == "too_many_items"
    assert bulk(shop).status_code == 422
    assert ledger_sql.faults(database) == []


def test_alerts_of_all_accounts_are_announced(shop, database):
    shop.client.put("/v1/store", json={"low_balance": 50}, headers=shop.headers)
    give(shop, 2, 100)
    give(shop, 3, 100)

    results(shop, item(2, -60), item(3, -100), item(2, 1))

    types = [row["type"] for row in ledger_sql.rows(database, "select type from outbox order by id")]
    assert sorted(types) == ["balance.exhausted", "balance.low"]


def test_only_a_store_key_adjusts_and_only_its_own_users(app, shop):
    give(shop, 2, 100)
    _other, headers = add_shop(app, "other")
    site = bearer(link(shop)["access_key"])

    assert bulk(shop, item(2, 1), headers=site).status_code == 403
    assert bulk(shop, item(2, 1), headers={}).status_code == 401
    assert statuses(bulk(shop, item(2, -1), headers=headers).json["results"]) == [(404, "unknown_user")]
    assert balance_of(shop, 2) == 100


def test_single_adjustment_of_an_unknown_user_needs_a_profile(shop, database):
    refused = alone(shop, 8, tokens=5)
    made = alone(shop, 8, tokens=5, user={"email": "h@example.test", "name": "Hal", "roles": ["editor"]})

    assert (refused.status_code, refused.json["code"]) == (404, "unknown_user")
    assert (made.status_code, made.json["balance_after"]) == (201, 5)
    user = shop.client.get("/v1/users/8", headers=shop.headers).json
    assert (user["email"], user["name"], user["roles"]) == ("h@example.test", "Hal", ["editor"])
    assert alone(shop, 8, tokens=1, user={}).json["balance_after"] == 6
    assert shop.client.get("/v1/users/8", headers=shop.headers).json["name"] == "Hal"
    assert ledger_sql.faults(database) == []


def test_refused_adjustment_of_an_unknown_user_creates_no_account(shop):
    refused = alone(shop, 8, tokens=-5, user={"name": "Hal"})

    assert (refused.status_code, refused.json["code"]) == (422, "balance_out_of_range")
    assert shop.client.get("/v1/users/8", headers=shop.headers).status_code == 404


def test_id_in_the_profile_is_that_of_the_path(shop):
    assert alone(shop, 8, tokens=5, user={"id": 8, "name": "Hal"}).status_code == 201

    other = alone(shop, 8, tokens=5, user={"id": 9})

    assert (other.status_code, other.json["errors"][0]["field"]) == (422, "user.id")
    assert balance_of(shop, 8) == 5


def test_repeated_adjustment_with_a_profile_changes_nothing(shop):
    alone(shop, 8, key="a", tokens=5, user={"name": "Hal"})
    put_user(shop, 8, name="Harold")

    again = alone(shop, 8, key="a", tokens=5, user={"name": "Hal"})

    assert again.headers["Idempotent-Replayed"] == "true"
    assert shop.client.get("/v1/users/8", headers=shop.headers).json["name"] == "Harold"
    assert balance_of(shop, 8) == 5
