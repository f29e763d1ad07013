"""Usage, holds, linked sites, links into the shop and CSV files of one user's page."""

import re

import pytest

from bridge.domain.admin.admins import Role
from tests.factories import add_shop, deliver, give, line, order, put_package, put_user, spend, state_of
from tests.support.ledger_sql import rows
from tests.support.pages import EMAIL, add_admin, read, send, sign_in, try_sign_in

USER = "/admin/shop/credits/2"


@pytest.fixture
def site(shop):
    put_user(shop, 2)
    body = {"url": "https://blog.example", "name": "Blog <1>", "monthly_cap": 500}
    answer = shop.client.post("/v1/users/2/sites", json=body, headers=shop.headers)
    assert answer.status_code == 201
    return answer.json


def _hold(shop, user_id=2, key="hold"):
    body = {"user": {"id": user_id}, "module": "chat", "tokens": 100}
    answer = shop.client.post("/v1/holds", json=body, headers=shop.headers | {"Idempotency-Key": key})
    assert answer.status_code == 201
    return answer.json["hold"]["id"] if "hold" in answer.json else answer.json["id"]


def _site(shop):
    return shop.client.get("/v1/users/2/sites", headers=shop.headers).json["items"][0]


def test_usage_is_shown_by_day_and_by_module_and_source(app, shop):
    give(shop, 2, 1000)
    spend(shop, 2, 30, source="page 7")
    spend(shop, 2, 12, source="page 7")
    client = sign_in(app)

    text = client.get(f"{USER}?days=90").text
    table = [row for row in read(client.get(USER)).rows if row[0] == "Chat"]

    assert "42 tokens in 90 days</p>" in text
    assert f'<a href="{USER}?days=90#usage" aria-current="true">90 days</a>' in text
    assert table == [["Chat", "–", "–", "page 7", "2", "42"]]
    assert client.get(f"{USER}?days=31").status_code == 422


def test_lists_are_csv_files_that_no_spreadsheet_runs(app, shop):
    put_package(shop, 10, 600)
    deliver(shop, order(41, lines=[line(name="=cmd()")]))
    give(shop, 2, 1000)
    spend(shop, 2, 30, source="=SUM(A1)")
    client = sign_in(app)

    files = {
        name: client.get(read(client.get(USER)).links[f"CSV of the {name}"])
        for name in ("ledger", "purchases", "usage")
    }

    assert all(file.content_type == "text/csv; charset=utf-8" for file in files.values())
    assert files["ledger"].headers["Content-Disposition"] == 'attachment; filename="ledger-2.csv"'
    assert ",adjustment,1000,1600," in files["ledger"].text
    assert ",'=cmd()," in files["purchases"].text
    assert ",chat,,,'=SUM(A1),1,30" in files["usage"].text


def test_purchases_and_the_user_link_to_the_shop(app, shop):
    put_package(shop, 10, 600)
    deliver(shop, order(41))

    links = read(sign_in(app).get(USER)).links

    assert links["Order 41 in the shop"] == "http://127.0.0.1:8980/wp-admin/post.php?post=41&action=edit"
    assert links["user 2"] == "http://127.0.0.1:8980/wp-admin/user-edit.php?user_id=2"


def test_open_hold_is_released_once(app, shop):
    give(shop, 2, 1000)
    _hold(shop)
    client = sign_in(app)
    page = client.get(USER)

    form = read(page).form("/release")
    first, second = send(client, form), send(client, form)

    assert "100 balance" in page.text
    assert (first.status_code, second.status_code) == (303, 303)
    assert state_of(shop, 2)["held"] == 0
    after = client.get(second.location).text
    assert "The hold was released: 100 tokens are available again." in after
    assert "Nothing was changed: this hold is not open any more." in after
    assert "No tokens are held." in after


def test_hold_of_another_user_is_not_released(app, shop):
    give(shop, 2, 1000)
    give(shop, 3, 1000)
    _hold(shop)
    client = sign_in(app)
    form = read(client.get(USER)).form("/release")
    form.action = form.action.replace("/credits/2/", "/credits/3/")

    send(client, form)

    assert state_of(shop, 2)["held"] == 100


