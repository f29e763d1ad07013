from datetime import timedelta

import pytest
from sqlalchemy import bindparam, text

from bridge.storage.engine.types import Instant
from bridge.web.context import utcnow
from tests.factories import add_shop, balance_of, copy_first_user, give, put_user, spend
from tests.support.pages import read, send, sign_in

pytestmark = pytest.mark.both_engines

LIST = "/admin/shop/credits"

# The sort key of each column, and the users in ascending order of it.
ORDERS = {
    "user": [2, 3, 10],
    "name": [10, 3, 2],
    "email": [3, 10, 2],
    "roles": [3, 2, 10],
    "balance": [10, 3, 2],
    "held": [10, 2, 3],
    "debt": [2, 3, 10],
    "used": [2, 10, 3],
    "purchased": [2, 10, 3],
    "active": [10, 2, 3],
}


def _ids(response):
    return read(response).users


def _row(client, user_id, path=LIST):
    page = read(client.get(path))
    return dict(zip(page.users, page.rows, strict=True))[user_id]


def test_row_shows_the_user_and_their_tokens(app, people):
    row = _row(sign_in(app), 3)

    assert row[:4] == ["Bert B@example.test User ID #3 · customer", "500", "100", "700"]
    assert row[5:7] == ["1,200", "just now"]


def test_debt_is_shown_and_purchases_are_less_what_was_taken_back(app, people):
    """User 10 bought 600, spent them, was refunded, and bought 600 more, all of which paid the debt."""
    row = _row(sign_in(app), 10)

    assert (row[1:4], row[5]) == (["0", "0", "600"], "600")


def test_every_column_sorts_both_ways(app, people, database):
    client = sign_in(app)
    _set(database, "debt = user_id")
    for user_id, minutes in ((10, 3), (2, 2), (3, 1)):
        _set(database, "updated_at = :at", user_id, at=utcnow() - timedelta(minutes=minutes))

    for sort, expected in ORDERS.items():
        ascending = _ids(client.get(f"{LIST}?sort={sort}&dir=asc"))
        descending = _ids(client.get(f"{LIST}?sort={sort}&dir=desc"))
        assert ascending == expected, sort
        assert descending == expected[::-1], sort


def _set(database, assignment, user_id=None, **values):
    statement = text(f"update accounts set {assignment}" + ("" if user_id is None else f" where user_id = {user_id}"))
    with database.transaction() as connection:
        for name in values:
            statement = statement.bindparams(bindparam(name, type_=Instant()))
        connection.execute(statement, values)


def test_heading_says_how_the_list_is_sorted_and_asks_for_the_other_way(app, people):
    client = sign_in(app)

    page = read(client.get(f"{LIST}?sort=balance&dir=desc&q=example"))

    assert {label: sort for label, sort in page.sorts.items() if sort != "none"} == {
        "Balance": "descending",
        "Actions": "",
        "Free use this period": "",
    }
    assert "sort=balance&dir=asc" in page.links["Balance↓"]
    assert "q=example" in page.links["Balance↓"]
    assert "sort=name&dir=asc" in page.links["User"]
    assert "sort=active&dir=desc" in page.links["Last activity"]


# The search text, and the users it finds: the newest first.
SEARCHES = [
    ("BERT", [3]),
    ("b@EXAMPLE", [3]),
    ("émile", [2]),
    ("ström", [10]),
    ("10", [10]),
    # User 2, and the buyer of order 2.
    (" 2 ", [3, 2]),
    ("#1", [10]),
    ("example.test", [10, 3, 2]),
    ("%", []),
    ("_", []),
    ("\\", []),
    ("'; drop table accounts; --", []),
    ("9" * 40, []),
    ("x" * 5000, []),
    ("\0", [10, 3, 2]),
]


def test_search_finds_name_e_mail_and_user_id(app, people):
    client = sign_in(app)

    for search, found in SEARCHES:
        response = client.get(LIST, query_string={"q": search, "sort": "user"})
        assert response.status_code == 200
        assert _ids(response) == found, search


def test_user_whose_id_is_searched_for_is_one_link_away(app, people):
    client = sign_in(app)

    shown = {search: read(client.get(LIST, query_string={"q": search})).links for search in ("2", "10", "77", "x2")}

    # User 3 is the buyer of order 2, and comes first.
    assert shown["2"]["Open user 2"] == f"{LIST}/2"
    assert [name for search in ("10", "77", "x2") for name in shown[search] if name.startswith("Open user")] == []


