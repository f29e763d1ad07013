"""The Limits page: modules and limits are saved as a whole, checked, and previewed on last month's use."""

from __future__ import annotations

import html

import pytest
from sqlalchemy import text

from bridge.domain.admin.admins import Role
from bridge.web.admin import limits_form
from tests import factories
from tests.support.limits_form import PAGE, error_texts, grid, limit, modules, name_of, opened, place_of, put, recorded
from tests.support.pages import read, send, sign_in, try_sign_in

one_engine = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)


@pytest.fixture
def admin(app):
    return sign_in(app)


def role(app, client, wanted):
    parts = app.extensions["bridge"]
    with parts.database.transaction() as connection:
        connection.execute(text("update admins set role = :role"), {"role": wanted.value})
    return client


def test_grid_is_saved_as_a_whole(shop, admin, database):
    form = opened(admin)
    chat, alt = name_of(form, "chat", "user"), name_of(form, "alt_text", "guest")

    saved = send(
        admin,
        form,
        **{chat: "10,000", alt: "Unlimited", name_of(form, "alt_text", "user"): "disabled"},
        **{f"{place_of(form, 'chat')}-message": "Buy <more>", f"{place_of(form, 'chat')}-period": "weekly"},
        **{f"{place_of(form, 'ai_forms')}-label": "Forms"},
    )

    assert (saved.status_code, saved.location) == (303, PAGE)
    assert "3 modules were saved" in admin.get(PAGE).get_data(as_text=True)
    assert limit(shop) == {"module": "chat", "period": "weekly", "rules": {"user": 10000}, "message": "Buy <more>"}
    assert limit(shop, "alt_text")["rules"] == {"guest": "unlimited", "user": "disabled"}
    assert shop.client.get("/v1/modules/ai_forms", headers=shop.headers).json["label"] == "Forms"
    assert set(recorded(database, shop)) >= {
        ("owner@example.test", "limit", "chat"),
        ("owner@example.test", "limit", "alt_text"),
        ("owner@example.test", "module", "ai_forms"),
    }
    again = opened(admin)
    assert again.fields[name_of(again, "chat", "user")] == "10000"
    assert again.fields[f"{place_of(again, 'chat')}-period"] == "weekly"


def test_second_send_of_a_form_changes_nothing(shop, admin, database):
    form = opened(admin)
    typed = {name_of(form, "chat", "user"): "5"}
    assert send(admin, form, **typed).status_code == 303
    before = recorded(database, shop)

    assert send(admin, form, **typed).status_code == 303

    assert recorded(database, shop) == before
    assert "Nothing to save" in admin.get(PAGE).get_data(as_text=True)


@one_engine
@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("abc", "whole number, unlimited or disabled"),
        ("-1", "0 or more"),
        ("1.5", "whole number"),
        ("5.000", "two ways"),
        (str(2**53), "The most is"),
        ("<b>", "whole number"),
    ],
)
def test_bad_cell_is_named_and_everything_typed_is_kept(shop, admin, typed, words):
    form = opened(admin)
    cell, other = name_of(form, "chat", "user"), name_of(form, "alt_text", "user")

    response = send(admin, form, **{cell: typed, other: "7", "m0-message": "kept ✓"})

    assert response.status_code == 422
    assert [words in error for error in error_texts(response)] == [True]
    kept = grid(response).fields
    assert (kept[cell], kept[other], kept["m0-message"]) == (typed, "7", "kept ✓")
    assert shop.client.get("/v1/limits/alt_text", headers=shop.headers).status_code == 404


@one_engine
def test_bad_label_message_period_and_place_are_named(shop, admin):
    form = opened(admin)
    bad = {"m0-label": "", "m1-message": "x" * 501, "m2-period": "yearly", "m3-place": "first", "m4-label": "a\x01b"}

    response = send(admin, form, **bad)

    assert response.status_code == 422
    assert len(error_texts(response)) == 5
    assert "Nothing was saved" in response.get_data(as_text=True)


@one_engine
def test_form_without_its_parts_is_refused(shop, admin):
    form = opened(admin)
    fields = {name: value for name, value in form.fields.items() if name != "m0-was"}

    assert admin.post(form.action, data=fields).status_code == 422
    assert admin.post(form.action, data=form.fields | {"m1-key": form.fields["m0-key"]}).status_code == 422
    assert admin.post(form.action, data=form.fields | {"m0-key": "Bad Key"}).status_code == 422


def test_two_owners_at_once_see_each_others_change(shop, admin):
    form = opened(admin)
    put(shop, "limits/chat", period="monthly", rules={"user": 900})
    cell = name_of(form, "chat", "user")

    response = send(admin, form, **{cell: "500", name_of(form, "alt_text", "user"): "3"})

    assert response.status_code == 409
    (error,) = error_texts(response)
    assert "changed this module on" in error
    assert "monthly, user 900" in error
    assert limit(shop)["rules"] == {"user": 900}
    assert shop.client.get("/v1/limits/alt_text", headers=shop.headers).status_code == 404
    again = grid(response)
    assert again.fields[cell] == "500"
    assert send(admin, again).status_code == 303
    assert limit(shop)["rules"] == {"user": 500}
    assert limit(shop, "alt_text")["rules"] == {"user": 3}


