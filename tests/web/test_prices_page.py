"""The Prices page: operations are added, changed, deleted, and previewed on last month's use."""

from __future__ import annotations

import html
from datetime import timedelta

import pytest
from sqlalchemy import text

from bridge.storage.metering.tables import usage_days
from bridge.web.context import utcnow
from tests import factories
from tests.support.limits_form import error_texts, put, recorded
from tests.support.pages import read, send, sign_in

one_engine = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
PAGE = "/admin/shop/settings/prices"


@pytest.fixture
def admin(app):
    return sign_in(app)


def operation(shop, key):
    return shop.client.get(f"/v1/operations/{key}", headers=shop.headers).json


def form_at(response, module="chat"):
    """Return the form of one operation; a browser sends the module that is selected."""
    form = next(form for form in read(response).forms if form.action.endswith("settings/prices"))
    form.fields["module"] = module
    return form


def opened(admin, key=None, **more):
    return form_at(admin.get(f"{PAGE}?edit={key}" if key else PAGE), **more)


def words_of(response):
    return " ".join(html.unescape(response.get_data(as_text=True)).split())


def test_operation_is_added_changed_and_deleted(shop, admin, database):
    added = send(admin, opened(admin), key="chat.long", tokens_per_unit="1,200", max_units="5")
    assert (added.status_code, added.location) == (303, PAGE)
    assert operation(shop, "chat.long") == {
        "key": "chat.long",
        "module": "chat",
        "tokens_per_unit": 1200,
        "max_units": 5,
        "parts": [],
    }

    form = opened(admin, "chat.long")
    assert (form.fields["tokens_per_unit"], form.fields["max_units"]) == ("1200", "5")
    assert send(admin, form, tokens_per_unit="0", max_units="").status_code == 303
    assert operation(shop, "chat.long")["tokens_per_unit"] == 0
    assert operation(shop, "chat.long")["max_units"] is None

    assert send(admin, read(admin.get(PAGE)).form("chat.long/delete")).status_code == 303
    assert operation(shop, "chat.long")["code"] == "unknown_operation"
    assert [name for _, subject, name in recorded(database, shop) if subject == "price"].count("chat.long") == 3
    assert {actor for actor, subject, _ in recorded(database, shop) if subject == "price"} == {"owner@example.test"}


def test_second_send_changes_nothing(shop, admin, database):
    form = opened(admin)
    assert send(admin, form, key="chat.long", tokens_per_unit="7").status_code == 303
    deletion = read(admin.get(PAGE)).form("chat.long/delete")
    before = recorded(database, shop)

    assert send(admin, form, key="chat.long", tokens_per_unit="7").status_code == 303
    assert recorded(database, shop) == before

    assert send(admin, deletion).status_code == 303
    assert send(admin, deletion).status_code == 303
    assert "was deleted already" in words_of(admin.get(PAGE))


@one_engine
def test_operation_is_made_of_others(shop, admin):
    made = send(admin, opened(admin), key="chat.pair", parts="chat.message, form.submission")

    assert made.status_code == 303
    assert operation(shop, "chat.pair")["tokens_per_unit"] == 2
    refused = send(admin, read(admin.get(PAGE)).form("chat.message/delete"))
    assert refused.status_code == 303
    assert "was not deleted: chat.pair is made of it" in words_of(admin.get(PAGE))


@one_engine
@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ({"key": "Bad Key", "tokens_per_unit": "1"}, "lower-case letters"),
        ({"key": "a", "tokens_per_unit": "abc"}, "whole number"),
        ({"key": "a", "tokens_per_unit": "-1"}, "0 or more"),
        ({"key": "a", "tokens_per_unit": "5.000"}, "two ways"),
        ({"key": "a", "tokens_per_unit": str(2**53)}, "The most is"),
        ({"key": "a", "tokens_per_unit": "1", "max_units": "0"}, "1 or more"),
        ({"key": "a"}, "or the operations it is made of"),
        ({"key": "a", "tokens_per_unit": "1", "parts": "chat.message"}, "not both"),
        ({"key": "a", "parts": "no.such"}, "no operation no.such"),
        ({"key": "a", "parts": "image.pipeline"}, "itself made of others"),
        ({"key": "a", "tokens_per_unit": "1", "module": ""}, "expected form"),
    ],
)
def test_bad_field_is_named_and_everything_typed_is_kept(shop, admin, typed, words):
    response = send(admin, opened(admin), **typed)

    assert response.status_code == 422
    (error,) = error_texts(response)
    assert words in error
    kept = form_at(response).fields
    assert {name: kept[name] for name in typed if name != "module"} == {
        name: value for name, value in typed.items() if name != "module"
    }