def test_cap_of_a_site_is_changed_and_removed(app, shop, site, database):
    client = sign_in(app)
    page = client.get(USER)

    saved = send(client, read(page).form("/cap"), cap="8,000")
    again = send(client, read(page).form("/cap"), cap="8,000")

    assert "Cap 500, 500 left" in page.text
    assert (saved.status_code, again.status_code) == (303, 303)
    assert _site(shop)["monthly_cap"] == 8000
    send(client, read(client.get(USER)).form("/cap"), cap="")
    assert _site(shop)["monthly_cap"] is None
    changes = rows(database, "select actor, subject from changes where subject = 'linked_site'")
    assert changes == [{"actor": EMAIL, "subject": "linked_site"}] * 2


@pytest.mark.parametrize("cap", ["-1", "many", "1.5", "9007199254740992"])
def test_invalid_cap_is_reported_and_stays_typed(app, shop, site, cap):
    client = sign_in(app)

    response = send(client, read(client.get(USER)).form("/cap"), cap=cap)

    assert response.status_code == 422
    assert "Enter a whole number of tokens" in read(response).alerts[0]
    assert read(response).form("/cap").fields["cap"] == cap
    assert _site(shop)["monthly_cap"] == 500


def test_rotated_key_is_shown_once_and_works(app, shop, site):
    client = sign_in(app)

    response = send(client, read(client.get(USER)).form("/rotate"), grace="0")

    [key] = re.findall(r"<code>(tb_[\w-]{43})</code>", response.text)
    assert "The old key stopped working." in response.text
    assert response.headers["Cache-Control"] == "no-store"
    assert key not in client.get(USER).text
    callers = [{"Authorization": f"Bearer {each}"} for each in (key, site["access_key"])]
    assert [shop.client.get("/v1/account", headers=each).status_code for each in callers] == [200, 401]
    assert send(client, read(client.get(USER)).form("/rotate"), grace="5").status_code == 422


def test_unlinked_site_has_no_forms_and_refuses_changes(app, shop, site):
    client = sign_in(app)
    page = read(client.get(USER))

    answers = [send(client, page.form("/unlink")).status_code for _ in range(2)]

    assert answers == [303, 303]
    shown = client.get(USER)
    assert "Unlinked" in shown.text
    assert not [form for form in read(shown).forms if "/sites/" in form.action]
    for part in ("/cap", "/rotate"):
        late = send(client, page.form(part), grace="0")
        assert "Nothing was changed: this site is not linked any more." in client.get(late.location).text


def test_site_of_another_user_is_not_found(app, shop, site):
    put_user(shop, 3)
    client = sign_in(app)
    page = read(client.get(USER))

    for part in ("/cap", "/rotate", "/unlink"):
        form = page.form(part)
        form.action = form.action.replace("/credits/2/", "/credits/3/")
        assert send(client, form, cap="1", grace="0").status_code == 404
    assert _site(shop)["monthly_cap"] == 500


def test_forms_need_their_role_in_the_store(app, shop, site):
    give(shop, 2, 1000)
    _hold(shop)
    second, _ = add_shop(app, "second")
    owner, manager, viewer, other = sign_in(app), *(app.test_client() for _ in range(3))
    add_admin(app, "manager@example.test", Role.MANAGER)
    add_admin(app, "viewer@example.test", Role.VIEWER)
    add_admin(app, "other@example.test", None, stores={second.store.id: Role.OWNER})
    for client, name in ((manager, "manager"), (viewer, "viewer"), (other, "other")):
        assert try_sign_in(client, f"{name}@example.test").status_code == 303
    forms = {part: read(owner.get(USER)).form(part) for part in ("/release", "/cap", "/rotate", "/unlink")}

    answers = {}
    for part, form in forms.items():
        for client, name in ((viewer, "viewer"), (other, "other"), (manager, "manager")):
            token = read(client.get("/admin/stores")).forms[0].fields["csrf_token"]
            answers[part, name] = send(client, form, csrf_token=token, grace="0", cap="7").status_code

    assert {answers[part, "viewer"] for part in forms} == {403}
    assert {answers[part, "other"] for part in forms} == {404}
    assert [answers[part, "manager"] for part in forms] == [303, 303, 403, 403]
    assert [form.action.rsplit("/", 1)[1] for form in read(viewer.get(USER)).forms if "/sites/" in form.action] == []