@one_engine
def test_change_of_a_module_that_was_not_edited_is_kept(shop, admin):
    form = opened(admin)
    put(shop, "limits/chat", period="monthly", rules={"user": 900})

    assert send(admin, form, **{name_of(form, "alt_text", "user"): "3"}).status_code == 303

    assert limit(shop)["rules"] == {"user": 900}


@one_engine
def test_role_and_module_are_added_to_the_form_without_losing_what_was_typed(shop, admin):
    form = opened(admin)
    chat = name_of(form, "chat", "user")

    added = send(admin, form, **{chat: "12", "new-role": "editor"}, action="add-role")
    form = grid(added)
    assert (added.status_code, form.fields[chat]) == (200, "12")
    with_module = send(admin, form, **{"new-key": "translation", "new-label": "Translate"}, action="add-module")
    form = grid(with_module)
    assert "translation" not in modules(shop)
    saved = send(admin, form, **{name_of(form, "translation", "role:editor"): "40"})

    assert saved.status_code == 303
    assert limit(shop, "translation")["rules"] == {"role:editor": 40}
    assert limit(shop)["rules"] == {"user": 12}
    assert modules(shop)[-1] == "translation"
    page = opened(admin)
    assert page.fields[name_of(page, "translation", "role:editor")] == "40"


@one_engine
@pytest.mark.parametrize(
    "typed", [{"new-role": "x" * 101}, {"new-role": "a:b"}, {"new-key": "Chat!"}, {"new-key": "chat"}]
)
def test_bad_role_or_module_is_named(shop, admin, typed):
    response = send(admin, opened(admin), **typed)

    assert response.status_code == 422
    assert len(error_texts(response)) == 1
    assert next(iter(typed.values())) in grid(response).fields.values()


@one_engine
def test_roles_of_users_are_columns(shop, admin):
    put(shop, "users/7", roles=["customer", "shop_manager"])

    assert {"role:customer", "role:shop_manager"} <= set(opened(admin).fields.values())


@one_engine
def test_order_is_changed_by_places(shop, admin):
    form = opened(admin)
    before = modules(shop)

    assert send(admin, form, **{f"{place_of(form, before[-1])}-place": "0"}).status_code == 303

    assert modules(shop) == [before[-1], *before[:-1]]


def test_module_is_removed_only_where_nothing_uses_it(shop, admin):
    put(shop, "modules/unused", label="Unused")
    put(shop, "limits/unused", period="daily", rules={"user": 1})
    put(shop, "modules/used", label="Used")
    put(shop, "limits/used", period="daily", rules={"user": 10})
    factories.spend(shop, 5, 1, module="used")
    form = opened(admin)

    refused = send(admin, form, **{f"{place_of(form, key)}-remove": "1" for key in ("chat", "used", "unused")})
    assert refused.status_code == 409
    assert "chat.message" in error_texts(refused)[0]
    assert "has been used" in error_texts(refused)[1]
    assert "unused" in modules(shop)
    assert send(admin, opened(admin), **{f"{place_of(form, 'unused')}-remove": "1"}).status_code == 303

    assert "unused" not in modules(shop)
    assert shop.client.get("/v1/limits/unused", headers=shop.headers).status_code == 404


@one_engine
def test_only_owners_change_and_viewers_read(app, shop, admin):
    form = opened(admin)
    role(app, admin, Role.MANAGER)

    assert admin.get(PAGE).status_code == 200
    assert "Only owners can change" in admin.get(PAGE).get_data(as_text=True)
    assert "Save limits" not in admin.get(PAGE).get_data(as_text=True)
    assert send(admin, form, **{name_of(form, "chat", "user"): "1"}).status_code == 403
    assert shop.client.get("/v1/limits/chat", headers=shop.headers).status_code == 404


@one_engine
def test_signed_out_and_other_store_are_refused(app, shop, admin):
    form = opened(admin)

    assert app.test_client().get(PAGE).status_code == 303
    assert admin.post("/admin/nowhere/settings/limits", data=form.fields).status_code == 404
    assert admin.get("/admin/nowhere/settings/limits").status_code == 404
    assert try_sign_in(app.test_client()).status_code == 303


@one_engine
def test_many_modules_are_paged_and_each_page_is_saved(shop, admin):
    for place in range(limits_form.MAX_MODULES + 3):
        put(shop, f"modules/extra_{place:03}", label=f"Extra {place}")

    page = read(admin.get(PAGE))
    second = grid(admin.get(page.links["Next"]))
    last = f"extra_{limits_form.MAX_MODULES + 2:03}"

    assert send(admin, second, **{name_of(second, last, "user"): "2"}).status_code == 303
    assert limit(shop, last)["rules"] == {"user": 2}
    assert modules(shop)[-1] == last


@one_engine
def test_page_shows_the_same_call_with_curl(shop, admin):
    put(shop, "limits/chat", period="monthly", rules={"user": 1000}, message="It's used up")

    words = html.unescape(admin.get(PAGE).get_data(as_text=True))

    assert "curl -X PUT http://127.0.0.1:8000/v1/limits/chat" in words
    assert "$TOKEN_BRIDGE_KEY" in words
