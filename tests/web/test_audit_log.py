"""The Audit log page: who changed what and when, with the fields that differ, filtered and in pages."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from bridge.services.stores import changes
from bridge.services.stores.changes import Subject
from bridge.web.admin import changes_view
from bridge.web.admin.changes_view import differences
from bridge.web.context import utcnow
from tests import factories
from tests.support.pages import EMAIL, read, send, sign_in

PAGE = "/admin/shop/changes"


@pytest.fixture
def admin(app):
    return sign_in(app)


def texts(response):
    return [[" ".join(cell.split()) for cell in row] for row in read(response).rows]


def test_the_fields_that_differ_are_shown_with_the_admin(shop, admin):
    factories.put_package(shop, 10, 1000)
    send(admin, read(admin.get("/admin/shop/packages")).form("packages/10/0"), tokens="20")

    _, actor, setting, values = texts(admin.get(PAGE))[0]

    assert (actor, setting, values) == (EMAIL, "Changed: Package 10", "Tokens1,000 →to 20")


def test_nested_values_are_named_by_their_fields(shop, admin):
    for user in (5, 9):
        body = {"period": "daily", "rules": {"user": user, "guest": "disabled"}}
        shop.client.put("/v1/limits/chat", json=body, headers=shop.headers)

    assert texts(admin.get(f"{PAGE}?subject=limit"))[0][3] == "Rules user5 →to 9"
    body["second"] = {"period": "monthly", "rules": {"user": 70}}
    shop.client.put("/v1/limits/chat", json=body, headers=shop.headers)
    values = texts(admin.get(f"{PAGE}?subject=limit"))[0][3]
    assert "Second period" in values
    assert "Second rules user" in values
    assert "{" not in values


def test_one_subject_is_shown_alone(shop, admin):
    shop.client.put("/v1/store", json={"low_balance": 5}, headers=shop.headers)
    shop.client.put("/v1/modules/chat", json={"label": "Talk"}, headers=shop.headers)

    page = admin.get(f"{PAGE}?subject=module")

    assert {row[2].split(" chat")[0] for row in texts(page)} == {"Changed: Module"}
    assert '<option value="module" selected>' in page.get_data(as_text=True)
    empty = admin.get(f"{PAGE}?subject=reset").get_data(as_text=True)
    assert "No such change yet" in empty
    assert admin.get(f"{PAGE}?subject=else").status_code == 422


def test_pages_go_to_older_and_back_to_newer_changes(app, shop, admin):
    with app.extensions["bridge"].database.transaction() as connection:
        for number in range(changes_view.PAGE + 5):
            changes.record(
                connection, shop.id, Subject.PRICE, f"p{number}", before=None, after=number, actor="x", now=utcnow()
            )

    first = admin.get(f"{PAGE}?subject=price")
    older = admin.get(read(first).links["Older"])
    newer = admin.get(read(older).links["Newer"])

    assert [row[2] for row in texts(older)] == [f"Added: Price p{number}" for number in range(4, -1, -1)]
    assert texts(newer) == texts(first)
    assert "Newer" not in read(first).links
    assert "Newer" not in read(newer).links
    assert "Older" not in read(older).links
    assert admin.get(f"{PAGE}?before=nothing").status_code == 422


def test_other_stores_changes_are_not_shown(app, shop, admin):
    _, headers = factories.add_shop(app, "second")
    shop.client.put("/v1/store", json={"name": "A secret name"}, headers=headers)

    assert "A secret name" not in admin.get(PAGE).get_data(as_text=True)
    assert "A secret name" in admin.get("/admin/second/changes").get_data(as_text=True)


def test_values_are_escaped(shop, admin):
    shop.client.put("/v1/store", json={"name": "<b>x</b>"}, headers=shop.headers)

    assert "<b>x</b>" not in admin.get(PAGE).get_data(as_text=True)


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_signed_out_browser_is_sent_to_the_sign_in(app, shop):
    response = app.test_client().get(PAGE)

    assert response.status_code == 303
    assert response.location.startswith("/admin?next=")


def test_values_are_written_for_people():
    endpoint = {"id": "ep_1", "url": "https://a.example", "created_at": "2026-01-31T23:30:00.000001Z"}

    found = differences(None, endpoint, ZoneInfo("Europe/Rome"))

    assert [(one.field, one.after) for one in found] == [
        ("ID", "ep_1"),
        ("URL", "https://a.example"),
        ("Created at", "1 Feb 2026, 00:30"),
    ]
