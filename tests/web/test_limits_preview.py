"""The preview of limits: last month's use replayed by limits that are not saved."""

from __future__ import annotations

import html
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from bridge.services.admin import what_if
from bridge.storage.metering import policies
from bridge.storage.metering.tables import usage_days, window_uses
from bridge.web.context import utcnow
from tests import factories
from tests.support.limits_form import limit, name_of, opened, place_of, put
from tests.support.pages import read, send, sign_in

one_engine = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)


@pytest.fixture
def admin(app):
    return sign_in(app)


def last_month(days=5):
    """Return a moment in the last complete month."""
    return utcnow().replace(day=1, hour=12, minute=0, second=0, microsecond=0) - timedelta(days=days)


def use_last_month(shop, database, user, tokens, *, period="monthly", module="chat"):
    """Write that the allowance paid so many tokens last month, as a spend of that time has done."""
    put(shop, "store", time_zone="UTC")
    at = last_month()
    start = at.replace(day=1, hour=0) if period == "monthly" else at.replace(hour=0)
    factories.spend(shop, user, 1, module=module)
    with database.transaction() as connection:
        account = connection.execute(text("select id from accounts where user_id = :user"), {"user": user}).scalar_one()
        connection.execute(
            window_uses.insert().values(
                account_id=account, module=module, starts_at=start, ends_at=start + timedelta(days=31), used=tokens
            )
        )
        connection.execute(
            usage_days.insert().values(
                account_id=account,
                day=at.date(),
                module=module,
                operation="chat.message",
                site_id=0,
                source="",
                units=tokens,
                tokens=tokens,
            )
        )


def preview(admin, **typed):
    form = opened(admin)
    fields = {name_of(form, *name.split("/")) if "/" in name else name: value for name, value in typed.items()}
    response = send(admin, form, **fields, action="preview")
    assert response.status_code == 200
    return response, " ".join(html.unescape(response.get_data(as_text=True)).split())


def test_preview_counts_who_would_have_been_stopped(shop, admin, database):
    put(shop, "limits/chat", period="monthly", rules={"user": 1000, "role:editor": 1000})
    for user, tokens in ((7, 40), (8, 60), (9, 900)):
        use_last_month(shop, database, user, tokens)
    put(shop, "users/9", roles=["editor"])
    put(shop, "users/8", name="Eight")

    response, words = preview(admin, **{"chat/user": "50"})

    assert "On last month’s use, 1 user would have been stopped" in words
    assert "/admin/shop/credits/8" in read(response).links.values()
    assert "Eight" in words
    assert limit(shop)["rules"]["user"] == 1000
    assert "2 users would" in preview(admin, **{"chat/user": "39"})[1]
    assert "0 users would" in preview(admin, **{"chat/user": "60"})[1]
    assert "1 user would" in preview(admin, **{"chat/role:editor": "disabled", "chat/user": "60"})[1]
    assert "0 users would" in preview(admin, **{"chat/role:editor": "unlimited"})[1]


@one_engine
def test_preview_leaves_out_users_with_a_limit_of_their_own(shop, admin, database):
    put(shop, "limits/chat", period="monthly", rules={"user": 1000})
    use_last_month(shop, database, 7, 40)
    put(shop, "users/7/limits/chat", limit=100)

    assert "0 users would" in preview(admin, **{"chat/user": "5"})[1]


@one_engine
def test_preview_counts_the_balance_only_where_it_pays_after_the_allowance(shop, admin, database):
    put(shop, "limits/chat", period="monthly", rules={"user": 1000})
    use_last_month(shop, database, 7, 40)
    factories.give(shop, 7, 500)
    assert "1 user would" in preview(admin, **{"chat/user": "5"})[1]

    put(shop, "store", spend_order=["allowance", "balance", "plan"])

    assert "0 users would" in preview(admin, **{"chat/user": "5"})[1]


@one_engine
def test_preview_of_another_period(shop, admin, database):
    put(shop, "limits/chat", period="monthly", rules={"user": 1000})
    use_last_month(shop, database, 7, 40)
    form = opened(admin)

    _, words = preview(admin, **{"chat/user": "30", f"{place_of(form, 'chat')}-period": "daily"})
    assert "1 user would" in words
    assert "an estimate: daily use" in words
    assert "0 users would" in preview(admin, **{"chat/user": "40", f"{place_of(form, 'chat')}-period": "daily"})[1]

    put(shop, "limits/chat", period="daily", rules={"user": 1000})
    assert "1 user would" in preview(admin, **{"chat/user": "30", f"{place_of(form, 'chat')}-period": "monthly"})[1]


@one_engine
def test_preview_without_a_changed_limit_says_so(shop, admin):
    assert "No limit to preview" in preview(admin)[1]


@one_engine
def test_preview_reads_a_bounded_number_of_users(shop, admin, database, monkeypatch):
    monkeypatch.setattr(what_if, "MAX_USERS", 2)
    put(shop, "limits/chat", period="monthly", rules={"user": 1000})
    for user in (7, 8, 9):
        use_last_month(shop, database, user, 40)

    _, words = preview(admin, **{"chat/user": "5"})

    assert "2 users would" in words
    assert "This is an estimate: the store has more users" in words


def test_last_month_is_complete_and_local(shop, database):
    put(shop, "store", time_zone="Pacific/Auckland")
    with database.reading() as connection:
        policy = policies.for_store(connection, shop.connected.store.id)
    month = what_if.last_month(policy, datetime(2026, 10, 31, 12, tzinfo=UTC))

    assert (month.first.isoformat(), month.last.isoformat()) == ("2026-10-01", "2026-10-31")
