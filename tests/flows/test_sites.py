"""Linked sites through the API: linking, caps, keys that rotate and end, and the requests of a site."""

from __future__ import annotations

import logging

import pytest

from bridge.services import secrets
from tests.factories import add_shop, give, put_user, spend
from tests.support.ledger_sql import rows
from tests.support.linked_sites import BLOG, account, bearer, link, listed, rotate

pytestmark = pytest.mark.one_engine


def test_linked_site_is_listed_with_the_prefix_of_its_key(shop):
    site = link(shop, monthly_cap=500)

    key = site.pop("access_key")
    assert listed(shop) == [site]
    assert site["id"].startswith("si_")
    assert site["url"] == "https://blog.example.com"
    assert site["name"] == "Ada's blog"
    assert (site["monthly_cap"], site["used_this_month"], site["remaining"]) == (500, 0, 500)
    assert (site["last_used_at"], site["unlinked_at"]) == (None, None)
    assert [shown["prefix"] for shown in site["keys"]] == [secrets.prefix_of(key)]


def test_use_of_a_key_is_noted(shop):
    site = link(shop)

    assert account(shop, site["access_key"]).status_code == 200

    (shown,) = listed(shop)
    assert shown["last_used_at"] is not None
    assert shown["keys"][0]["last_used_at"] == shown["last_used_at"]


def test_key_is_shown_once_and_stored_and_logged_nowhere(shop, database, caplog):
    caplog.set_level(logging.DEBUG)
    site = link(shop)
    fresh = rotate(shop, site)
    account(shop, fresh["access_key"])
    shop.client.get("/v1/users/2", headers=bearer(fresh["access_key"]))

    later = [
        shop.client.get(path, headers=shop.headers).text for path in ("/v1/users/2/sites", "/v1/users/2", "/v1/store")
    ]
    later.append(shop.client.patch(f"/v1/sites/{site['id']}", json={"name": "B"}, headers=shop.headers).text)
    later.append(account(shop, fresh["access_key"]).text)
    stored = str(rows(database, "select * from access_keys")) + str(rows(database, "select * from sites"))
    for key in (site["access_key"], fresh["access_key"]):
        assert all(key not in text for text in [*later, stored, caplog.text])


def test_sites_come_in_pages_the_newest_first(shop):
    made = [link(shop, name=f"Site {number}")["id"] for number in range(5)]
    link(shop, 3)

    seen: list[str] = []
    query = "?limit=2"
    while query:
        page = shop.client.get(f"/v1/users/2/sites{query}", headers=shop.headers).get_json()
        seen += [site["id"] for site in page["items"]]
        query = f"?limit=2&cursor={page['next']}" if page["next"] else ""

    assert seen == made[::-1]


def test_last_page_that_is_full_names_no_next(shop):
    link(shop)
    link(shop)

    page = shop.client.get("/v1/users/2/sites?limit=2", headers=shop.headers).get_json()

    assert (len(page["items"]), page["next"]) == (2, None)


CHANGES = [
    ({"monthly_cap": 0}, {"monthly_cap": 0, "remaining": 0, "name": "Ada's blog"}),
    ({"monthly_cap": None}, {"monthly_cap": None, "remaining": None}),
    ({"name": " Shop "}, {"name": "Shop", "monthly_cap": 500, "url": "https://blog.example.com"}),
    ({"url": "http://new.example.com"}, {"url": "http://new.example.com", "name": "Ada's blog"}),
    ({}, {"url": "https://blog.example.com", "name": "Ada's blog", "monthly_cap": 500}),
]


def test_change_of_a_site_leaves_what_it_does_not_name(shop):
    for changes, expected in CHANGES:
        site = link(shop, monthly_cap=500)
        response = shop.client.patch(f"/v1/sites/{site['id']}", json=changes, headers=shop.headers)
        assert response.status_code == 200
        assert {name: response.get_json()[name] for name in expected} == expected
        assert listed(shop)[0] == response.get_json()


