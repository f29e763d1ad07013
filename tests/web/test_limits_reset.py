"""The form of the Limits page that resets the limits of many users."""

from __future__ import annotations

import pytest

from bridge.domain.admin.admins import Role
from tests.factories import put_user, spend
from tests.support.limits_form import PAGE, put, recorded
from tests.support.pages import add_admin, read, send, sign_in, try_sign_in


@pytest.fixture
def used(shop):
    """Return a store in which an editor and a user without a role have used 40 tokens of two modules."""
    second = {"period": "monthly", "rules": {"user": 500}}
    put(shop, "limits/chat", period="daily", rules={"user": 100}, second=second)
    put(shop, "limits/ai_forms", period="daily", rules={"user": 100})
    for user, roles in ((2, []), (3, ["editor"])):
        put_user(shop, user, roles=roles)
        for module in ("chat", "ai_forms"):
            assert spend(shop, user, 40, module=module).status_code == 201
    return shop


def uses(shop):
    """Return what each user has used of each window, without windows that nothing was used of."""
    found = {}
    for user in (2, 3):
        account = shop.client.get(f"/v1/users/{user}", headers=shop.headers).json
        for limit in account["limits"]:
            for window in limit.get("windows", [limit]):
                if window.get("used"):
                    found[user, limit["module"], window["period"]] = window["used"]
    return found


def form_of(admin):
    return read(admin.get(PAGE)).form("limits/reset")


@pytest.mark.parametrize(
    ("chosen", "left"),
    [
        ({}, []),
        ({"module": "chat"}, [(2, "ai_forms", "daily"), (3, "ai_forms", "daily")]),
        ({"module": "chat", "period": "monthly", "role": "editor"}, "all but the month of the editor"),
    ],
    ids=["everything", "a module", "a window of a role"],
)
def test_windows_begin_again_for_the_chosen_users(app, used, database, chosen, left):
    admin, before = sign_in(app), uses(used)
    form = form_of(admin)

    sent = [send(admin, form, confirm="shop", **chosen) for _ in range(2)]

    assert [answer.status_code for answer in sent] == [303, 303]
    if isinstance(left, str):
        left = [place for place in before if place != (3, "chat", "monthly")]
    assert set(uses(used)) == set(left)
    # A form that is sent twice resets once, and is in the audit log.
    assert [subject for _, subject, _ in recorded(database, used)].count("reset") == 1
    assert "counts from 0 again" in admin.get(PAGE).text


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("typed", "error"),
    [
        ({}, "type shop to confirm it"),
        ({"confirm": "Shop"}, "type shop to confirm it"),
        ({"confirm": "shop", "module": "none"}, "one of the store’s modules"),
        ({"confirm": "shop", "role": "../x"}, "one of the roles"),
        ({"confirm": "shop", "period": "yearly"}, "one of the windows"),
        ({"confirm": "shop", "module": "ai_forms", "period": "monthly"}, "the limit of ai_forms has no monthly window"),
    ],
)
def test_form_that_is_not_valid_resets_nothing_and_keeps_what_was_typed(app, used, typed, error):
    admin, before = sign_in(app), uses(used)

    answer = send(admin, form_of(admin), **typed)

    assert answer.status_code == 422
    page = read(answer)
    assert [error in alert for alert in page.alerts] == [True]
    kept = page.form("limits/reset").fields
    assert kept["confirm"] == typed.get("confirm", "")
    assert uses(used) == before


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_managers_reset_and_viewers_do_not_see_the_form(app, used):
    for role, is_offered in ((Role.MANAGER, True), (Role.VIEWER, False)):
        add_admin(app, f"{role.value}@example.test", None, stores={used.id: role})
        client = app.test_client()
        assert try_sign_in(client, f"{role.value}@example.test").status_code == 303
        page = read(client.get(PAGE))
        assert any("limits/reset" in form.action for form in page.forms) is is_offered
