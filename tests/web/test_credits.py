import threading
from datetime import timedelta

import pytest
from sqlalchemy import bindparam, text

from bridge.services import figures
from bridge.services.credits import begin_edit
from bridge.storage.types import Instant
from bridge.web import credits as door
from bridge.web.context import utcnow
from tests.factories import add_shop, balance_of, deliver, give, line, order, put_package, put_user, spend
from tests.support.books import count, rows
from tests.support.pages import EMAIL, add_owner, read, send, sign_in

LIST = "/admin/shop/credits"

# What each column is sorted by, and the users in ascending order of it.
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


@pytest.fixture
def people(shop, database):
    """Three users, no two alike in any column, each made in another order."""
    put_package(shop, 10, 600)
    put_user(shop, 10, name="anna Åström", email="c@example.test", roles=["zebra"])
    put_user(shop, 2, name="Émile", email="d@example.test", roles=["editor", "shop manager"])
    put_user(shop, 3, name="Bert", email="B@example.test", roles=["customer"])
    deliver(shop, order(1, customer=10))
    deliver(shop, order(2, customer=3, lines=[line(quantity=2)]))
    spend(shop, 10, 600)
    deliver(shop, order(1, "refunded", at=10, customer=10, lines=[line()]))
    deliver(shop, order(3, customer=10, at=20, lines=[line()]))
    give(shop, 2, 5000)
    spend(shop, 3, 700)
    shop.client.post(
        "/v1/holds",
        json={"user": {"id": 3}, "module": "chat", "tokens": 100},
        headers=shop.headers | {"Idempotency-Key": "hold"},
    )
    return shop


def _ids(response):
    return [int(row[0]) for row in read(response).rows]


def _classes(response):
    page = read(response)
    return list(zip(page.rows, page.row_classes, strict=True))


def _row(client, user_id, path=LIST):
    return next(row for row in read(client.get(path)).rows if row[0] == str(user_id))


def _edit(client, user_id, **typed):
    form = read(client.get(f"{LIST}?edit={user_id}")).form("balance")
    return send(client, form, **typed)


def test_row_says_who_somebody_is_and_what_they_have(app, people):
    row = _row(sign_in(app), 3)

    today = utcnow().astimezone(people.connected.store.calendar.zone)
    assert row[:9] == ["3", "Bert", "B@example.test", "customer", "500", "100", "0", "700", "1,200"]
    assert row[9].startswith(f"{today.day} ")


def test_debt_is_shown_and_purchases_are_less_what_was_taken_back(app, people):
    """User 10 bought 600, spent them, was refunded, and bought 600 more, which the debt swallowed."""
    row = _row(sign_in(app), 10)

    assert row[4:9] == ["0", "0", "0", "600", "600"]


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
        "Edit": "",
    }
    assert "sort=balance&dir=asc" in page.links["Balance↓"]
    assert "q=example" in page.links["Balance↓"]
    assert "sort=name&dir=asc" in page.links["Name"]
    assert "sort=debt&dir=desc" in page.links["Debt"]


