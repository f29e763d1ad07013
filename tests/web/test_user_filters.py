"""The filters, pages and cells of the user list."""

from __future__ import annotations

import re
from datetime import timedelta
from functools import partial

import pytest
from sqlalchemy import bindparam, text

from bridge.storage.engine.types import Instant
from bridge.web.context import utcnow
from tests.factories import add_shop, copy_first_user, deliver, give, order, put_package, put_user, put_users, spend
from tests.support.pages import read, sign_in
from tests.support.replayed import replay

pytestmark = pytest.mark.both_engines

LIST = "/admin/shop/credits"


@pytest.fixture
def users(shop, database):
    """Add users of whom each filter finds one or two."""
    replay(partial(_add_users, database=database), shop, database)
    return shop


def _add_users(shop, database):
    put_package(shop, 10, 600)
    shop.client.put("/v1/limits/chat", json={"period": "monthly", "rules": {"user": 50}}, headers=shop.headers)
    shop.client.put("/v1/limits/forms", json={"period": "daily", "rules": {"role:vip": 200}}, headers=shop.headers)
    put_user(shop, 1, name="idle", roles=["customer"])
    put_user(shop, 2, name="rich", roles=["vip", "customer"])
    give(shop, 2, 5000)
    deliver(shop, order(3, customer=3))
    with database.transaction() as connection:
        connection.execute(text("update accounts set balance = 0 where user_id = 3"))
        old = text("update accounts set updated_at = :at where user_id = 1").bindparams(
            bindparam("at", type_=Instant())
        )
        connection.execute(old, {"at": utcnow() - timedelta(days=31)})
    put_user(shop, 4, name="limited")
    spend(shop, 4, 50)
    put_user(shop, 5, name="owes")
    with database.transaction() as connection:
        connection.execute(text("update accounts set debt = 9 where user_id = 5"))


def ids(client, query):
    response = client.get(f"{LIST}?{query}")
    assert response.status_code == 200, query
    return read(response).users


FILTERS = [
    ("filter=has_balance", [2]),
    ("filter=exhausted", [3]),
    ("filter=over_limit", [4]),
    ("filter=in_debt", [5]),
    ("filter=inactive", [1]),
    ("filter=has_plan", []),
    ("filter=waiting", []),
    ("filter=has_balance&filter=in_debt", []),
    ("role=customer", [2, 1]),
    ("role=custom", []),
    ("role=customer&filter=has_balance", [2]),
    ("role=vip&q=ric&filter=has_balance&sort=used", [2]),
]


def test_filters_find_users_and_are_combined(app, users):
    client = sign_in(app)

    for query, found in FILTERS:
        assert ids(client, query) == found, query


def test_filter_is_switched_by_its_link_and_keeps_the_rest(app, users):
    client = sign_in(app)
    page = read(client.get(f"{LIST}?filter=has_balance&sort=balance&dir=asc&days=90&size=25"))

    assert page.links["In debt"] == (f"{LIST}?sort=balance&dir=asc&size=25&days=90&filter=has_balance&filter=in_debt")
    assert page.links["✓ Has tokens"] == f"{LIST}?sort=balance&dir=asc&size=25&days=90"
    form = page.form("credits")
    assert form.fields["filter"] == "has_balance"
    assert form.fields["days"] == "90"


def test_filtered_list_counts_its_users(app, users):
    client = sign_in(app)

    assert "2 users match" in client.get(f"{LIST}?role=customer").text
    assert "1 user matches" in client.get(f"{LIST}?filter=in_debt").text


def test_list_without_a_match_names_the_conditions_and_leads_back(app, users):
    response = sign_in(app).get(f"{LIST}?filter=has_balance&filter=in_debt&role=<b>")

    assert "matches: Has tokens; In debt; role &lt;b&gt;." in response.text
    assert read(response).links["Show all users"] == LIST


def test_roles_to_choose_from_are_those_of_users_and_limits(app, users):
    add_shop(app, "other")
    client = sign_in(app)

    def offered(slug):
        field = re.search(r'<select id="role".*?</select>', client.get(f"/admin/{slug}/credits?q=x").text, re.DOTALL)
        return re.findall(r'value="([^"]*)"', field[0]) if field else []

    assert offered("shop") == ["", "customer", "vip"]
    assert offered("other") == []


