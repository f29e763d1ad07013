"""A leaked access key of a store is withdrawn by the page or a command, and is refused at once."""

from __future__ import annotations

import json

import pytest

from tests import factories
from tests.support import ledger_sql
from tests.support.linked_sites import link
from tests.support.pages import read, send, sign_in

PAGE = "/admin/shop/settings/keys"


@pytest.fixture
def flask(app):
    """Run a command in process."""
    return lambda *arguments: app.test_cli_runner().invoke(args=list(arguments))


def spend(shop, headers, once):
    return shop.client.post(
        "/v1/spends",
        json={"user": {"id": 2}, "module": "chat", "tokens": 10},
        headers=headers | {"Idempotency-Key": once},
    ).status_code


def revoke_forms(page):
    return [form for form in read(page).forms if form.action.endswith("/revoke")]


def test_revoked_key_opens_nothing_although_it_was_remembered(app, shop, database):
    factories.give(shop, 2, 100)
    assert spend(shop, shop.headers, "one") == 201
    admin = sign_in(app)
    (form,) = revoke_forms(admin.get(PAGE))

    answer = send(admin, form)

    assert (answer.status_code, answer.location) == (303, PAGE)
    assert spend(shop, shop.headers, "two") == 401
    assert shop.client.get("/v1/store", headers=shop.headers).status_code == 401
    page = admin.get(PAGE)
    assert "was revoked. Requests with it are refused from now on." in page.text
    assert revoke_forms(page) == []
    assert ledger_sql.balances(database, store="shop") == {2: 90}


def test_key_revoked_twice_or_of_another_store_or_site_is_refused(app, shop, database):
    other, others = factories.add_shop(app, "other")
    linked = link(shop)
    rows = ledger_sql.rows(database, "select id, store_id, site_id from access_keys")
    strange = [row["id"] for row in rows if row["store_id"] == other.store.id or row["site_id"]]
    admin = sign_in(app)
    (form,) = revoke_forms(admin.get(PAGE))
    own = form.action

    assert len(strange) == 2
    for key_id in [*strange, 999_999]:
        form.action = f"{PAGE}/{key_id}/revoke"
        assert send(admin, form).status_code == 404
    for odd in ("0", "x", "²", "9" * 40):
        form.action = f"{PAGE}/{odd}/revoke"
        assert send(admin, form).status_code in {404, 422}
    form.action = own
    assert [send(admin, form).status_code for _ in range(2)] == [303, 404]
    assert shop.client.get("/v1/store", headers=others).status_code == 200
    account = {"Authorization": f"Bearer {linked['access_key']}"}
    assert shop.client.get("/v1/account", headers=account).status_code == 200


def test_of_two_keys_the_one_that_was_meant_is_revoked_and_named(app, shop):
    admin = sign_in(app)
    send(admin, read(admin.get(PAGE)).form("settings/keys"), name="Chat")
    newer, older = revoke_forms(admin.get(PAGE))

    page = admin.get(send(admin, older).location)

    assert f"{shop.headers['Authorization'].removeprefix('Bearer ')[:9]}… was revoked" in page.text
    assert [form.action for form in revoke_forms(page)] == [newer.action]
    assert shop.client.get("/v1/store", headers=shop.headers).status_code == 401


def test_command_lists_makes_and_revokes(shop, flask):
    key = shop.headers["Authorization"].removeprefix("Bearer ")
    listed = json.loads(flask("stores", "access-keys", "shop", "--json").output)
    assert [one["prefix"] for one in listed["items"]] == [key[:9]]
    assert key not in str(listed)

    made = json.loads(flask("stores", "access-keys", "shop", "--make", "--revoke", key[:9], "--json").output)

    assert (made["revoked"], [one["prefix"] for one in made["items"]]) == (key[:9], [made["access_key"][:9]])
    assert shop.client.get("/v1/store", headers=shop.headers).status_code == 401
    fresh = {"Authorization": f"Bearer {made['access_key']}"}
    assert shop.client.get("/v1/store", headers=fresh).status_code == 200
    assert f"{made['access_key'][:9]}…" in flask("stores", "access-keys", "shop").output
    assert flask("stores", "access-keys", "shop", "--revoke", made["access_key"]).exit_code == 0
    assert "The store has no access key" in flask("stores", "access-keys", "shop").output


def test_command_revokes_nothing_that_is_not_one_whole_key(shop, database, flask):
    """An empty variable in a script must not cut the shop off."""
    key = shop.headers["Authorization"].removeprefix("Bearer ")

    for written in ("", "t", "tb_", "tb_nobody", key[:8], key[:10], key[:-1] + "!", key + "x"):
        result = flask("stores", "access-keys", "shop", "--revoke", written)
        assert result.exit_code == 1, written
        assert "no access keys of shop begin with that" in result.output

    assert ledger_sql.count(database, "access_keys") == 1
