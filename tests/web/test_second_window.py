"""A second window of a limit: in the API's settings, on the Limits page, the pages of a user, and the widget."""

from __future__ import annotations

import html
import re

import pytest
from alembic import command

from bridge.services.ops import audit
from bridge.web.context import utcnow
from tests import factories
from tests.storage.test_growth_migration import settings_for
from tests.support.ledger_sql import rows
from tests.support.limits_form import PAGE, error_texts, grid, limit, name_of, opened, place_of, put
from tests.support.pages import read, send, sign_in
from tests.support.portal import enter
from tests.web.test_limits_preview import use_last_month

one_engine = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
SECOND = {"period": "monthly", "rules": {"user": 150, "role:editor": "unlimited"}}
USER = "/admin/shop/credits/2"


@pytest.fixture
def limited(shop):
    """Return a shop that gives users 100 a day and 150 a month in chat; user 2 has used 40."""
    put(shop, "limits/chat", period="daily", rules={"user": 100}, second=SECOND)
    factories.put_user(shop, 2, name="Two", roles=["customer"])
    factories.spend(shop, 2, 40)
    return shop


@pytest.fixture
def admin(app):
    return sign_in(app)


def problem(shop, method, path, **body):
    response = shop.client.open(f"/v1/{path}", method=method, json=body, headers=shop.headers)
    assert response.status_code == 422, response.text
    return [(error["field"], error["message"]) for error in response.json["errors"]]


def words_of(response):
    return " ".join(re.sub(r"<[^>]+>", " ", html.unescape(response.get_data(as_text=True))).split())


# The API


def test_limit_keeps_its_second_window_until_null_removes_it(shop):
    stored = put(shop, "limits/chat", period="daily", rules={"user": 100}, second=SECOND)
    assert stored == limit(shop) == {**stored, "second": SECOND, "message": ""}

    kept = put(shop, "limits/chat", period="weekly", rules={"user": 90}, message="Buy")
    assert (kept["period"], kept["second"]) == ("weekly", SECOND)
    assert problem(shop, "PUT", "limits/chat", period="monthly", rules={})[0][0] == "period"
    both = {"period": "daily", "rules": {"user": 5}}
    assert problem(shop, "PUT", "limits/chat", **both, second=both)[0][0] == "second.period"
    assert problem(shop, "PUT", "limits/chat", **both, second={"period": "monthly"})[0][0] == "second.rules"
    assert problem(shop, "PUT", "limits/chat", **both, second={"period": "monthly", "rules": {"all": 1}})
    assert limit(shop) == kept
    assert "second" not in put(shop, "limits/chat", period="monthly", rules={}, second=None)
    assert "second" not in limit(shop)


def test_own_limits_and_resets_of_one_window_in_the_api(limited):
    own = put(limited, "users/2/limits/chat", limit=500, second_limit=900)
    assert (own["limit"], own["second_limit"]) == (500, 900)
    assert put(limited, "users/2/limits/chat", limit=600)["second_limit"] == 900
    windows = limited.client.get("/v1/users/2", headers=limited.headers).json["limits"][0]["windows"]
    assert [(each["period"], each["limit"], each["remaining"]) for each in windows] == [
        ("daily", 600, 560),
        ("monthly", 900, 860),
    ]
    assert "second_limit" not in put(limited, "users/2/limits/chat", limit=600, second_limit=None)

    def reset(path, **body):
        return limited.client.post(f"/v1/{path}", json=body, headers=limited.headers)

    assert problem(limited, "POST", "users/2/limits/reset", module="chat", period="weekly")[0][0] == "period"
    assert problem(limited, "POST", "limits/reset", module="chat", period="never")[0][0] == "period"
    assert reset("users/2/limits/reset", module="chat", period="monthly").json["period"] == "monthly"
    windows = limited.client.get("/v1/users/2", headers=limited.headers).json["limits"][0]["windows"]
    assert [each["used"] for each in windows] == [40, 0]
    assert "period" not in reset("limits/reset", all=True).json
    windows = limited.client.get("/v1/users/2", headers=limited.headers).json["limits"][0]["windows"]
    assert [each["used"] for each in windows] == [0, 0]