def test_unlinked_site_stops_at_its_next_request_and_stays_in_the_list(shop):
    site = link(shop)
    old, new = site["access_key"], rotate(shop, site)["access_key"]
    assert account(shop, old).status_code == account(shop, new).status_code == 200

    gone = shop.client.delete(f"/v1/sites/{site['id']}", headers=shop.headers)

    assert gone.status_code == 204
    for key in (old, new):
        refused = account(shop, key)
        assert (refused.status_code, refused.get_json()["code"]) == (401, "site_unlinked")
    (shown,) = listed(shop)
    assert shown["unlinked_at"] is not None
    assert shown["keys"] == []


def test_unlinked_site_is_unlinked_again_and_changed_no_more(shop):
    site = link(shop)
    shop.client.delete(f"/v1/sites/{site['id']}", headers=shop.headers)
    unlinked_at = listed(shop)[0]["unlinked_at"]

    again = shop.client.delete(f"/v1/sites/{site['id']}", headers=shop.headers)
    changed = shop.client.patch(f"/v1/sites/{site['id']}", json={"name": "B"}, headers=shop.headers)
    rotated = shop.client.post(f"/v1/sites/{site['id']}/rotate", json={}, headers=shop.headers)

    assert again.status_code == 204
    assert (changed.status_code, changed.get_json()["code"]) == (409, "site_not_linked")
    assert (rotated.status_code, rotated.get_json()["code"]) == (409, "site_not_linked")
    assert listed(shop)[0]["unlinked_at"] == unlinked_at


def test_rotated_key_works_on_for_its_grace_and_the_list_says_until_when(shop):
    site = link(shop)

    fresh = rotate(shop, site, grace_seconds=60)

    assert account(shop, site["access_key"]).status_code == account(shop, fresh["access_key"]).status_code == 200
    new, old = listed(shop)[0]["keys"]
    assert (new["prefix"], new["expires_at"]) == (secrets.prefix_of(fresh["access_key"]), None)
    assert (old["prefix"], old["expires_at"] is None) == (secrets.prefix_of(site["access_key"]), False)


def test_rotation_without_grace_ends_every_earlier_key_at_once(shop):
    """A key that leaked is no safer for being in its grace already."""
    site = link(shop)
    second = rotate(shop, site)

    third = rotate(shop, site, grace_seconds=0)

    for key in (site["access_key"], second["access_key"]):
        refused = account(shop, key)
        assert (refused.status_code, refused.get_json()["code"]) == (401, "key_expired")
    assert account(shop, third["access_key"]).status_code == 200


def test_site_of_another_store_is_not_found(app, shop):
    site = link(shop)
    _, other = add_shop(app, "other")
    before = listed(shop)

    for method, tail, body in (("patch", "", {"monthly_cap": 0}), ("delete", "", None), ("post", "/rotate", {})):
        response = getattr(shop.client, method)(f"/v1/sites/{site['id']}{tail}", json=body, headers=other)
        assert (response.status_code, response.get_json()["code"]) == (404, "unknown_site"), method

    assert listed(shop) == before
    assert account(shop, site["access_key"]).status_code == 200


def test_id_that_names_no_site_is_not_found(shop):
    for site_id in ("si_0000000000001", "sp_0000000000001", "1", "si_", "si_zzzzzzzzzzzzz", "%00"):
        for method, tail in (("patch", ""), ("delete", ""), ("post", "/rotate")):
            response = getattr(shop.client, method)(f"/v1/sites/{site_id}{tail}", json={}, headers=shop.headers)
            assert (response.status_code, response.get_json()["code"]) == (404, "unknown_site"), (site_id, method)


def test_user_without_an_account_links_nothing(shop):
    for method, path in (("post", "sites"), ("get", "sites"), ("post", "link-codes")):
        response = getattr(shop.client, method)(
            f"/v1/users/77/{path}", headers=shop.headers, **({"json": BLOG} if method == "post" else {})
        )
        assert (response.status_code, response.get_json()["code"]) == (404, "unknown_user")


