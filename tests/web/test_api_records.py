"""Single spends, open holds and single orders over HTTP, for the store and for linked sites."""

from __future__ import annotations

import itertools

import pytest

from bridge.rendering.ids import encode_id
from tests.factories import add_shop, deliver, give, line, order, put_package, spend
from tests.support.linked_sites import bearer, link

_keys = itertools.count(1)


def post(shop, path, headers=None, **body):
    """Send a POST under a new idempotency key and return its document."""
    keyed = (headers or shop.headers) | {"Idempotency-Key": f"new-{next(_keys)}"}
    response = shop.client.post(path, json=body, headers=keyed)
    assert response.status_code == 201, response.text
    return response.json


def get(shop, path, headers=None, **query):
    """Return the response to a GET."""
    return shop.client.get(path, query_string=query, headers=headers or shop.headers)


def hold(shop, user=2, tokens=10, **more):
    """Hold tokens of a user and return the ID of the hold."""
    return post(shop, "/v1/holds", user={"id": user}, module="chat", tokens=tokens, **more)["id"]


def open_ids(shop, headers=None, **query):
    """Return the IDs of one page of open holds."""
    response = get(shop, "/v1/holds", headers, **query)
    assert response.status_code == 200, response.text
    return [item["id"] for item in response.json["items"]]


def test_spend_is_returned_with_its_refunds_and_the_current_balance(shop):
    give(shop, 2, 1000)
    spent = spend(shop, 2, 300, reference="job-1").json
    post(shop, f"/v1/spends/{spent['id']}/refund", tokens=50, reason="broken")
    give(shop, 2, 7)

    found = get(shop, f"/v1/spends/{spent['id']}").json

    same = ("id", "module", "tokens", "paid_by", "reference", "created_at", "hold", "uncovered")
    assert {name: found[name] for name in same} == {name: spent[name] for name in same}
    assert (found["refunded"], found["lapsed"]) == ({"plan": 0, "balance": 50, "allowance": 0}, 0)
    assert (found["user_id"], found["site"]) == (2, None)
    assert found["balance"]["balance"] == 757


def test_spend_of_another_store_or_of_no_store_is_not_found(app, shop):
    give(shop, 2, 100)
    mine = spend(shop, 2, 10).json["id"]
    _other, headers = add_shop(app, "other")

    for spend_id, key in ((mine, headers), (encode_id("sp", 77), None), ("nonsense", None), ("sp_x", None)):
        response = get(shop, f"/v1/spends/{spend_id}", key)
        assert (response.status_code, response.json["code"]) == (404, "unknown_spend")


def test_site_reads_its_own_spends_and_holds_and_no_others(shop):
    give(shop, 2, 1000)
    site, other = link(shop), link(shop, name="Other")
    mine, theirs = bearer(site["access_key"]), bearer(other["access_key"])
    by_site = post(shop, "/v1/spends", mine, module="chat", tokens=10)["id"]
    by_shop = spend(shop, 2, 10).json["id"]
    held = post(shop, "/v1/holds", mine, module="chat", tokens=10)["id"]
    held_by_shop = hold(shop)

    found = get(shop, f"/v1/spends/{by_site}", mine).json

    assert (found["user_id"], found["site"]) == (None, site["id"])
    assert get(shop, f"/v1/spends/{by_site}", theirs).status_code == 404
    assert get(shop, f"/v1/spends/{by_shop}", mine).status_code == 404
    assert open_ids(shop, mine) == [held]
    assert open_ids(shop, theirs) == []
    assert open_ids(shop) == [held_by_shop, held]
    assert get(shop, f"/v1/spends/{by_site}").json["site"] == site["id"]
    refused = get(shop, "/v1/holds", mine, user_id=2)
    assert (refused.status_code, refused.json["code"]) == (403, "site_names_user")


def test_guessed_spends_slow_a_site_down(shop):
    give(shop, 2, 1000)
    key = bearer(link(shop)["access_key"])

    answers = [get(shop, f"/v1/spends/{encode_id('sp', number)}", key).status_code for number in range(40)]

    assert answers[0] == 404
    assert answers[-1] == 429


