"""The Store page: each setting is saved, checked, and refused if another admin changed it meanwhile."""

from __future__ import annotations

import html
import json

import pytest

from bridge.domain.admin.admins import Role
from bridge.runtime import Runtime
from bridge.services.stores import changes
from bridge.web.api.settings import StoreIn
from tests import factories
from tests.support.admin_roles import become
from tests.support.forms import read_form
from tests.support.pages import EMAIL, read, send, sign_in

PAGE = "/admin/shop/settings/store"
one_engine = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)


@pytest.fixture
def admin(app):
    return sign_in(app)


def form(admin):
    return read_form(admin.get(PAGE), "settings/store")


def stored(shop):
    return shop.client.get("/v1/store", headers=shop.headers).json


def recorded(app, store_id):
    parts: Runtime = app.extensions["bridge"]
    with parts.database.reading() as connection:
        return changes.list_page(connection, store_id, subject="store", limit=50)


def test_every_setting_of_the_api_has_a_field(shop, admin):
    fields = set(form(admin).fields)

    assert {name for name in StoreIn.model_fields if name != "spend_order"} <= fields
    assert {"spend_order_0", "spend_order_1", "spend_order_2"} <= fields


def test_all_settings_are_saved_recorded_and_shown_before_and_after(app, shop, admin):
    wanted = {
        "name": "Käufe <b>",
        "time_zone": "Asia/Kathmandu",
        "week_start": "sunday",
        "spend_order_0": "allowance",
        "spend_order_1": "balance",
        "spend_order_2": "plan",
        "grant_statuses": "processing, wc-completed",
        "purchase_url": "https://shop.example/buy",
        "low_balance": "1,250",
        "low_balance_thresholds": "20 %\r\n\r\n5,000\r\n5000",
        "reversal_policy": "forgive",
        "guest_policy": "admin",
        "accept_unknown_modules": "true",
        "past_orders_paid_later": "grant",
        "seller_name": " Token  Works ",
        "seller_address": "1 Test St\r\n\r\n Paris ",
        "seller_vat_id": "FR 1",
    }
    before = stored(shop)

    answer = send(admin, form(admin), **wanted)

    assert (answer.status_code, answer.location) == (303, PAGE)
    assert stored(shop) == before | {
        "name": "Käufe <b>",
        "time_zone": "Asia/Kathmandu",
        "week_start": "sunday",
        "spend_order": ["allowance", "balance", "plan"],
        "grant_statuses": ["processing", "completed"],
        "purchase_url": "https://shop.example/buy",
        "low_balance": 1250,
        "low_balance_thresholds": [5000, "20%"],
        "reversal_policy": "forgive",
        "guest_policy": "admin",
        "accept_unknown_modules": True,
        "past_orders_paid_later": "grant",
        "seller_name": "Token Works",
        "seller_address": "1 Test St\nParis",
        "seller_vat_id": "FR 1",
    }
    page = html.unescape(admin.get(PAGE).text)
    assert "Low balance: 1,000 → 1,250" in page
    assert "Further alerts: none → 5,000; 20%" in page
    assert "Address on receipts: – → 1 Test St, Paris" in page
    assert "Order of paying: Plan, Balance, Free limit → Free limit, Balance, Plan" in page
    (change,) = recorded(app, shop.connected.store.id)[:1]
    assert (change.actor, change.before["low_balance"], change.after["low_balance"]) == (EMAIL, 1000, 1250)