def test_user_of_another_store_is_not_seen(app, shop):
    link(shop)
    _, other = add_shop(app, "other")

    assert shop.client.get("/v1/users/2/sites", headers=other).status_code == 404
    assert shop.client.post("/v1/users/2/sites", json=BLOG, headers=other).status_code == 404
    assert shop.client.post("/v1/users/2/link-codes", headers=other).status_code == 404


STORE_ROUTES = ("users", "sites", "store", "modules", "limits", "packages", "operations", "passes", "event-endpoints")


def test_key_of_a_site_opens_nothing_of_the_store(app, shop):
    key = bearer(link(shop)["access_key"])
    tried = 0

    for rule in app.url_map.iter_rules():
        if not rule.rule.startswith(tuple(f"/v1/{name}" for name in STORE_ROUTES)):
            continue
        path = rule.rule
        for name in rule.arguments:
            path = path.replace(f"<{name}>", "2")
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            response = shop.client.open(path, method=method, json={}, headers=key)
            assert (response.status_code, response.get_json()["code"]) == (403, "store_key_required"), (method, path)
            tried += 1
    assert tried > 15


def test_key_of_a_store_asks_for_no_account(shop):
    response = shop.client.get("/v1/account", headers=shop.headers)

    assert (response.status_code, response.get_json()["code"]) == (403, "site_key_required")


def test_call_without_a_known_key_is_refused(shop):
    for headers in ({}, {"Authorization": "Bearer tb_nobody"}, {"Authorization": "Basic YTpi"}):
        response = shop.client.get("/v1/account", headers=headers)
        assert (response.status_code, response.get_json()["code"]) == (401, "unauthorized")
        assert response.headers["WWW-Authenticate"] == "Bearer"


def test_site_sees_the_state_of_its_account_and_no_personal_data(shop):
    put_user(shop, 2, email="ada@example.test", name="Ada Tester", roles=["subscriber"])
    give(shop, 2, 100_000)
    site = link(shop, monthly_cap=500)

    response = account(shop, site["access_key"])

    document = response.get_json()
    assert document["state"] == "ok"
    assert document["user"] == {"id": 2}
    assert document["balance"] == {"balance": 100_000, "held": 0, "available": 100_000, "debt": 0}
    assert document["site"] == {
        "id": site["id"],
        "name": "Ada's blog",
        "monthly_cap": 500,
        "used_this_month": 0,
        "held": 0,
        "remaining": 500,
        "url": "https://blog.example.com",
    }
    assert not any(word in response.text for word in ("ada@example", "Ada Tester", "subscriber"))


def test_site_sees_its_own_use_by_day_and_no_other(shop):
    give(shop, 2, 1_000)
    first, second = link(shop), link(shop)
    for site, tokens in ((first, 30), (first, 12), (second, 500)):
        body = {"module": "chat", "tokens": tokens, "source": "chat-plugin"}
        headers = bearer(site["access_key"]) | {"Idempotency-Key": f"use-{tokens}"}
        assert shop.client.post("/v1/spends", json=body, headers=headers).status_code == 201
    spend(shop, 2, 7)

    (day,) = shop.client.get("/v1/account/usage?days=30", headers=bearer(first["access_key"])).get_json()["days"]

    assert (day["tokens"], day["units"]) == (42, 2)
    assert [(item["site"], item["source"], item["tokens"]) for item in day["items"]] == [
        ("Ada's blog", "chat-plugin", 42)
    ]
    assert shop.client.get("/v1/account/usage", headers=shop.headers).status_code == 403
    wrong = shop.client.get("/v1/account/usage?days=7", headers=bearer(first["access_key"]))
    assert (wrong.status_code, wrong.get_json()["errors"][0]["field"]) == (422, "days")


STATES = [
    (1000, None, "ok"),
    (999, None, "low"),
    (1, "disabled", "low"),
    (0, None, "exhausted"),
    (0, 0, "exhausted"),
    (0, "disabled", "exhausted"),
    (0, 5, "low"),
    (0, "unlimited", "low"),
]