BAD = ("filter=x", "filter=", "size=51", "size=0", "page=first", "page=2", "role=%00", "days=1")


def test_invalid_choice_is_refused(app, users):
    client = sign_in(app)

    assert [client.get(f"{LIST}?{query}").status_code for query in BAD] == [422, 422, 422, 422, 422, 422, 200, 422]


@pytest.mark.parametrize("sort", ["user", "name", "balance", "used"])
def test_last_page_ends_the_list_and_leads_back(app, shop, database, sort):
    put_user(shop, 1, name="same")
    copy_first_user(database, 63)
    client = sign_in(app)

    first = read(client.get(f"{LIST}?sort={sort}&dir=asc&size=25"))
    last = client.get(first.links["Last"])
    before = client.get(read(last).links["Previous"])

    assert read(last).users == list(range(39, 64))
    assert "39–63 of 63" in last.text
    assert not {"Next", "Last"} & set(read(last).links)
    assert read(before).users == list(range(14, 39))
    assert "14–38 of 63" in before.text
    assert read(client.get(read(last).links["First"])).users == list(range(1, 26))


def test_last_page_of_a_search_is_numbered_by_its_matches(app, shop):
    put_users(shop, range(1, 64, 2), name="odd")
    put_users(shop, range(2, 64, 2), name="even")
    client = sign_in(app)

    page = client.get(f"{LIST}?q=odd&size=25&page=last")

    assert read(page).users == list(range(49, 0, -2))
    assert "8–32" in page.text


def test_page_has_as_many_users_as_were_chosen(app, shop):
    put_users(shop, range(1, 52))
    put_users(shop, range(52, 102))
    client = sign_in(app)

    assert [len(ids(client, query)) for query in ("", "size=25", "size=50", "size=100")] == [50, 25, 50, 100]


def cell(client, user_id):
    page = read(client.get(LIST))
    row = dict(zip(page.users, page.rows, strict=True))[user_id]
    return next(cell for cell, (label, _) in zip(row, page.sorts.items(), strict=False) if label.startswith("Free"))


def test_free_use_is_shown_against_its_limit_with_both_resets(app, users):
    client = sign_in(app)
    text_ = cell(client, 4)

    assert text_.startswith("Chat 50 of 50 used ▲ Limit reached Since 1 ")
    assert "Resets in" in text_
    assert cell(client, 1) == "Nothing used"


def test_two_modules_are_shown_and_the_rest_is_folded(app, shop):
    put_user(shop, 2)
    for number in range(1, 31):
        body = {"period": "daily", "rules": {"user": 100}}
        assert shop.client.put(f"/v1/limits/m{number}", json=body, headers=shop.headers).status_code == 200
    for number in (1, 2, 3, 4):
        spend(shop, 2, number * 10, module=f"m{number}")
    spend(shop, 2, 100, module="m30")

    page = sign_in(app).get(LIST).text

    shown, _, folded = page.partition("3 more</summary>")
    assert re.findall(r'use__label">(\w+)<', shown) == ["M30", "M4"]
    assert re.findall(r'use__label">(\w+)<', folded) == ["M3", "M2", "M1"]


def test_held_and_debt_are_columns_only_where_there_are_any(app, shop, database):
    put_user(shop, 2)
    client = sign_in(app)
    assert not {"Held", "Debt"} & set(read(client.get(LIST)).sorts)
    assert "Held" in read(client.get(f"{LIST}?sort=held")).sorts

    with database.transaction() as connection:
        connection.execute(text("update accounts set debt = 9"))

    assert {"Held", "Debt"} & set(read(client.get(LIST)).sorts) == {"Debt"}


def test_actions_lead_to_the_sections_of_the_user_page(app, users):
    page = sign_in(app).get(f"{LIST}?q=rich").text

    assert f'href="{LIST}/2/purchases"' in page
    for section in ("ledger", "usage", "limits", "holds"):
        assert f'href="{LIST}/2#{section}"' in page
