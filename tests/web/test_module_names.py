"""A module's names by language: the form that sets them, and the pages and files that show them."""

from __future__ import annotations

import pytest

from tests.factories import give, spend
from tests.support.limits_form import error_texts, grid, opened, place_of, put, recorded
from tests.support.pages import send, sign_in
from tests.support.portal import enter, table

pytestmark = pytest.mark.both_engines
NAMES = {"de": "Gespräch", "ar": "محادثة"}


def names(shop, module="chat"):
    return shop.client.get(f"/v1/modules/{module}", headers=shop.headers).json["labels"]


def test_form_sets_replaces_and_keeps_names(app, shop, database):
    admin = sign_in(app)
    form = opened(admin)
    place = place_of(form, "chat")

    assert send(admin, form, **{f"{place}-name-{code}": f" {name} " for code, name in NAMES.items()}).status_code == 303
    assert names(shop) == NAMES
    assert names(shop, "alt_text") == {}
    assert recorded(database, shop)[0] == ("owner@example.test", "module", "chat")
    before, form = recorded(database, shop), opened(admin)
    assert form.fields[f"{place}-name-de"] == "Gespräch"

    # Neither a save without a change nor one without the fields touches them.
    send(admin, form)
    for field in [name for name in form.fields if "-name-" in name]:
        del form.fields[field]
    send(admin, form)
    assert (names(shop), recorded(database, shop)) == (NAMES, before)

    send(admin, opened(admin), **{f"{place}-name-ar": ""})
    assert names(shop) == {"de": "Gespräch"}


def test_invalid_name_is_reported_beside_its_field_and_nothing_is_saved(app, shop):
    admin = sign_in(app)
    form = opened(admin)
    place = place_of(form, "chat")

    response = send(admin, form, **{f"{place}-name-de": "x" * 101, f"{place}-name-fr": "Discussion"})

    assert response.status_code == 422
    assert len(error_texts(response)) == 1
    assert '<details class="more grid__names" open>' in response.text
    assert grid(response).fields[f"{place}-name-fr"] == "Discussion"
    assert names(shop) == {}


def test_pages_and_files_name_a_module_in_the_language_of_the_reader(app, shop):
    put(shop, "modules/chat", labels=NAMES)
    put(shop, "limits/alt_text", period="monthly", rules={"user": 1000})
    put(shop, "modules/alt_text", labels={"de": "Bildbeschreibungen"})
    give(shop, 2, 100)
    spend(shop, 2, 7)
    german, english = enter(app, shop, lang="de"), enter(app, shop, lang="en")

    for path in ("/account/usage", "/account/usage?module=chat", "/account/transactions"):
        assert "Gespräch" in german.get(path, follow_redirects=True).text, path
        text = english.get(path, follow_redirects=True).text
        assert "Chat" in text, path
        assert "Gespräch" not in text, path
    assert "Bildbeschreibungen" in german.get("/account").text
    file = table(german.get("/account/usage/file.csv?module=chat"))
    assert [row[1] for row in file if row[0:1] == ["Modul"] or "Gespräch" in row] == ["Gespräch", "Gespräch"]
    assert any("Gespräch" in row[1] for row in table(german.get("/account/transactions/file.csv")) if len(row) > 1)
    asked = {"user": {"id": 2}, "items": [{"module": "chat", "tokens": 3}]}
    confirmed = shop.client.post("/v1/quotes?lang=de", json=asked, headers={**shop.headers, "Accept": "text/html"})
    assert "Gespräch" in confirmed.text