def test_two_owners_at_once_see_each_others_change(shop, admin):
    form = opened(admin, "chat.message")
    deletion = read(admin.get(PAGE)).form("chat.message/delete")
    put(shop, "operations/chat.message", module="chat", tokens_per_unit=40)

    response = send(admin, form, tokens_per_unit="9")

    assert response.status_code == 409
    assert "It is now: chat, 40 tokens per unit" in words_of(response)
    assert operation(shop, "chat.message")["tokens_per_unit"] == 40
    send(admin, deletion)
    assert "was changed meanwhile" in words_of(admin.get(PAGE))
    assert operation(shop, "chat.message")["tokens_per_unit"] == 40
    assert send(admin, form_at(response), tokens_per_unit="9").status_code == 303
    assert operation(shop, "chat.message")["tokens_per_unit"] == 9


@one_engine
def test_new_operation_does_not_replace_one_with_its_key(shop, admin):
    response = send(admin, opened(admin), key="chat.message", tokens_per_unit="99")

    assert response.status_code == 409
    assert operation(shop, "chat.message")["tokens_per_unit"] == 1


def test_preview_states_what_last_month_would_have_cost(shop, admin, database):
    put(shop, "store", time_zone="UTC")
    factories.spend(shop, 7, 1)
    day = (utcnow().replace(day=1) - timedelta(days=5)).date()
    with database.transaction() as connection:
        account = connection.execute(text("select id from accounts where user_id = 7")).scalar_one()
        for name, units in (("image.analysis", 10), ("image.pipeline", 3)):
            connection.execute(
                usage_days.insert().values(
                    account_id=account,
                    day=day,
                    module="image_optimizer",
                    operation=name,
                    site_id=0,
                    source="",
                    units=units,
                    tokens=units,
                )
            )

    response = send(
        admin, opened(admin, "image.analysis", module="image_optimizer"), tokens_per_unit="4", action="preview"
    )

    assert response.status_code == 200
    assert read(response).rows[:2] == [
        ["image.analysis", "10", "10", "40", "+30"],
        ["image.pipeline", "3", "3", "15", "+12"],
    ]
    assert operation(shop, "image.analysis")["tokens_per_unit"] == 1


@one_engine
def test_only_owners_change_and_viewers_read(app, shop, admin, database):
    form, deletion = opened(admin), read(admin.get(PAGE)).form("chat.message/delete")
    with database.transaction() as connection:
        connection.execute(text("update admins set role = 'manager'"))

    page = words_of(admin.get(PAGE))
    assert "chat.message" in page
    assert "Only owners can change prices" in page
    assert "Save price" not in page
    assert send(admin, form, key="a", tokens_per_unit="1").status_code == 403
    assert send(admin, deletion).status_code == 403
    assert app.test_client().get(PAGE).status_code == 303
    assert admin.get("/admin/nowhere/settings/prices").status_code == 404


@one_engine
def test_unknown_operation_and_lost_form_are_refused(shop, admin):
    form = opened(admin)

    assert admin.get(f"{PAGE}?edit=no.such").status_code == 404
    fields = {name: value for name, value in form.fields.items() if name != "was"}
    assert admin.post(form.action, data=fields).status_code == 422


@one_engine
def test_page_shows_the_same_call_with_curl(shop, admin):
    words = words_of(admin.get(f"{PAGE}?edit=image.pipeline"))

    assert "curl -X PUT http://127.0.0.1:8000/v1/operations/image.pipeline" in words
    assert '"parts": ["image.analysis", "image.export"]' in words
    assert "$TOKEN_BRIDGE_KEY" in words