def test_state_of_the_account_a_site_sees(shop):
    for user_id, (tokens, rule, state) in enumerate(STATES, start=2):
        if tokens:
            give(shop, user_id, tokens)
        limit = {"period": "monthly", "rules": {} if rule is None else {"user": rule}}
        assert shop.client.put("/v1/limits/chat", json=limit, headers=shop.headers).status_code == 200
        document = account(shop, link(shop, user_id)["access_key"]).get_json()
        assert document["state"] == state, (tokens, rule)
        assert [limit["limit"] for limit in document["limits"]] == ([] if rule is None else [rule])


BAD_SITES = [
    ({"name": "B"}, "url"),
    ({"url": "https://b.example"}, "name"),
    ({"url": "b.example", "name": "B"}, "url"),
    ({"url": "https://b.example/" + "x" * 500, "name": "B"}, "url"),
    ({"url": 5, "name": "B"}, "url"),
    ({"url": "https://b.example", "name": " "}, "name"),
    ({"url": "https://b.example", "name": "x" * 201}, "name"),
    ({"url": "https://b.example", "name": "a\nb"}, "name"),
    ({"url": "https://b.example", "name": "a\u0000b"}, "name"),
    ({"url": "https://b.example", "name": None}, "name"),
    ({**BLOG, "monthly_cap": -1}, "monthly_cap"),
    ({**BLOG, "monthly_cap": 1.5}, "monthly_cap"),
    ({**BLOG, "monthly_cap": 2**53}, "monthly_cap"),
    ({**BLOG, "monthly_cap": "5"}, "monthly_cap"),
    ({**BLOG, "monthly_cap": True}, "monthly_cap"),
    ({**BLOG, "cap": 5}, "cap"),
]


BAD_FIELDS = [
    ("/v1/sites/{id}", "patch", {"name": None}, "name"),
    ("/v1/sites/{id}", "patch", {"url": ""}, "url"),
    ("/v1/sites/{id}", "patch", {"monthly_cap": -1}, "monthly_cap"),
    ("/v1/sites/{id}", "patch", {"unlinked_at": None}, "unlinked_at"),
    ("/v1/sites/{id}/rotate", "post", {"grace_seconds": -1}, "grace_seconds"),
    ("/v1/sites/{id}/rotate", "post", {"grace_seconds": 30 * 86400 + 1}, "grace_seconds"),
    ("/v1/sites/{id}/rotate", "post", {"grace_seconds": None}, "grace_seconds"),
    ("/v1/users/x/sites", "post", BLOG, "user_id"),
    ("/v1/users/0/link-codes", "post", {}, "user_id"),
    ("/v1/link", "post", BLOG, "code"),
    ("/v1/link", "post", {**BLOG, "code": ""}, "code"),
    ("/v1/link", "post", {**BLOG, "code": "A" * 51}, "code"),
    ("/v1/link", "post", {**BLOG, "code": "A", "url": "b"}, "url"),
    ("/v1/link", "post", {**BLOG, "code": "A", "monthly_cap": 5}, "monthly_cap"),
    ("/v1/users/2/sites?cursor=x", "get", None, "cursor"),
    ("/v1/users/2/sites?limit=201", "get", None, "limit"),
]


def test_site_that_cannot_be_right_is_refused_by_field(shop):
    put_user(shop, 2)

    for body, field in BAD_SITES:
        response = shop.client.post("/v1/users/2/sites", json=body, headers=shop.headers)
        assert response.status_code == 422, body
        assert [error["field"] for error in response.get_json()["errors"]] == [field], body
    assert listed(shop) == []


def test_bad_field_is_named(shop):
    site = link(shop)

    for path, method, body, field in BAD_FIELDS:
        response = getattr(shop.client, method)(path.format(id=site["id"]), json=body, headers=shop.headers)
        assert response.status_code == 422, (path, body)
        assert [error["field"] for error in response.get_json()["errors"]] == [field], (path, body)
