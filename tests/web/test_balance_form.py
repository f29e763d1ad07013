"""Change a balance by adding and subtracting, with and without a reason, undo it, and read purchases."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest

from bridge.domain.accounts.accounts import MAX_TOKENS
from bridge.domain.admin.admins import Admin, Role
from bridge.domain.admin.balance_edits import NO_REASON, UNDO_FOR, Undo
from bridge.services.admin import balance_edits
from bridge.web.context import utcnow
from tests.factories import add_shop, balance_of, spend
from tests.support.ledger_sql import count, rows
from tests.support.pages import EMAIL, PASSWORD, read, send, sign_in

pytestmark = pytest.mark.both_engines

LIST = "/admin/shop/credits"
FRAGMENT = {"X-Fragment": "balance"}


def _form(client, user_id=2):
    return read(client.get(f"{LIST}?edit={user_id}")).form("balance")


def _change(client, **typed):
    """Send the form, and return the page after it with the Undo button."""
    answer = send(client, _form(client), **typed)
    assert answer.status_code == 303, answer.text
    return client.get(answer.location)


def _last_entry(database):
    return rows(database, "select id, tokens, reason, reference, actor from entries order by id desc limit 1")[0]


@pytest.mark.parametrize(
    ("mode", "typed", "after"),
    [
        ("set", "6\N{NO-BREAK SPACE}000", 6000),
        ("add", "1,000", 6000),
        ("add", " 1\N{NARROW NO-BREAK SPACE}000\N{NO-BREAK SPACE}", 6000),
        ("subtract", "5000", 0),
        ("set", "0", 0),
        ("set", str(MAX_TOKENS), MAX_TOKENS),
    ],
)
def test_balance_is_set_added_to_and_subtracted_from(app, people, database, mode, typed, after):
    page = _change(sign_in(app), mode=mode, balance=typed)

    assert balance_of(people, 2) == after
    assert f"from 5,000 to {after:,} tokens" in page.text
    entry = _last_entry(database)
    assert (entry["tokens"], entry["reason"], entry["actor"]) == (after - 5000, NO_REASON, EMAIL)


@pytest.mark.parametrize(
    ("mode", "typed", "error"),
    [
        ("add", "", "Enter the tokens to add"),
        ("add", "-5", "Enter the tokens to add"),
        ("subtract", "abc", "Enter the tokens to subtract"),
        ("subtract", "5001", "at most 5,000 can be subtracted"),
        ("add", str(MAX_TOKENS), "would be more than"),
        ("add", "9007199254740992", "Enter the tokens to add"),
        ("add", "0", "already 5,000"),
    ],
)
def test_impossible_amount_is_reported_and_stays_typed(app, people, database, mode, typed, error):
    client = sign_in(app)
    before = count(database, "entries")

    answer = send(client, _form(client), mode=mode, balance=typed, reason="why")

    form = read(answer).form("balance")
    assert answer.status_code == 422
    assert error in read(answer).alerts[0]
    assert (form.fields["mode"], form.fields["balance"], form.fields["reason"]) == (mode, typed, "why")
    assert count(database, "entries") == before


def test_reason_is_required_where_the_store_says_so(app, people, database):
    client = sign_in(app)
    changed = people.client.put("/v1/store", json={"require_reason": True}, headers=people.headers)
    assert changed.get_json()["require_reason"] is True

    refused = send(client, _form(client), balance="1")
    saved = send(client, read(refused).form("balance"), reason="Goodwill \N{ZERO WIDTH NON-JOINER}۱")

    assert refused.status_code == 422
    assert "Enter a reason" in read(refused).alerts[0]
    assert saved.status_code == 303
    assert _last_entry(database)["reason"] == "Goodwill \N{ZERO WIDTH NON-JOINER}۱"


def test_added_tokens_are_checked_against_the_balance_that_was_shown(app, people):
    client = sign_in(app)
    form = _form(client)
    spend(people, 2, 1000)

    conflict = send(client, form, mode="add", balance="500")
    again = read(conflict).form("balance")

    assert conflict.status_code == 409
    assert "it was 5,000 and is 4,000 now" in read(conflict).alerts[0]
    assert (again.fields["mode"], again.fields["balance"]) == ("add", "500")
    assert send(client, again).status_code == 303
    assert balance_of(people, 2) == 4500


def test_change_is_undone_once_by_a_counter_entry(app, people, database):
    client = sign_in(app)
    undo = read(_change(client, balance="7000", reason="Mistyped")).form("undo")
    before = count(database, "entries")

    first, second = send(client, undo), send(client, undo)

    assert (first.status_code, second.status_code) == (303, 303)
    assert balance_of(people, 2) == 5000
    assert count(database, "entries") == before + 1
    entry = _last_entry(database)
    assert (entry["tokens"], entry["reason"], entry["actor"]) == (-2000, "Undo: Mistyped", EMAIL)
    assert "The change was already undone" in client.get(second.location).text


def test_undo_at_once_from_several_windows_posts_once(app, people, database):
    client = sign_in(app)
    undo, before = read(_change(client, balance="7000")).form("undo"), count(database, "entries")
    cookie, statuses, start = client.get_cookie("token_bridge"), [], threading.Barrier(5)

    def click():
        other = app.test_client()
        other.set_cookie(cookie.key, cookie.value)
        start.wait()
        statuses.append(send(other, undo).status_code)

    threads = [threading.Thread(target=click) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert statuses == [303] * 5
    assert count(database, "entries") == before + 1
    assert balance_of(people, 2) == 5000


def test_undo_is_refused_once_the_tokens_are_spent(app, people, database):
    client = sign_in(app)
    undo = read(_change(client, balance="7000")).form("undo")
    spend(people, 2, 6000)
    before = count(database, "entries")

    refused = send(client, undo)

    assert refused.status_code == 409
    assert "2,000 tokens would have to be removed, and the balance is only 1,000" in read(refused).alerts[0]
    assert count(database, "entries") == before


def test_undo_restores_subtracted_tokens_after_a_spend(app, people):
    client = sign_in(app)
    undo = read(_change(client, mode="subtract", balance="1000")).form("undo")
    spend(people, 2, 4000)

    send(client, undo)

    assert balance_of(people, 2) == 1000


def test_undo_ends_after_a_quarter_of_an_hour(app, people, database):
    client = sign_in(app)
    _change(client, balance="7000")
    entry = _last_entry(database)["id"]
    admin = Admin(1, EMAIL, role=Role.OWNER)
    later = utcnow() + UNDO_FOR + timedelta(seconds=1)

    with database.transaction() as connection:
        undone = balance_edits.undo(connection, people.connected.store, 2, entry, admin=admin, now=later)

    assert undone.outcome is Undo.TOO_LATE
    assert balance_of(people, 2) == 7000


def test_only_corrections_of_this_user_can_be_undone(app, people, database):
    client = sign_in(app)
    undo = read(_change(client, balance="7000")).form("undo")
    send(client, undo)
    counter = read(_change(client, balance="8000")).form("undo")
    foreign = undo.action.replace("/2/", "/3/")

    assert client.post(foreign, data=counter.fields).status_code == 409
    assert client.post(undo.action, data=undo.fields | {"entry": "en_0"}).status_code == 422
    assert client.post(undo.action.replace("/2/", "/99/"), data=undo.fields).status_code == 404
    grants = rows(database, "select e.id from entries e join accounts a on a.id = e.account_id where e.kind = 'grant'")
    admin = Admin(1, EMAIL, role=Role.OWNER)
    with database.transaction() as connection:
        done = balance_edits.undo(connection, people.connected.store, 10, grants[0]["id"], admin=admin, now=utcnow())
    assert done.outcome is Undo.NOT_AN_EDIT


def test_script_gets_the_form_and_the_cell_alone(app, people):
    client = sign_in(app)

    opened = client.get(f"{LIST}?edit=2&expected_balance=5000&q=x", headers=FRAGMENT)
    form = read(opened).form("balance")
    wrong = client.post(form.action, data=form.fields | {"balance": "x"}, headers=FRAGMENT)
    saved = client.post(form.action, data=form.fields | {"balance": "6000"}, headers=FRAGMENT)
    repeated = client.post(form.action, data=form.fields | {"balance": "6000"}, headers=FRAGMENT)
    undone = client.post(read(saved).form("undo").action, data=read(saved).form("undo").fields, headers=FRAGMENT)

    assert "<html" not in opened.text + wrong.text + saved.text + undone.text
    assert read(opened).form("balance").fields["balance"] == "5,000"
    assert (wrong.status_code, saved.status_code, repeated.status_code, undone.status_code) == (422, 200, 200, 200)
    assert "6,000" in saved.text
    assert "✓ changed" in saved.text
    assert "5,000" in undone.text
    assert "✓ undone" in undone.text
    assert "q=x" in form.action


def test_form_opened_from_an_old_page_says_that_the_balance_changed(app, people):
    client = sign_in(app)

    opened = client.get(f"{LIST}?edit=2&expected_balance=4999", headers=FRAGMENT)

    assert "it was 4,999 and is 5,000 now" in read(opened).alerts[0]


def test_typed_value_survives_a_session_that_expires(app, people, database):
    client = sign_in(app)
    form = _form(client)
    with database.transaction() as connection:
        connection.exec_driver_sql("delete from admin_sessions")

    sent = send(client, form, mode="add", balance="250", reason="Refund & thanks")
    entered = send(client, read(client.get(sent.location)).form("sign-in"), email=EMAIL, password=PASSWORD)
    again = read(client.get(entered.location)).form("balance")

    assert balance_of(people, 2) == 5000
    assert (again.fields["mode"], again.fields["balance"], again.fields["reason"]) == ("add", "250", "Refund & thanks")
    assert send(client, again).status_code == 303
    assert balance_of(people, 2) == 5250


def test_typed_value_survives_a_sign_out_in_another_tab(app, people):
    client = sign_in(app)
    form = _form(client)
    send(client, read(client.get(LIST)).form("sign-out"))
    spend(people, 2, 10)

    sent = send(client, form, balance="250")
    entered = send(client, read(client.get(sent.location)).form("sign-in"), email=EMAIL, password=PASSWORD)
    page = read(client.get(entered.location))

    assert page.form("balance").fields["balance"] == "250"
    assert "it was 5,000 and is 4,990 now" in page.alerts[0]


def test_viewer_sees_balances_and_changes_none(app, people, database):
    client = sign_in(app)
    form = _form(client)
    undo = read(_change(client, balance="7000")).form("undo")
    with database.transaction() as connection:
        connection.exec_driver_sql("update admins set role = 'viewer'")

    page = client.get(f"{LIST}?edit=2")

    assert "7,000" in page.text
    assert [each.action for each in read(page).forms if "balance" in each.action] == []
    assert "Edit the balance of user 2" not in page.text
    assert (send(client, form, balance="1").status_code, send(client, undo).status_code) == (403, 403)
    assert balance_of(people, 2) == 7000


def test_admin_of_another_store_changes_nothing(app, people, database):
    client = sign_in(app)
    form, (other, _) = _form(client), add_shop(app, "second")
    with database.transaction() as connection:
        admin = connection.exec_driver_sql("select id from admins").scalar_one()
        connection.exec_driver_sql("update admins set role = null")
        connection.exec_driver_sql(f"insert into admin_roles values ({admin}, {other.store.id}, 'manager')")

    assert send(client, form, balance="1").status_code == 404
    assert balance_of(people, 2) == 5000


def test_two_admins_at_once_do_not_overwrite_each_other(app, people):
    first = sign_in(app)
    second = app.test_client()
    send(second, read(second.get("/admin")).form("sign-in"), email=EMAIL, password=PASSWORD)
    one, two = _form(first), _form(second)

    assert send(first, one, balance="6000").status_code == 303
    assert send(second, two, balance="4000").status_code == 409
    assert balance_of(people, 2) == 6000


def test_purchases_are_a_page_and_a_panel(app, people):
    client = sign_in(app)
    address = read(client.get(LIST)).links["Purchases of user 3"]

    page, panel = client.get(address), client.get(address, headers=FRAGMENT)

    assert [row[0] for row in read(page).rows] == ["2"]
    assert read(page).rows == read(panel).rows
    assert "<html" in page.text
    assert "<html" not in panel.text
    assert "Nothing was bought yet" in client.get(address.replace("/3/", "/2/")).text
    assert client.get(address.replace("/3/", "/99/")).status_code == 404
    assert app.test_client().get(address).status_code == 303