def test_open_holds_are_listed_newest_first_page_by_page(shop):
    give(shop, 2, 1000)
    give(shop, 3, 1000)
    held = [hold(shop, user) for user in (2, 3, 2, 3, 2)]
    shop.client.post(f"/v1/holds/{held[0]}/release", headers=shop.headers)
    post(shop, f"/v1/holds/{held[1]}/capture", tokens=1)

    first = get(shop, "/v1/holds", state="open", limit=2).json
    second = get(shop, "/v1/holds", limit=2, cursor=first["next"]).json

    assert [item["id"] for item in first["items"]] == [held[4], held[3]]
    assert [item["id"] for item in second["items"]] == [held[2]]
    assert second["next"] is None
    assert open_ids(shop, user_id=2) == [held[4], held[2]]
    page = get(shop, "/v1/holds", user_id=2, limit=1).json
    assert open_ids(shop, user_id=2, limit=1, cursor=page["next"]) == [held[2]]
    assert [item["user_id"] for item in first["items"]] == [2, 3]


def test_hold_of_a_guest_is_listed_and_an_expired_one_is_not(shop, database):
    shop.client.put("/v1/modules/chat", json={"label": "Chat"}, headers=shop.headers)
    shop.client.put("/v1/limits/chat", json={"period": "daily", "rules": {"guest": 50}}, headers=shop.headers)
    held = post(shop, "/v1/holds", guest={"id": "visitor"}, module="chat", tokens=5)

    assert get(shop, "/v1/holds").json["items"] == [
        {name: value for name, value in held.items() if name not in {"balance", "allowance"}}
        | {"user_id": None, "site": None}
    ]
    with database.transaction() as connection:
        connection.exec_driver_sql("update holds set expires_at = created_at")
    assert open_ids(shop) == []


def test_holds_of_another_store_are_not_listed(app, shop):
    give(shop, 2, 100)
    hold(shop)
    _other, headers = add_shop(app, "other")

    assert open_ids(shop, headers) == []
    unknown = get(shop, "/v1/holds", headers, user_id=2)
    assert (unknown.status_code, unknown.json["code"]) == (404, "unknown_user")


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"state": "captured"}, "state"),
        ({"user_id": "x"}, "user_id"),
        ({"user_id": "0"}, "user_id"),
        ({"cursor": "x"}, "cursor"),
        ({"cursor": "sp_01j8xg2m4q7rb"}, "cursor"),
        ({"limit": "900"}, "limit"),
    ],
)
def test_invalid_parameters_of_the_list_of_holds_are_refused(shop, query, field):
    response = get(shop, "/v1/holds", **query)

    assert response.status_code == 422
    assert [error["field"] for error in response.json["errors"]] == [field]


def test_order_is_returned_with_its_user_and_its_grants(shop):
    put_package(shop, 10, 500)
    deliver(shop, order(7, customer=2, lines=[line(3, quantity=2)]))
    spend(shop, 2, 900)
    deliver(shop, order(7, "refunded", at=10, customer=2, lines=[line(3, quantity=2)]))

    found = get(shop, "/v1/orders/7").json

    assert (found["id"], found["status"], found["user_id"], found["granted"]) == (7, "refunded", 2, 0)
    assert [(one["kind"], one["line"], one["granted"], one["tokens"], one["debt"]) for one in found["grants"]] == [
        ("reversal", 3, -1000, -100, 900),
        ("grant", 3, 1000, 1000, 0),
    ]
    assert {one["user_id"] for one in found["grants"]} == {2}
    assert found["grants"][0]["id"] == get(shop, "/v1/users/2/entries").json["items"][0]["id"]


def test_order_of_a_guest_has_no_user_and_another_stores_order_is_not_found(app, shop):
    put_package(shop, 10, 500)
    deliver(shop, order(8, customer=0, email="guest@example.test"))
    _other, headers = add_shop(app, "other")

    found = get(shop, "/v1/orders/8").json

    assert (found["user_id"], found["grants"]) == (None, [])
    assert found["reviews"][0]["kind"] == "no_buyer"
    assert get(shop, "/v1/orders/8", headers).status_code == 404
