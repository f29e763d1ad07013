"""The limits of one user on their page: own limits, resets, and the explanation of a decision."""

from datetime import UTC, datetime, timedelta

import pytest

from bridge.domain.admin.admins import Role
from tests.factories import add_shop, give, put_user, spend
from tests.support.ledger_sql import rows
from tests.support.pages import EMAIL, add_admin, read, send, sign_in, try_sign_in

USER = "/admin/shop/credits/2"


@pytest.fixture
def limited(shop):
    document = {"period": "daily", "rules": {"user": 1000, "role:editor": 3000}}
    assert shop.client.put("/v1/limits/chat", json=document, headers=shop.headers).status_code == 200
    put_user(shop, 2, roles=["editor"])
    spend(shop, 2, 250)
    return shop


def _save(client, **typed):
    return send(client, read(client.get(USER)).form("limits/chat"), **typed)


def _allowance(shop):
    found = shop.client.get("/v1/users/2", headers=shop.headers).json["limits"]
    return next(each for each in found if each["module"] == "chat")


def _changes(database):
    return rows(database, "select subject, name, actor from changes where subject in ('override', 'reset') order by id")


def test_own_limit_is_set_until_a_day_and_removed(app, limited, database):
    client = sign_in(app)

    saved = _save(client, allows="amount", tokens="5,000", last_day="2099-12-31")
    page = client.get(saved.location)

    assert (saved.status_code, saved.location) == (303, f"{USER}#limits")
    assert "Chat: the own limit of user 2 is 5,000 tokens until the end of 31 Dec 2099." in page.text
    assert "Own limit: 5,000 tokens each day, until" in page.text
    assert "1 Jan 2100, 00:00</time>" in page.text
    assert _allowance(limited)["remaining"] == 4750
    fields = read(page).form("limits/chat").fields
    assert (fields["tokens"], fields["last_day"]) == ("5000", "2099-12-31")
    removed = send(client, read(page).form("limits/chat/remove"))
    assert "Chat: the own limit of user 2 was removed." in client.get(removed.location).text
    assert _allowance(limited)["remaining"] == 2750
    assert _changes(database) == [{"subject": "override", "name": "user 2", "actor": EMAIL}] * 2


@pytest.mark.parametrize(("allows", "limit"), [("unlimited", "unlimited"), ("disabled", "disabled")])
def test_own_limit_without_a_number(app, limited, allows, limit):
    client = sign_in(app)

    assert _save(client, allows=allows, tokens="", last_day="").status_code == 303

    assert _allowance(limited)["limit"] == limit


def test_own_limit_that_is_saved_or_removed_twice_changes_once(app, limited, database):
    client = sign_in(app)
    form = read(client.get(USER)).form("limits/chat")

    answers = [send(client, form, allows="amount", tokens="7").status_code for _ in range(2)]
    remove = read(client.get(USER)).form("limits/chat/remove")
    again = [client.get(send(client, remove).location).text for _ in range(2)]

    assert answers == [303, 303]
    assert "was removed" in again[0]
    assert "Nothing was changed: user 2 has no own limit for this module." in again[1]
    assert len(_changes(database)) == 2


# The typed values, the page's message and the field it is about.
MISTAKES = [
    ({"allows": "amount", "tokens": ""}, "Enter a whole number of tokens", "tokens"),
    ({"allows": "amount", "tokens": "-1"}, "Enter a whole number of tokens", "tokens"),
    ({"allows": "amount", "tokens": "9007199254740992"}, "Enter a whole number of tokens", "tokens"),
    ({"allows": "some", "tokens": "1"}, "Choose one of the three.", "allows"),
    ({"allows": "amount", "tokens": "1", "last_day": "2020-01-01"}, "Enter today or a later day", "last_day"),
    ({"allows": "amount", "tokens": "1", "last_day": "2099-02-30"}, "Enter today or a later day", "last_day"),
    ({"allows": "amount", "tokens": "1", "last_day": "9999-12-31"}, "Enter today or a later day", "last_day"),
    ({"allows": "amount", "tokens": "1", "last_day": "soon"}, "Enter today or a later day", "last_day"),
]


def test_invalid_own_limit_is_reported_and_stays_typed(app, limited, database):
    client = sign_in(app)

    for typed, error, field in MISTAKES:
        response = _save(client, **typed)
        page = read(response)
        form = page.form("limits/chat")
        marked = [values["name"] for _, values in page.tags if values.get("aria-invalid")]
        assert response.status_code == 422
        assert error in page.alerts[0]
        assert marked == [field]
        assert form.fields["tokens"] == typed["tokens"]
        assert form.fields["last_day"] == typed.get("last_day", "")
    assert _changes(database) == []