def test_refusal_and_explanation_of_two_windows_in_the_api(limited):
    refused = factories.spend(limited, 2, 61)

    assert (refused.status_code, refused.json["refused_by"]) == (402, ["daily"])
    assert refused.json["allowance"]["resets_at"] == refused.json["resets_at"]
    path = "/v1/users/2/explain?module=chat&tokens=111"
    explained = limited.client.get(path, headers=limited.headers).json
    assert explained["refused_by"] == ["daily", "monthly"]
    assert [(each["period"], each["remaining"]) for each in explained["windows"]] == [("daily", 60), ("monthly", 110)]


def test_upgrade_keeps_the_use_of_limits_with_one_window(shop, database):
    put(shop, "limits/chat", period="monthly", rules={"user": 100})
    factories.spend(shop, 2, 40)
    before = rows(database, "select account_id, module, starts_at, ends_at, used from window_uses")

    command.downgrade(settings_for(database), "0034")
    assert rows(database, "select * from window_uses") == before
    command.upgrade(settings_for(database), "head")

    assert rows(database, "select * from window_uses") == [{**before[0], "counter": 0, "passed_on": 0}]
    assert factories.spend(shop, 2, 40).json["allowance"]["remaining"] == 20
    # A second window is lost on the way back, and nothing else is.
    put(shop, "limits/chat", period="monthly", rules={"user": 100}, second={"period": "daily", "rules": {"user": 50}})
    factories.spend(shop, 2, 10)
    command.downgrade(settings_for(database), "0034")
    command.upgrade(settings_for(database), "head")
    put(shop, "store", low_balance=1)  # A change of the rules: they are read again, as after a restart.
    assert "second" not in limit(shop)
    assert factories.spend(shop, 2, 5).json["allowance"]["remaining"] == 5
    with database.reading() as connection:
        assert list(audit.list_faults(connection, now=utcnow())) == []


# The console


@one_engine
def test_second_window_is_added_saved_and_removed_on_the_limits_page(shop, admin):
    put(shop, "limits/chat", period="daily", rules={"user": 100, "role:vip": 5})
    form = opened(admin)
    prefix, cell = place_of(form, "chat"), name_of(form, "chat", "user").replace("-r", "-s")
    added = send(admin, form, **{"add-second": "chat", name_of(form, "chat", "user"): "120"})
    form = grid(added)
    assert "Nothing is saved yet" in added.text
    assert limit(shop)["rules"]["user"] == 100
    assert form.fields[f"{prefix}-second-period"] == "monthly"
    assert form.fields[name_of(form, "chat", "user")] == "120"

    same = send(admin, form, **{f"{prefix}-second-period": "daily", cell: "x"})
    assert same.status_code == 422
    assert error_texts(same) == [
        "Choose another period than that of the first window.",
        "Enter a whole number, unlimited or disabled.",
    ]
    assert send(admin, form, **{cell: "1,500"}).status_code == 303
    assert limit(shop) == {
        "module": "chat",
        "period": "daily",
        "rules": {"user": 120, "role:vip": 5},
        "message": "",
        "second": {"period": "monthly", "rules": {"user": 1500}},
    }

    form = opened(admin)
    assert form.fields[cell] == "1500"
    assert send(admin, form).status_code == 303
    assert "Nothing to save" in admin.get(PAGE).text
    put(
        shop,
        "limits/chat",
        period="daily",
        rules={"user": 120, "role:vip": 5},
        second={"period": "weekly", "rules": {"user": 7}},
    )
    conflict = send(admin, form, **{cell: "9"})
    assert (conflict.status_code, "weekly, user 7" in words_of(conflict)) == (409, True)
    assert send(admin, opened(admin), **{f"{prefix}-second-remove": "1"}).status_code == 303
    assert "second" not in limit(shop)


