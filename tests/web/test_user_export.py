"""The user list as a CSV file."""

from __future__ import annotations

import csv
import io

import pytest
from sqlalchemy import text

from bridge.web.context import utcnow
from tests.factories import add_shop, copy_first_user, put_user, spend
from tests.support.pages import sign_in

pytestmark = pytest.mark.both_engines

EXPORT = "/admin/shop/credits/export.csv"


def rows(response):
    assert response.status_code == 200
    return list(csv.reader(io.StringIO(response.data.decode("utf-8-sig"))))


def test_export_has_the_columns_and_rows_of_the_list(app, people):
    response = sign_in(app).get(f"{EXPORT}?sort=balance&dir=asc")

    today = utcnow().astimezone(people.connected.store.calendar.zone).date()
    assert response.data.startswith(b"\xef\xbb\xbfUser ID,")
    assert response.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert response.headers["Content-Disposition"] == f'attachment; filename="shop-users-{today}.csv"'
    header, *users = rows(response)
    assert header[:8] == ["User ID", "Name", "Email", "Roles", "Balance", "Held", "Debt", "Used, 30 days"]
    assert header[8:] == ["Free use this period", "Purchased", "Last activity"]
    assert [user[0] for user in users] == ["10", "3", "2"]
    assert users[1][:10] == ["3", "Bert", "B@example.test", "customer", "500", "100", "0", "700", "", "1200"]
    assert users[1][10].startswith(today.isoformat())


def test_export_has_the_users_of_the_filter_whatever_page_was_shown(app, people):
    client = sign_in(app)

    assert [row[0] for row in rows(client.get(f"{EXPORT}?filter=has_balance&page=last&size=25"))] == [
        "User ID",
        "3",
        "2",
    ]
    assert [row[0] for row in rows(client.get(f"{EXPORT}?q=nobody"))] == ["User ID"]
    assert client.get(f"{EXPORT}?filter=x").status_code == 422


def test_export_has_the_free_use(app, shop):
    shop.client.put("/v1/limits/chat", json={"period": "daily", "rules": {"user": 50}}, headers=shop.headers)
    put_user(shop, 2)
    spend(shop, 2, 50)

    assert rows(sign_in(app).get(EXPORT))[1][8] == "Chat: 50 of 50 used (Limit reached)"


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_text_that_a_spreadsheet_would_run_is_quoted(app, shop, database, start):
    put_user(shop, 2, email="b@example.test")
    with database.transaction() as connection:
        changed = text("update accounts set name = :name, email = :name")
        connection.execute(changed, {"name": f"{start}cmd|' /C calc'!A0"})

    user = rows(sign_in(app).get(EXPORT))[1]

    assert user[1] == user[2] == f"'{start}cmd|' /C calc'!A0"


def test_export_goes_over_batches_and_each_user_is_in_it_once(app, shop, database):
    put_user(shop, 1)
    copy_first_user(database, 1201)
    client = sign_in(app)

    for sort in ("user", "name", "balance", "active"):
        found = [int(row[0]) for row in rows(client.get(f"{EXPORT}?sort={sort}&dir=asc"))[1:]]
        assert sorted(found) == list(range(1, 1202)), sort


def test_export_of_another_store_has_its_own_users(app, people):
    add_shop(app, "other")
    client = sign_in(app)

    assert len(rows(client.get("/admin/other/credits/export.csv"))) == 1
    assert client.get("/admin/nowhere/credits/export.csv").status_code == 404
    assert app.test_client().get(EXPORT).status_code == 303
