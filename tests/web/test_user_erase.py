"""Erase a person on the user's page: what goes and stays, the typed ID, and the page afterwards."""

from __future__ import annotations

from tests.factories import balance_of, deliver, give, merge, order, put_package, put_user
from tests.support.pages import read, send, sign_in

PAGE = "/admin/shop/credits/2/erase"


def test_owner_types_the_id_and_the_person_is_gone(app, shop):
    put_package(shop, 10, 1000)
    put_user(shop, 2, name="Ada <Tester>", email="ada@example.test")
    deliver(shop, order(1))
    client = sign_in(app)
    before = client.get("/admin/shop/credits/2")
    assert read(before).links["Erase personal data"] == PAGE
    shown = client.get(PAGE)
    assert "Ada &lt;Tester&gt;" in shown.text
    assert "The balance of 1,000 tokens." in shown.text

    wrong = send(client, read(shown).form("/erase"), confirm="3")
    assert (wrong.status_code, "Type 2, the ID of the user to erase." in wrong.text) == (422, True)
    assert "ada@example.test" in client.get("/admin/shop/credits/2").text
    sent = send(client, read(shown).form("/erase"), confirm=" 2 ")
    again = send(client, read(shown).form("/erase"), confirm="2")

    assert (sent.status_code, sent.location) == (again.status_code, again.location) == (303, "/admin/shop/credits/2")
    page = client.get("/admin/shop/credits/2")
    assert "The data of user 2 is erased." in page.text
    assert "<h1>User 2</h1>" in page.text
    assert "Last erased" in page.text
    assert not {"Erase personal data", "Merge another user"} & read(page).links.keys()
    assert all(text not in page.text.lower() for text in ("ada &lt;", "ada@"))
    assert "This user was erased on" in client.get(PAGE).text
    assert balance_of(shop, 2) == 1000
    log = client.get("/admin/shop/changes").text
    assert ("user 2" in log, "Erased" in log, "ada@" in log.lower()) == (True, True, False)
    assert client.get("/admin/shop/credits/77/erase").status_code == 404


def test_merged_users_are_named(app, shop):
    put_user(shop, 2, name="Ada")
    give(shop, 5, 10)
    merge(shop, 2, 5)

    assert "user 2, with the merged user 5" in sign_in(app).get(PAGE).text
