import threading

from bridge.web.admin.balance_form import begin_edit
from tests.factories import balance_of, spend
from tests.support.ledger_sql import count, rows
from tests.support.pages import EMAIL, add_owner, read, send, sign_in

LIST = "/admin/shop/credits"


def _classes(response):
    page = read(response)
    return list(zip(page.rows, page.row_classes, strict=True))


def _edit(client, user_id, **typed):
    form = read(client.get(f"{LIST}?edit={user_id}")).form("balance")
    return send(client, form, **typed)


def test_balance_is_put_right_under_the_admins_name(app, people, database):
    client = sign_in(app)

    response = _edit(client, 2, balance="1,234", reason=" Goodwill ")

    after = client.get(response.location)
    assert response.status_code == 303
    assert "The balance of user 2 changed from 5,000 to 1,234 tokens." in after.text
    assert [class_.split() for row, class_ in _classes(after) if "#2 ·" in row[0]] == [["user", "is-changed"]]
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


# The typed balance and reason, and the page's message.
MISTAKES = [
    ("", "why", "Enter the new balance as a whole number"),
    ("abc", "why", "Enter the new balance as a whole number"),
    ("-1", "why", "Enter the new balance as a whole number"),
    ("1.5", "why", "Enter the new balance as a whole number"),
    ("1,00", "why", "Enter the new balance as a whole number"),
    ("9007199254740992", "why", "Enter the new balance as a whole number"),
    ("٣", "why", "Enter the new balance as a whole number"),
    ("5000", "why", "The balance is already 5,000"),
    ("5\N{NO-BREAK SPACE}00", "why", "Enter the new balance as a whole number"),
    ("77", "x" * 501, "Enter a reason"),
    ("77", "two\nlines", "Enter a reason"),
]


def test_invalid_correction_is_reported_and_stays_typed(app, people, database):
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
    """The form is checked against the balance the admin saw, however often it comes back."""
    client = sign_in(app)
    form = read(client.get(f"{LIST}?edit=2")).form("balance")
    spend(people, 2, 1000)

    mistaken = send(client, form, balance="abc")
    corrected = send(client, read(mistaken).form("balance"), balance="6000")

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


def test_double_click_posts_once_and_both_responses_report_success(app, people, database):
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

    assert page.users == [2, 3]
    assert page.form("balance").fields["expected_balance"] == "5000"


def test_fresh_form_holds_the_balance_as_it_is(people, database):
    with database.reading() as connection:
        form = begin_edit(connection, people.connected.store, 2, key="key")

    assert (form.balance, form.expected_balance, form.reason, form.error) == ("5,000", 5000, "", "")


def test_signed_out_visitor_changes_nothing(app, people):
    add_owner(app)
    client = app.test_client()
    token = read(client.get("/admin")).form("sign-in").fields["csrf_token"]

    response = client.post(f"{LIST}/2/balance", data={"csrf_token": token, "balance": "1", "reason": "x"})

    assert response.location.startswith("/admin?next=/admin/shop/credits?edit%3D2")
    assert balance_of(people, 2) == 5000