# What is typed, and whom it finds: the newest user first.
SEARCHES = [
    ("BERT", [3]),
    ("b@EXAMPLE", [3]),
    ("émile", [2]),
    ("ström", [10]),
    ("10", [10]),
    (" 2 ", [2]),
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


def test_search_without_a_match_says_so(app, people):
    page = sign_in(app).get(f"{LIST}?q=nobody<b>").text

    assert "Nobody matches" in page
    assert "nobody&lt;b&gt;" in page


def test_pages_lead_through_the_whole_list_and_back(app, shop, monkeypatch):
    monkeypatch.setattr(door, "Listing", lambda **wanted: _real_listing(**wanted, page=3))
    client = sign_in(app)
    for user_id in range(1, 9):
        put_user(shop, user_id, name="same")

    for sort in ("user", "name", "balance", "active", "used"):
        seen, path, ranges = [], f"{LIST}?sort={sort}&dir=asc", []
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

        assert [user_id for ids in seen for user_id in ids] == list(range(1, 9)), sort
        assert ranges == ["1–3 of 8", "4–6 of 8", "7–8 of 8"]
        assert back == [seen[1], seen[0]]
        assert "Previous" not in read(client.get(LIST)).links


_real_listing = door.Listing


def test_page_that_nobody_linked_to_is_refused(app, people):
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


def test_use_by_somebody_without_a_balance_counts_as_activity(app, shop, database):
    """Nothing moves in the books when an allowance pays; the list still says who was there."""
    shop.client.put("/v1/limits/chat", json={"period": "daily", "rules": {"user": 500}}, headers=shop.headers)
    put_user(shop, 2)
    _set(database, "updated_at = :at", at=utcnow() - timedelta(days=400))

    spend(shop, 2, 5)

    row = _row(sign_in(app), 2)
    assert row[9].endswith(str(utcnow().astimezone(shop.connected.store.calendar.zone).year))


def test_figures_of_the_store(app, people, monkeypatch):
    monkeypatch.setattr(figures, "SLOW_SECONDS", 1000)
    client = sign_in(app)

    text = " ".join(client.get(LIST).text.split())

    for figure in ("3", "5,500", "1,300"):
        assert f'stat__value">{figure}<' in text
    assert '<span class="modules__label">Chat</span><span class="modules__tokens">1,300</span>' in text


def test_figures_that_took_long_are_kept_for_a_minute(app, people, monkeypatch):
    monkeypatch.setattr(figures, "SLOW_SECONDS", -1)
    client = sign_in(app)
    client.get(LIST)

    give(people, 2, 1)
    kept = client.get(LIST).text
    monkeypatch.setattr(figures, "KEPT_FOR", timedelta(0))
    fresh = client.get(LIST).text

    assert "5,500" in kept
    assert "Figures of " in kept
    assert "5,501" in fresh
    assert "Figures of " not in fresh


def test_sums_do_not_end_at_64_bits(app, shop, database, monkeypatch):
    monkeypatch.setattr(figures, "SLOW_SECONDS", 1000)
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
        assert "<script" not in page.text
        assert "&lt;script&gt;" in page.text


def test_balance_is_put_right_under_the_admins_name(app, people, database):
    client = sign_in(app)

    response = _edit(client, 2, balance="1,234", reason=" Goodwill ")

    after = client.get(response.location)
    assert response.status_code == 303
    assert "The balance of user 2 is now 1,234 tokens." in after.text
    assert [class_.split() for row, class_ in _classes(after) if row[0] == "2"] == [["user", "is-changed"]]
    assert balance_of(people, 2) == 1234
    [entry] = rows(database, "select kind, tokens, actor, reason from entries where kind = 'adjustment' and tokens < 0")
    assert entry == {"kind": "adjustment", "tokens": -3766, "actor": EMAIL, "reason": "Goodwill"}


def test_edit_keeps_the_place_in_the_list(app, people):
    client = sign_in(app)
    page = read(client.get(f"{LIST}?q=example&sort=name&dir=desc"))

    edit = page.links["Edit the balance of user 3"]
    response = send(client, read(client.get(edit)).form("balance"), balance="7", reason="x")

    assert all(part in response.location for part in ("q=example", "sort=name", "dir=desc", "changed=3"))
    assert "edit=" not in response.location


# What is typed as balance and as reason, and what the page says to it.
MISTAKES = [
    ("", "why", "Give the new balance as a whole number"),
    ("abc", "why", "Give the new balance as a whole number"),
    ("-1", "why", "Give the new balance as a whole number"),
    ("1.5", "why", "Give the new balance as a whole number"),
    ("1,00", "why", "Give the new balance as a whole number"),
    ("9007199254740992", "why", "Give the new balance as a whole number"),
    ("٣", "why", "Give the new balance as a whole number"),
    ("5000", "why", "The balance is 5,000 already"),
    ("77", "  ", "Say why"),
    ("77", "x" * 501, "Say why"),
    ("77", "two\nlines", "Say why"),
]


def test_what_is_no_correction_is_told_and_stays_typed(app, people, database):
    client = sign_in(app)
    before = count(database, "entries")

    for balance, reason, error in MISTAKES:
        response = _edit(client, 2, balance=balance, reason=reason)
        form = read(response).form("balance")
        assert response.status_code == 422
        assert error in read(response).alerts[0]
        assert form.fields["balance"] == balance
        assert form.fields["reason"] == reason.strip()[:500]
    assert count(database, "entries") == before


def test_balance_that_moved_meanwhile_is_not_overwritten(app, people, database):
    client = sign_in(app)
    form = read(client.get(f"{LIST}?edit=2")).form("balance")
    spend(people, 2, 1000)

    conflict = send(client, form, balance="6000", reason="More for her")
    again = read(conflict).form("balance")

    assert conflict.status_code == 409
    assert "it was 5,000 and is 4,000 now. Nothing was saved." in read(conflict).alerts[0]
    assert (again.fields["balance"], again.fields["reason"]) == ("6000", "More for her")
    assert balance_of(people, 2) == 4000
    assert send(client, again).status_code == 303
    assert balance_of(people, 2) == 6000


def test_mistake_does_not_hide_that_the_balance_moved(app, people):
    """The form is judged by the balance the admin saw, however often it comes back."""
    client = sign_in(app)
    form = read(client.get(f"{LIST}?edit=2")).form("balance")
    spend(people, 2, 1000)

    mistaken = send(client, form, balance="6000", reason="")
    corrected = send(client, read(mistaken).form("balance"), reason="More for her")

    assert (mistaken.status_code, corrected.status_code) == (422, 409)


def test_form_that_is_sent_twice_posts_once(app, people, database):
    client = sign_in(app)
    form = read(client.get(f"{LIST}?edit=2")).form("balance")
    before = count(database, "entries")

    first = send(client, form, balance="6000", reason="x")
    second = send(client, form, balance="6000", reason="x")
    third = send(client, form, balance="7000", reason="x")

    assert (first.status_code, second.status_code, third.status_code) == (303, 303, 409)
    assert count(database, "entries") == before + 1
    assert balance_of(people, 2) == 6000


def test_double_click_posts_once_and_both_are_told_it_is_done(app, people, database):
    client = sign_in(app)
    form = read(client.get(f"{LIST}?edit=2")).form("balance")
    before, statuses = count(database, "entries"), []
    cookie = client.get_cookie("token_bridge")
    start = threading.Barrier(6)

    def click():
        other = app.test_client()
        other.set_cookie(cookie.key, cookie.value)
        start.wait()
        statuses.append(send(other, form, balance="6000", reason="x").status_code)

    threads = [threading.Thread(target=click) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert statuses == [303] * 6
    assert count(database, "entries") == before + 1


def test_form_with_missing_parts_is_refused(app, people):
    client = sign_in(app)

    assert _edit(client, 2, balance="1", reason="x", form_key="").status_code == 422
    assert _edit(client, 2, balance="1", reason="x", expected_balance="x").status_code == 422


def test_user_who_is_edited_is_shown_whatever_the_list_says(app, people):
    page = read(sign_in(app).get(f"{LIST}?q=bert&edit=2"))

    assert [row[0] for row in page.rows if len(row) > 2] == ["2", "3"]
    assert page.form("balance").fields["expected_balance"] == "5000"


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


def test_signed_out_visitor_changes_nothing(app, people):
    add_owner(app)
    client = app.test_client()
    token = read(client.get("/admin")).form("sign-in").fields["csrf_token"]

    response = client.post(f"{LIST}/2/balance", data={"csrf_token": token, "balance": "1", "reason": "x"})

    assert response.location == "/admin"
    assert balance_of(people, 2) == 5000


def test_fresh_form_holds_the_balance_as_it_is(people, database):
    with database.reading() as connection:
        form = begin_edit(connection, people.connected.store, 2, key="key")

    assert (form.balance, form.expected_balance, form.reason, form.error) == ("5,000", 5000, "", "")