@pytest.mark.parametrize(
    ("field", "typed", "name"),
    [
        ("name", " ", "name"),
        ("name", "x" * 201, "name"),
        ("time_zone", "Europe/Atlantis", "time_zone"),
        ("week_start", "noday", "week_start"),
        ("spend_order_0", "balance", "spend_order"),
        ("grant_statuses", " , ", "grant_statuses"),
        ("grant_statuses", "com pleted", "grant_statuses"),
        ("purchase_url", "javascript:alert(1)", "purchase_url"),
        ("low_balance", "-1", "low_balance"),
        ("low_balance", "abc", "low_balance"),
        ("low_balance", "1.5", "low_balance"),
        ("low_balance", "9007199254740992", "low_balance"),
        ("low_balance_thresholds", "20%\n100%", "low_balance_thresholds"),
        ("low_balance_thresholds", "1.5", "low_balance_thresholds"),
        ("low_balance_thresholds", "\n".join("123456789AB"), "low_balance_thresholds"),
        ("seller_name", "x" * 201, "seller_name"),
        ("seller_address", "x" * 501, "seller_address"),
        ("seller_vat_id", "x" * 51, "seller_vat_id"),
        ("reversal_policy", "steal", "reversal_policy"),
        ("accept_unknown_modules", "maybe", "accept_unknown_modules"),
    ],
)
@one_engine
def test_invalid_value_saves_nothing_and_keeps_what_was_typed(shop, admin, field, typed, name):
    before = stored(shop)

    answer = send(admin, form(admin), **{"low_balance": "777", field: typed})

    assert answer.status_code == 422
    assert stored(shop) == before
    assert f'id="{name}-error"' in answer.text
    kept = read_form(answer, "settings/store").fields
    assert kept["low_balance"] == ("777" if field != "low_balance" else typed)
    if name not in {"reversal_policy", "accept_unknown_modules", "week_start"}:
        assert kept[field] == typed


def test_several_invalid_values_are_all_marked(shop, admin):
    answer = send(admin, form(admin), time_zone="nowhere", grant_statuses="", week_start="friday")

    assert answer.status_code == 422
    assert 'id="time_zone-error"' in answer.text
    assert 'id="grant_statuses-error"' in answer.text
    assert 'id="week_start-error"' not in answer.text


def test_setting_changed_meanwhile_is_a_conflict_that_a_second_save_replaces(shop, admin):
    opened = form(admin)
    shop.client.put("/v1/store", json={"low_balance": 42}, headers=shop.headers)

    answer = send(admin, opened, low_balance="500", name="New name")

    assert answer.status_code == 409
    assert "is 42 now, not 1,000 as this page showed" in answer.text
    assert (stored(shop)["low_balance"], stored(shop)["name"]) == (42, opened.fields["name"])
    assert send(admin, read_form(answer, "settings/store")).status_code == 303
    assert (stored(shop)["low_balance"], stored(shop)["name"]) == (500, "New name")


def test_other_settings_changed_meanwhile_stay(shop, admin):
    opened = form(admin)
    shop.client.put("/v1/store", json={"low_balance": 42}, headers=shop.headers)

    assert send(admin, opened, name="New name").status_code == 303

    assert (stored(shop)["low_balance"], stored(shop)["name"]) == (42, "New name")


def test_form_sent_twice_is_recorded_once(app, shop, admin):
    opened = form(admin)
    count = len(recorded(app, shop.connected.store.id))

    answers = [send(admin, opened, low_balance="600").status_code for _ in range(2)]

    assert answers == [303, 303]
    assert len(recorded(app, shop.connected.store.id)) == count + 1
    assert "Nothing to save" in admin.get(PAGE).text


@pytest.mark.parametrize("seen", ["", "[]", "null", "{", json.dumps({"low_balance": 3})])
@one_engine
def test_form_without_the_values_it_showed_replaces_nothing(shop, admin, seen):
    answer = send(admin, form(admin), seen=seen, low_balance="600")

    assert answer.status_code == 409
    assert stored(shop)["low_balance"] == 1000


@one_engine
def test_another_store_is_not_changed(app, shop, admin):
    _, headers = factories.add_shop(app, "other")
    other = shop.client.get("/v1/store", headers=headers).json

    send(admin, form(admin), low_balance="600")

    assert shop.client.get("/v1/store", headers=headers).json == other


@pytest.mark.parametrize("role", [Role.VIEWER, Role.MANAGER])
@one_engine
def test_only_owners_change_settings(app, shop, admin, role):
    opened = form(admin)
    become(app, role)

    assert send(admin, opened, low_balance="600").status_code == 403
    page = admin.get(PAGE)
    assert page.status_code == 200
    assert "Save settings" not in page.text
    assert "Only owners can change these settings" in page.text
    assert stored(shop)["low_balance"] == 1000


@one_engine
def test_signed_out_visitor_changes_nothing(app, shop, admin):
    opened = form(admin)

    answer = send(app.test_client(), opened, low_balance="600")

    assert answer.status_code in {303, 400, 403}
    assert stored(shop)["low_balance"] == 1000


@one_engine
def test_page_shows_the_same_call_with_curl(shop, admin):
    assert "curl -X PUT" in html.unescape(admin.get(PAGE).text)
    assert "/v1/store" in read(admin.get(PAGE)).source
