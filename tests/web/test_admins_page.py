"""The Admins pages: invitations, roles and removal, each recorded; the last owner stays."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from bridge.domain.admin.admins import Role
from bridge.services.admin import invitations
from bridge.services.stores import changes
from bridge.web.context import utcnow
from tests import factories
from tests.support.pages import EMAIL, PASSWORD, add_admin, read, send, sign_in, try_sign_in

ALL, STORE = "/admin/admins", "/admin/shop/admins"
NEW = "new@example.test"


@pytest.fixture
def owner(app, shop):
    return sign_in(app)


@pytest.fixture
def log(app, shop):
    def read_log(store_id=None):
        with app.extensions["bridge"].database.reading() as connection:
            return [
                (change.actor, change.name, change.before, change.after)
                for change in changes.list_page(connection, store_id, subject="admin", limit=50)
            ]

    return read_log


def invite(client, path=ALL, email=NEW, role="viewer"):
    return send(client, read(client.get(path)).forms[-1], email=email, role=role)


def link_of(response):
    return re.search(r"<code>(?:http://[^/]+)?(/admin/invitations/[^<]+)</code>", response.get_data(as_text=True))[1]


def form_of(client, email, action, path=ALL):
    """Return the form that changes or removes an admin."""
    rows = re.findall(r"<tr role=\"row\">.*?</tr>", client.get(path).get_data(as_text=True), re.S)
    row = next(row for row in rows if email.replace("@", "<wbr>@") in row)
    number = re.search(rf"/admins/(\d+)/{action}", row)[1]
    return read(client.get(path)).form(f"/admins/{number}/{action}")


def accept(app, link, password="a new long password", repeated=None):
    client = app.test_client()
    form = read(client.get(link)).form("/invitations/")
    return client, send(client, form, password=password, repeated=repeated or password)


def test_an_invited_admin_sets_a_password_and_signs_in_with_the_role(app, shop, owner, log):
    response = invite(owner, role="manager")
    link = link_of(response)
    assert link.split("/")[-1] not in owner.get(ALL).get_data(as_text=True)

    client, answer = accept(app, link)

    assert answer.status_code == 200
    assert "Your password is set" in answer.get_data(as_text=True)
    assert try_sign_in(client, NEW, "a new long password").status_code == 303
    assert client.get("/admin/shop/credits").status_code == 200
    assert client.get(ALL).status_code == 403
    assert log()[0] == (EMAIL, NEW, {"role": None}, {"role": "manager"})


def test_a_link_works_once_and_for_72_hours(app, shop, owner):
    link = link_of(invite(owner))
    accept(app, link)

    assert app.test_client().get(link).status_code == 404
    later = link_of(invite(owner, email="late@example.test"))
    with app.extensions["bridge"].database.transaction() as connection:
        token = later.split("/")[-1]
        almost, over = (utcnow() + invitations.LIFE + timedelta(minutes=by) for by in (-1, 1))
        assert invitations.find_invited(connection, token, now=almost) is not None
        assert invitations.find_invited(connection, token, now=over) is None


def test_an_invited_admin_cannot_sign_in_before(app, shop, owner):
    invite(owner)

    for password in ("", PASSWORD, "a new long password"):
        assert try_sign_in(app.test_client(), NEW, password).status_code == 401


def test_a_new_link_ends_the_one_before(app, shop, owner):
    first, second = link_of(invite(owner)), link_of(invite(owner))

    assert app.test_client().get(first).status_code == 404
    assert app.test_client().get(second).status_code == 200


@pytest.mark.parametrize(("password", "repeated"), [("short", "short"), ("long enough 1", "long enough 2")])
def test_passwords_that_are_short_or_differ_are_refused(app, shop, owner, password, repeated):
    link = link_of(invite(owner))

    _, answer = accept(app, link, password, repeated)

    assert answer.status_code == 422
    assert len(read(answer).alerts) == 1
    assert app.test_client().get(link).status_code == 200


@pytest.mark.parametrize(("email", "status"), [("no email", 422), ("", 422), (EMAIL, 409)])
def test_invalid_emails_are_reported_beside_the_field(owner, email, status):
    response = invite(owner, email=email)

    assert response.status_code == status
    assert len(read(response).alerts) == 1
    assert f'value="{email}"' in response.get_data(as_text=True)


def test_an_owner_of_a_store_invites_into_it_only(app, shop, owner, log):
    factories.add_shop(app, "second")
    add_admin(app, "store@example.test", None, stores={shop.id: Role.OWNER})
    boss = app.test_client()
    try_sign_in(boss, "store@example.test")

    link = link_of(invite(boss, STORE, role="viewer"))
    client, _ = accept(app, link)
    try_sign_in(client, NEW, "a new long password")

    assert client.get("/admin/shop/credits").status_code == 200
    assert client.get("/admin/second/credits").status_code == 404
    assert log(shop.id)[0] == ("store@example.test", NEW, {"role": None}, {"role": "viewer"})
    assert boss.get(ALL).status_code == 403


def test_an_owner_of_a_store_gets_no_link_to_an_admin_with_other_roles(app, shop, owner):
    invite(owner, role="owner")
    add_admin(app, "store@example.test", None, stores={shop.id: Role.OWNER})
    boss = app.test_client()
    try_sign_in(boss, "store@example.test")

    response = invite(boss, STORE)

    assert response.status_code == 303
    assert "/invitations/" not in boss.get(STORE).get_data(as_text=True)


def test_roles_are_changed_and_recorded(app, shop, owner, log):
    add_admin(app, "other@example.test", Role.VIEWER)
    other = app.test_client()
    try_sign_in(other, "other@example.test")
    assert other.get(ALL).status_code == 403

    assert send(owner, form_of(owner, "other@example.test", "role"), role="owner").status_code == 303

    assert other.get(ALL).status_code == 200
    assert log()[0] == (EMAIL, "other@example.test", {"role": "viewer"}, {"role": "owner"})
    send(owner, form_of(owner, "other@example.test", "role"), role="owner")
    assert len(log()) == 1


def test_a_removed_admin_is_signed_out(app, shop, owner, log):
    add_admin(app, "other@example.test", Role.VIEWER)
    other = app.test_client()
    try_sign_in(other, "other@example.test")

    assert send(owner, form_of(owner, "other@example.test", "remove")).status_code == 303

    assert other.get("/admin/stores").status_code == 303
    assert log()[0] == (EMAIL, "other@example.test", {"role": "viewer"}, None)


def test_a_role_in_a_store_is_taken_and_the_admin_stays_elsewhere(app, shop, owner):
    second, _ = factories.add_shop(app, "second")
    ids = [shop.id, shop.id + 1]
    add_admin(app, "other@example.test", None, stores=dict.fromkeys(ids, Role.VIEWER))
    other = app.test_client()
    try_sign_in(other, "other@example.test")

    send(owner, form_of(owner, "other@example.test", "remove", STORE))

    assert other.get("/admin/shop/credits").status_code == 404
    assert other.get("/admin/second/credits").status_code == 200
    assert second is not None


def test_the_last_owner_stays_and_ones_own_access_is_confirmed(app, shop, owner, log):
    for action, more in (("remove", {}), ("role", {"role": "viewer"})):
        form = form_of(owner, EMAIL, action)
        assert send(owner, form, **more, confirm="").status_code == 303
        assert "tick the box" in owner.get(ALL).get_data(as_text=True)
        assert send(owner, form, **more, confirm="1").status_code == 303
        assert "last owner" in owner.get(ALL).get_data(as_text=True)
    assert log() == []
    add_admin(app, "second@example.test", Role.OWNER)

    assert send(owner, form_of(owner, EMAIL, "role"), role="viewer", confirm="1").location == "/admin/stores"
    assert owner.get(ALL).status_code == 403


def test_commands_add_admins_with_roles_and_list_them(app, shop):
    run = app.test_cli_runner().invoke
    assert run(args=["admins", "add", "a@example.test", "--role", "viewer"]).exit_code == 0
    assert run(args=["admins", "add", "b@example.test", "--role", "manager", "--store", "shop"]).exit_code == 0
    assert run(args=["admins", "add", "c@example.test", "--store", "none"]).exit_code == 1

    listed = run(args=["admins", "list"]).output

    assert re.search(r"a@example.test +viewer ", listed)
    assert re.search(r"b@example.test +manager of shop ", listed)
    assert "c@example.test" not in listed
