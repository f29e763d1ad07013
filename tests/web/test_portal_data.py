"""The page about one's own data: what is stored, files, and the deletion of the account."""

import io
import zipfile
from datetime import timedelta

import pytest
import time_machine

from bridge.web.context import utcnow
from tests.factories import deliver, give, order, put_package, put_user, spend
from tests.support.ledger_sql import rows
from tests.support.pages import read, send
from tests.support.portal import SITE, enter


def test_buyer_deletes_their_account_after_typing_their_email(app, shop, database):
    put_package(shop, 10, 600)
    put_user(shop, 2, name="Ada Tester", email="Ada@example.test", roles=["customer"])
    deliver(shop, order(1))
    client, other = enter(app, shop, return_url=SITE), enter(app, shop)
    page = client.get("/account/data")
    assert "Ada@example.test" in page.text
    assert "Ada Tester" in page.text

    wrong = send(client, read(page).form("/delete"), confirm="ada")
    assert wrong.status_code == 422
    assert read(wrong).alerts == ["This is not the same text. Nothing was deleted."]
    assert 'value="ada"' in wrong.text
    done = send(client, read(page).form("/delete"), confirm=" ada@EXAMPLE.test ")

    assert done.status_code == 200
    assert "Your data is deleted" in done.text
    assert read(done).links["Back to 127.0.0.1"] == SITE
    assert [client.get("/account").status_code, other.get("/account").status_code] == [403, 403]
    assert rows(database, "select email, name from accounts where user_id = 2") == [{"email": None, "name": None}]
    assert rows(database, "select user_id from passes") == rows(database, "select user_id from portal_sessions") == []
    log = rows(database, "select actor, name from changes where subject = 'user'")
    assert log == [{"actor": "user 2", "name": "user 2"}]


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_buyer_takes_along_what_the_api_exports_and_nothing_of_others(app, shop):
    put_user(shop, 2, name="Ada Tester", email="ada@example.test")
    put_user(shop, 3, name="Zoe Other", email="zoe@example.test")
    client = enter(app, shop)
    links = read(client.get("/account/data")).links

    own = client.get(links["Everything that is stored about you (JSON)"])
    packed = client.get(links["Everything that is stored about you (ZIP, CSV)"])

    known = shop.client.get("/v1/users/2/export", headers=shop.headers).json
    assert own.json | {"exported_at": ""} == known | {"exported_at": ""}
    assert "Zoe Other" not in own.text
    names = zipfile.ZipFile(io.BytesIO(packed.get_data())).namelist()
    assert [f"{name}.csv" for name, rows in known.items() if isinstance(rows, list)] == names
    assert client.get("/account/data/export?format=xml").status_code == 422
    assert len(links) > 5


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_account_is_deleted_only_shortly_after_coming_from_the_shop(app, shop, database):
    put_user(shop, 2, email="ada@example.test")
    client, now = enter(app, shop), utcnow()
    form = read(client.get("/account/data")).form("/delete")

    with time_machine.travel(now + timedelta(minutes=11)):
        late = client.get("/account/data")
        refused = send(client, form, confirm="ada@example.test")

    assert "open this page from the shop again" in late.text
    assert "/delete" not in late.text
    assert refused.status_code == 403
    assert rows(database, "select email from accounts") == [{"email": "ada@example.test"}]


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_buyer_without_an_email_types_their_number(app, shop, database):
    client = enter(app, shop, user=7)
    page = client.get("/account/data")

    assert "To confirm, type 7" in page.text
    assert send(client, read(page).form("/delete"), confirm="").status_code == 422
    assert send(client, read(page).form("/delete"), confirm="7").status_code == 200


def test_buyer_decides_whether_to_be_asked_before_their_balance_is_used(app, shop, database):
    give(shop, 2, 10)
    client = enter(app, shop)
    page = client.get("/account/data")
    assert "checked" not in _switch(page)

    on = send(client, read(page).form("/confirmation"), confirm_paid="yes")
    assert (on.status_code, on.location) == (303, "/account/data?saved=#confirmation")
    shown = client.get("/account/data?saved=")
    assert ("Saved." in shown.text, "checked" in _switch(shown)) == (True, True)
    assert spend(shop, 2, 1).get_json()["code"] == "confirmation_required"
    # A box that is not checked is not sent.
    form = {"form": read(shown).form("/confirmation").fields["form"]}
    assert client.post("/account/data/confirmation", data=form).status_code == 303
    assert spend(shop, 2, 1).status_code == 201
    assert client.post("/account/data/confirmation", data={"confirm_paid": "yes"}).status_code == 403
    log = rows(database, "select actor, after from changes where subject = 'user' order by id")
    assert [row["actor"] for row in log] == ["user 2"] * 2


def _switch(page):
    [box] = [values for tag, values in read(page).tags if tag == "input" and values.get("name") == "confirm_paid"]
    return box
