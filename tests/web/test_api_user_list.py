"""The list of users over HTTP: sorted, filtered and searched, page by page."""

from __future__ import annotations

import json

import pytest

from tests.factories import add_shop, deliver, give, line, order, put_package, put_user, spend
from tests.support import linked_sites

pytestmark = pytest.mark.both_engines


def get(shop, **query):
    """Return the response to a request for the list."""
    return shop.client.get("/v1/users", query_string=query, headers=shop.headers)


def ids(shop, **query):
    """Return the IDs of one page."""
    response = get(shop, **query)
    assert response.status_code == 200, response.text
    return [item["id"] for item in response.json["items"]]


def all_ids(shop, **query):
    """Return the IDs of all pages."""
    found, cursor = [], {}
    while True:
        page = get(shop, **query, **cursor).json
        found += [item["id"] for item in page["items"]]
        if page["next"] is None:
            return found
        cursor = {"cursor": page["next"]}


def test_each_user_is_listed_with_profile_and_figures(people):
    by_id = {item["id"]: item for item in get(people).json["items"]}

    assert {key: value for key, value in by_id[3].items() if key != "active_at"} == {
        "id": 3,
        "email": "B@example.test",
        "name": "Bert",
        "roles": ["customer"],
        "balance": 500,
        "held": 100,
        "debt": 0,
        "used_30_days": 700,
        "purchased": 1200,
    }
    assert (by_id[10]["balance"], by_id[10]["debt"]) == (0, 0)
    assert by_id[3]["active_at"].endswith("Z")


@pytest.mark.parametrize(
    "sort",
    ["id", "name", "email", "roles", "balance", "held", "debt", "used_30_days", "purchased", "active_at"],
)
def test_pages_of_one_in_both_directions_list_every_user_once(people, sort):
    up = all_ids(people, sort=sort, limit=1)

    assert sorted(up) == [2, 3, 10]
    assert all_ids(people, sort=f"-{sort}", limit=1) == up[::-1]
    assert ids(people, sort=sort) == up


def test_without_a_sort_the_newest_user_ids_are_first(people):
    assert ids(people) == [10, 3, 2]


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ("has_balance", [2, 3]),
        ("exhausted", [10]),
        ("in_debt", []),
        ("role:editor", [2]),
        ("has_balance,role:customer", [3]),
        ("inactive", []),
        ("has_balance,exhausted", []),
    ],
)
def test_filters_are_combined(people, filters, found):
    assert ids(people, filter=filters, sort="id") == found


def test_over_limit_plan_and_waiting_are_found(shop):
    shop.client.put("/v1/modules/chat", json={"label": "Chat"}, headers=shop.headers)
    shop.client.put("/v1/limits/chat", json={"period": "monthly", "rules": {"user": 10}}, headers=shop.headers)
    shop.client.put("/v1/packages/20", json={"plan": "Pro", "tokens": 5, "months": 1}, headers=shop.headers)
    put_user(shop, 1)
    put_user(shop, 2)
    put_user(shop, 3)
    assert spend(shop, 1, 10).status_code == 201
    deliver(shop, order(5, customer=2, lines=[line(product=20)]))
    deliver(shop, order(6, customer=3, lines=[line(product=10, stamped="5.000")]))

    assert ids(shop, filter="over_limit") == [1]
    assert ids(shop, filter="waiting") == [3]
    assert ids(shop, filter="has_plan") == [2]


def test_search_ignores_case_and_accents_and_finds_an_order(people):
    assert ids(people, q="ASTROM") == [10]
    assert ids(people, q="emile") == [2]
    assert ids(people, q="2") == [3, 2]
    assert ids(people, q="no such user") == []


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"sort": "size"}, "sort"),
        ({"sort": "--balance"}, "sort"),
        ({"filter": "rich"}, "filter"),
        ({"filter": ""}, "filter"),
        ({"filter": "has_balance,"}, "filter"),
        ({"filter": "role:"}, "filter"),
        ({"filter": "role:a\x00b"}, "filter"),
        ({"filter": "role:" + "r" * 101}, "filter"),
        ({"filter": "role:a,role:b"}, "filter"),
        ({"q": "x" * 201}, "q"),
        ({"limit": "201"}, "limit"),
        ({"limit": "0"}, "limit"),
        ({"cursor": "nonsense"}, "cursor"),
    ],
    ids=lambda value: json.dumps(value)[:40],
)
def test_invalid_parameters_are_refused_with_their_name(people, query, field):
    response = get(people, **query)

    assert response.status_code == 422
    assert [error["field"] for error in response.json["errors"]] == [field]


def test_cursor_of_another_sort_is_refused(people):
    cursor = get(people, sort="balance", limit=1).json["next"]

    assert get(people, sort="name", cursor=cursor).status_code == 422


def test_list_has_the_users_of_its_own_store_only(app, people):
    _other, headers = add_shop(app, "other")
    put_package(people, 10, 600)
    people.client.put("/v1/users/77", json={"name": "Bert"}, headers=headers)

    mine = ids(people, q="bert")
    theirs = people.client.get("/v1/users", headers=headers).json["items"]

    assert mine == [3]
    assert [item["id"] for item in theirs] == [77]


def test_only_a_store_key_gets_the_list(shop):
    give(shop, 2, 10)
    site = linked_sites.link(shop)

    assert shop.client.get("/v1/users", headers=linked_sites.bearer(site["access_key"])).status_code == 403
    assert shop.client.get("/v1/users").status_code == 401