def test_search_without_a_match_says_so(app, people):
    page = sign_in(app).get(f"{LIST}?q=nobody<b>").text

    assert "No users found" in page
    assert "nobody&lt;b&gt;" in page


def test_pages_lead_through_the_whole_list_and_back(app, shop, database):
    client = sign_in(app)
    put_user(shop, 1, name="same")
    copy_first_user(database, 60)

    for sort in ("user", "name", "balance", "active", "used"):
        seen, path, ranges = [], f"{LIST}?sort={sort}&dir=asc&size=25", []
        while path:
            response = client.get(path)
            page = read(response)
            seen.append(_ids(response))
            ranges.append(response.text.split('pages__range">')[1].split("<")[0])
            path = page.links.get("Next")
        back, path = [], page.links["Previous"]
        while path:
            response = client.get(path)
            back.append(_ids(response))
            path = read(response).links.get("Previous")

        assert [user_id for ids in seen for user_id in ids] == list(range(1, 61)), sort
        assert ranges == ["1–25 of 60", "26–50 of 60", "51–60 of 60"]
        assert back == [seen[1], seen[0]]
        assert "Previous" not in read(client.get(LIST)).links


def test_invalid_page_is_refused(app, people):
    client = sign_in(app)

    for query in ("after=x", "before=e30", "sort=password", "dir=up", "edit=x", "edit=0", "changed=-1"):
        assert client.get(f"{LIST}?{query}").status_code == 422, query
    assert client.get(f"{LIST}?edit=999").status_code == 404


def test_guests_are_not_listed_and_their_use_counts(app, shop):
    shop.client.put("/v1/limits/chat", json={"period": "daily", "rules": {"guest": 500}}, headers=shop.headers)
    response = shop.client.post(
        "/v1/spends",
        json={"guest": {"id": "g"}, "module": "chat", "tokens": 321},
        headers=shop.headers | {"Idempotency-Key": "g"},
    )
    assert response.status_code == 201

    page = sign_in(app).get(LIST).text

    assert "No users yet" in page
    assert ">321<" in page


def test_use_by_a_user_without_a_balance_counts_as_activity(app, shop, database):
    """Nothing moves in the ledger when an allowance pays; the list still shows the activity."""
    shop.client.put("/v1/limits/chat", json={"period": "daily", "rules": {"user": 500}}, headers=shop.headers)
    put_user(shop, 2)
    _set(database, "updated_at = :at", at=utcnow() - timedelta(days=400))

    spend(shop, 2, 5)

    assert "just now" in _row(sign_in(app), 2)


def test_figures_of_the_store(app, people):
    client = sign_in(app)

    text = " ".join(client.get(LIST).text.split())

    assert 'filter=has_balance">2</a></p> <p class="muted">of 3 users' in text
    for figure in ("5,500", "1,300"):
        assert f'stat__value">{figure}<' in text
    assert '<span class="legend__label">Chat</span> <span class="legend__tokens">1,300</span>' in text


def test_sums_do_not_end_at_64_bits(app, shop, database):
    for user_id in (1, 2, 3):
        give(shop, user_id, 2**53 - 1)
    with database.transaction() as connection:
        connection.exec_driver_sql("update accounts set debt = 9223372036854775807")

    page = sign_in(app).get(LIST).text

    assert f"{3 * (2**53 - 1):,}" in page
    assert f"{3 * (2**63 - 1):,}" in page


def test_names_are_shown_as_text(app, shop):
    nasty = '"><script>alert(1)</script>'
    put_user(shop, 2, name=nasty, email=f"{nasty}@x", roles=[nasty])
    give(shop, 2, 5)
    client = sign_in(app)

    for path in (LIST, f"{LIST}?q={nasty}", f"{LIST}?edit=2", f"{LIST}/2"):
        page = client.get(path)
        assert page.status_code == 200
        assert "<script>alert" not in page.text
        assert "&lt;script&gt;" in page.text


def test_stores_do_not_see_each_other(app, people, database):
    add_shop(app, "other")
    client = sign_in(app)

    assert "No users yet" in client.get("/admin/other/credits").text
    assert client.get("/admin/other/credits?edit=2").status_code == 404
    assert client.get("/admin/other/credits/2").status_code == 404
    form = read(client.get(f"{LIST}?edit=2")).form("balance")
    form.action = form.action.replace("/shop/", "/other/")
    assert send(client, form, balance="1", reason="x").status_code == 404
    assert balance_of(people, 2) == 5000


def test_unknown_store_is_a_page_that_says_so(app, people):
    response = sign_in(app).get("/admin/nowhere/credits")

    assert response.status_code == 404
    assert "there is no store named nowhere" in response.text