@one_engine
def test_preview_replays_both_windows(shop, admin, database):
    put(shop, "limits/chat", period="daily", rules={"user": 1000})
    use_last_month(shop, database, 7, 40, period="daily")
    form = grid(send(admin, opened(admin), **{"add-second": "chat"}))
    cell = name_of(form, "chat", "user").replace("-r", "-s")

    assert "1 user would have been stopped" in words_of(send(admin, form, action="preview", **{cell: "30"}))
    assert "0 users would have been stopped" in words_of(send(admin, form, action="preview", **{cell: "40"}))
    assert "0 users would have been stopped" in words_of(send(admin, form, action="preview", **{cell: ""}))


@one_engine
def test_page_of_a_user_shows_and_changes_both_windows(limited, admin):
    page = admin.get(USER)
    assert page.text.count('role="meter" aria-label="Chat, ') == 2
    words = words_of(page)
    assert "Today: 40 of 100 used 60 left" in words
    assert "This month: 40 of 150 used 110 left" in words

    form = read(page).form("limits/chat")
    typed = {"allows": "amount", "tokens": "100", "second_allows": "amount"}
    wrong = send(admin, form, **typed, second_tokens="x")
    assert (wrong.status_code, "Enter a whole number of tokens" in wrong.text) == (422, True)
    saved = send(admin, form, **typed, second_tokens="9,000")
    assert "is 100 tokens each day, and 9,000 tokens each month." in admin.get(saved.location).text
    assert "Own limit: 100 tokens each day, and 9,000 tokens each month" in words_of(admin.get(USER))

    send(admin, read(admin.get(USER)).form("limits/reset"), module="chat", period="monthly")
    words = words_of(admin.get(USER))
    assert "Chat: the use of user 2 counts from 0 again in the limit each month." in words
    assert "Today: 40 of 100 used" in words
    assert "This month: 0 of 9,000 used" in words
    explained = words_of(admin.get(f"{USER}?module=chat&tokens=70"))
    assert "Rule, each month Own limit of this user: 9,000 tokens each month." in explained
    assert "Refused by The limit each day." in explained


@one_engine
def test_list_names_the_window_and_finds_who_used_one_up(limited, admin):
    put(
        limited, "limits/chat", period="daily", rules={"user": 100}, second={"period": "monthly", "rules": {"user": 40}}
    )

    page = admin.get("/admin/shop/credits?filter=over_limit")

    assert read(page).users == [2]
    assert "Chat, each month" in words_of(page)


@one_engine
def test_portal_shows_both_windows(app, limited):
    page = enter(app, limited).get("/account")

    words = words_of(page)
    assert "Today 40 of 100 used 60 left Resets in" in words
    assert "This month 40 of 150 used 110 left Resets in" in words
    assert page.text.count('role="meter" aria-label="Chat, ') == 2


@one_engine
def test_widget_shows_both_windows(limited):
    def widget(**query):
        path = {"user_id": 2, "modules": "chat", **query}
        return limited.client.get("/v1/widget", query_string=path, headers=limited.headers).text

    full = " ".join(re.sub(r"<[^>]+>", " ", widget().partition("</style>")[2]).split())
    assert "Today 40 of 100 used 60 left Resets in" in full
    assert "This month 40 of 150 used 110 left Resets in" in full
    assert re.findall(r'aria-label="(Chat, [^"]+)"[^>]*aria-valuenow="(\d+)"', widget()) == [
        ("Chat, Today", "40"),
        ("Chat, This month", "26"),
    ]
    assert "Heute" in widget(lang="de")
    assert 'role="meter"' not in widget(view="summary")
    assert "This month" in widget(view="summary")
    # A second window that does not limit the user is not shown.
    factories.put_user(limited, 2, roles=["editor"])
    assert "This month" not in widget()
