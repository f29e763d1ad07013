"""The Access keys page: keys are created with a name, renamed, replaced and revoked, and the examples run."""

from __future__ import annotations

import html
import os
import re
import subprocess
import sys
import threading
from dataclasses import replace

import pytest
from werkzeug.serving import make_server

from bridge.domain.admin.admins import Role
from bridge.runtime import Runtime
from tests import factories
from tests.support import ledger_sql
from tests.support.admin_roles import become
from tests.support.forms import read_form
from tests.support.linked_sites import link
from tests.support.pages import read, send, sign_in

PAGE = "/admin/shop/settings/keys"
one_engine = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)


@pytest.fixture
def admin(app):
    return sign_in(app)


def create(admin, name):
    """Create a key and return the response with the key itself, which is empty if it was refused."""
    answer = send(admin, read_form(admin.get(PAGE), "settings/keys"), name=name)
    found = re.findall(r"<code>(tb_[\w-]{40,})</code>", answer.text)
    return answer, found[0] if found else ""


def change(admin, action, **typed):
    """Send the form of the newest key with this action."""
    return send(admin, read_form(admin.get(PAGE), action), **typed)


def bearer(key):
    return {"Authorization": f"Bearer {key}"}


def works(shop, key):
    return shop.client.get("/v1/store", headers=bearer(key)).status_code == 200


def spend(shop, key, once):
    body = {"user": {"id": 2}, "module": "chat", "tokens": 10}
    answer = shop.client.post("/v1/spends", json=body, headers=bearer(key) | {"Idempotency-Key": once})
    assert answer.status_code == 201, answer.json


def actors(database):
    return [row["actor"] for row in ledger_sql.rows(database, "select actor from entries order by id")]


def test_key_with_a_name_is_shown_once_and_named_in_the_ledger(shop, admin, database):
    factories.give(shop, 2, 100)

    answer, key = create(admin, "  Chat   plugin ")

    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    assert key not in admin.get(PAGE).text
    spend(shop, key, "one")
    assert actors(database)[-1] == f"key {key[:9]} (Chat plugin)"
    assert f"key {key[:9]} (Chat plugin)" in admin.get("/admin/shop/credits/2").text


def test_renamed_key_is_named_so_in_the_next_entries(shop, admin, database):
    factories.give(shop, 2, 100)
    _, key = create(admin, "Chat")
    spend(shop, key, "one")

    assert change(admin, "/name", name="Support chat").status_code == 303

    spend(shop, key, "two")
    spend(shop, key, "three")
    assert actors(database)[-1] == f"key {key[:9]} (Support chat)"
    assert "is named Support chat" in admin.get(PAGE).text


@pytest.mark.parametrize("typed", ["", "   ", "x" * 101, "\u200b"])
@one_engine
def test_name_that_is_none_is_refused_beside_its_field(shop, admin, database, typed):
    answer, key = create(admin, typed)

    assert (answer.status_code, key) == (422, "")
    assert 'id="name-error"' in answer.text
    assert change(admin, "/name", name=typed).status_code == 422
    assert ledger_sql.count(database, "access_keys") == 1


def test_form_sent_twice_creates_one_key(shop, admin, database):
    assert create(admin, "Chat")[0].status_code == 200

    answer, key = create(admin, "Chat")

    assert (answer.status_code, key) == (409, "")
    assert read_form(answer, "settings/keys").fields["name"] == "Chat"
    assert ledger_sql.count(database, "access_keys") == 2
    create(admin, "Forms")
    assert change(admin, "/name", name="Chat").status_code == 409


def test_replaced_key_works_until_the_chosen_time(shop, admin, database):
    _, key = create(admin, "Chat")

    answer = change(admin, "/rotate", hours="24")

    (fresh,) = re.findall(r"<code>(tb_[\w-]{40,})</code>", answer.text)
    assert (works(shop, key), works(shop, fresh)) == (True, True)
    assert f"The earlier key {key[:9]}… works until" in html.unescape(answer.text)
    names = ledger_sql.rows(database, "select name from access_keys order by id")
    assert [row["name"] for row in names] == ["", "Chat", "Chat"]
    with database.transaction() as connection:
        connection.exec_driver_sql("update access_keys set expires_at = created_at where expires_at is not null")
    assert (works(shop, key), works(shop, fresh)) == (False, True)
    assert "Expired" in admin.get(PAGE).text


@one_engine
def test_key_replaced_without_grace_is_refused_at_once(shop, admin):
    _, key = create(admin, "Chat")

    change(admin, "/rotate", hours="0")

    assert not works(shop, key)


@one_engine
def test_key_is_replaced_only_once(shop, admin, database):
    create(admin, "Chat")
    form = read_form(admin.get(PAGE), "/rotate")

    answers = [send(admin, form, hours="1").status_code for _ in range(2)]

    assert answers == [200, 303]
    assert "was already replaced" in admin.get(PAGE).text
    assert ledger_sql.count(database, "access_keys") == 3
    assert send(admin, form, hours="9999").status_code == 422


@one_engine
def test_keys_of_another_store_or_a_site_are_not_changed(app, shop, admin, database):
    factories.add_shop(app, "other")
    link(shop)
    rows = ledger_sql.rows(database, "select id, store_id, site_id from access_keys")
    own = shop.connected.store.id
    before = ledger_sql.rows(database, "select * from access_keys order by id")

    for key_id in [row["id"] for row in rows if row["store_id"] != own or row["site_id"]] + [999_999]:
        for action, typed in (("name", {"name": "x"}), ("rotate", {"hours": "1"}), ("revoke", {})):
            form = read_form(admin.get(PAGE), f"/{action}")
            form.action = f"{PAGE}/{key_id}/{action}"
            assert send(admin, form, **typed).status_code == 404

    assert ledger_sql.rows(database, "select * from access_keys order by id") == before


@pytest.mark.parametrize("role", [Role.VIEWER, Role.MANAGER])
@one_engine
def test_only_owners_change_keys(app, shop, admin, database, role):
    forms = [read_form(admin.get(PAGE), part) for part in ("settings/keys", "/name", "/rotate", "/revoke")]
    become(app, role)

    assert [send(admin, form, name="x", hours="1").status_code for form in forms] == [403] * 4
    page = admin.get(PAGE)
    assert page.status_code == 200
    assert [form for form in read(page).forms if "settings/keys" in form.action] == []
    assert ledger_sql.count(database, "access_keys") == 1


@one_engine
def test_curl_and_python_examples_run_as_they_are(app, shop, admin):
    server = make_server("127.0.0.1", 0, app, threaded=True)
    threading.Thread(target=server.serve_forever, args=(0.01,)).start()
    parts: Runtime = app.extensions["bridge"]
    url = f"http://127.0.0.1:{server.server_port}"
    app.extensions["bridge"] = replace(parts, config=replace(parts.config, public_url=url))
    try:
        text = html.unescape(admin.get(PAGE).text)
        codes = {
            language: text.split(f'aria-label="{language} example"><code>')[1].partition("</code>")[0]
            for language in ("curl", "PHP", "Python", "JavaScript")
        }
        environment = os.environ | {"TOKEN_BRIDGE_KEY": shop.headers["Authorization"].removeprefix("Bearer ")}
        for command in (["sh", "-c", codes["curl"]], [sys.executable, "-c", codes["Python"]]):
            done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
            assert '"slug":"shop"' in done.stdout.replace('": "', '":"'), done.stderr
        assert all(f"{url}/v1/store" in code for code in codes.values())
    finally:
        server.shutdown()
        server.server_close()