def test_today_is_a_valid_last_day_on_the_stores_clock(app, limited):
    today = datetime.now(UTC).astimezone(limited.connected.store.calendar.zone).date()
    client = sign_in(app)

    yesterday = _save(client, allows="amount", tokens="1", last_day=str(today - timedelta(days=1)))
    saved = _save(client, allows="amount", tokens="1", last_day=str(today))

    assert (yesterday.status_code, saved.status_code) == (422, 303)
    assert _allowance(limited)["limit"] == 1


def test_reset_counts_from_zero_and_a_form_sent_twice_resets_once(app, limited, database):
    client = sign_in(app)
    page = read(client.get(USER))
    one = next(form for form in page.forms if form.fields.get("module") == "chat" and "reset" in form.action)

    first, second = send(client, one), send(client, one)

    assert (first.status_code, second.status_code) == (303, 303)
    assert "Chat: the use of user 2 counts from 0 again." in client.get(first.location).text
    assert _allowance(limited)["used"] == 0
    assert _changes(database) == [{"subject": "reset", "name": "user 2", "actor": EMAIL}]
    other = client.post(one.action, data=one.fields | {"module": "ai_forms"})
    assert "Nothing was changed: this form was already sent for another module." in client.get(other.location).text
    assert len(_changes(database)) == 1


def test_all_modules_are_reset_together(app, limited, database):
    client = sign_in(app)
    page = read(client.get(USER))

    send(client, next(form for form in page.forms if form.fields.get("module") == ""))

    assert _allowance(limited)["used"] == 0
    assert rows(database, "select module from limit_resets") == [{"module": None}]


def test_explanation_says_who_decides_and_who_pays(app, limited):
    give(limited, 2, 1000)
    client = sign_in(app)

    paid = client.get(f"{USER}?module=chat&tokens=3,000").text
    refused = client.get(f"{USER}?module=chat&tokens=9000").text

    assert "Accepted. 3,000 tokens: 1,000 from the balance, 2,000 from the free limit." in paid
    assert "Limit of the role editor: 3,000 tokens each day." in paid
    assert "250 used since " in paid
    assert "the plan, 0 tokens left; the balance, 1,000 tokens left; the free limit, 2,750 tokens left" in paid
    assert "Refused. 5,250 of 9,000 tokens cannot be paid." in refused
    assert limited.client.get("/v1/users/2", headers=limited.headers).json["balance"]["balance"] == 1000


@pytest.mark.parametrize(("query", "error"), [("module=chat&tokens=x", "whole number"), ("module=x", "Choose one")])
def test_question_that_cannot_be_answered_is_reported(app, limited, query, error):
    page = read(sign_in(app).get(f"{USER}?{query}"))

    assert error in page.alerts[0]


FORMS = [("limits/chat", {"allows": "amount", "tokens": "1"}), ("limits/chat/remove", {}), ("limits/reset", {})]


@pytest.mark.parametrize(("path", "typed"), FORMS)
def test_forms_need_a_manager_of_the_store(app, limited, path, typed, database):
    second, _ = add_shop(app, "second")
    viewer, other = app.test_client(), app.test_client()
    add_admin(app, "viewer@example.test", Role.VIEWER)
    add_admin(app, "other@example.test", None, stores={second.store.id: Role.MANAGER})
    assert try_sign_in(viewer, "viewer@example.test").status_code == 303
    assert try_sign_in(other, "other@example.test").status_code == 303
    signed_out = app.test_client()

    answers = [_post(client, f"{USER}/{path}", typed) for client in (viewer, other, signed_out)]

    assert [answer.status_code for answer in answers] == [403, 404, 303]
    assert answers[2].location == "/admin"
    assert _changes(database) == []
    assert not [form for form in read(viewer.get(USER)).forms if "limits" in form.action]


@pytest.mark.parametrize(("path", "typed"), FORMS)
def test_unknown_user_is_not_found(app, limited, path, typed):
    assert _post(sign_in(app), f"/admin/shop/credits/99/{path}", typed).status_code == 404


def _post(client, address, typed):
    """Send a form that the page does not show, with a valid token."""
    token = read(client.get("/admin/stores", follow_redirects=True)).forms[0].fields["csrf_token"]
    return client.post(address, data=typed | {"csrf_token": token, "form_key": "a-key-of-a-form"})
