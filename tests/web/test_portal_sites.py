"""The linked sites in the portal."""

import pytest

from tests.factories import add_shop, give, put_user
from tests.support.pages import read, send
from tests.support.portal import enter

one_engine = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)


def test_site_is_linked_capped_rotated_and_unlinked(app, shop):
    give(shop, 2, 1000)
    client = enter(app, shop)

    shown = send(client, read(client.get("/account/sites")).form("/code"))
    code = shown.text.partition('<p class="code">')[2].partition("<")[0]
    linked = shop.client.post("/v1/link", json={"code": code, "url": "https://blog.example", "name": "Blog <1>"})
    assert linked.status_code == 201
    site = linked.json["id"]
    page = client.get("/account/sites")
    wrong = send(client, read(page).form(f"{site}/cap"), cap="many")
    assert wrong.status_code == 422
    assert 'value="many" aria-invalid="true"' in wrong.text
    saved = send(client, read(page).form(f"{site}/cap"), cap="1,500")
    assert saved.location == "/account/sites?done=cap"
    assert "0 of 1,500 tokens used this month, 1,500 left" in client.get(saved.location).text
    rotated = send(client, read(page).form(f"{site}/rotate"), grace="0")
    key = rotated.text.partition("<code>")[2].partition("<")[0]
    account = [
        shop.client.get("/v1/account", headers={"Authorization": f"Bearer {each}"}).status_code
        for each in (key, linked.json["access_key"])
    ]
    assert account == [200, 401]
    assert key not in client.get("/account/sites").text
    gone = send(client, read(page).form(f"{site}/unlink"))
    assert gone.location == "/account/sites?done=unlinked"
    assert shop.client.get("/v1/account", headers={"Authorization": f"Bearer {key}"}).status_code == 401
    assert "Not linked any more: Blog &lt;1&gt;" in client.get(gone.location).text
    assert send(client, read(page).form(f"{site}/cap"), cap="5").location == "/account/sites?done=gone"
    log = shop.client.get("/v1/users/2/sites", headers=shop.headers).json["items"]
    assert log[0]["unlinked_at"]


@one_engine
def test_site_of_another_user_or_store_does_not_exist(app, shop):
    put_user(shop, 3)
    other, headers = add_shop(app, "second")
    client = enter(app, shop)
    form = read(client.get("/account")).forms[0].fields["form"]
    body = {"url": "https://blog.example", "name": "Blog"}
    shop.client.put("/v1/users/2", json={}, headers=headers)
    sites = [
        shop.client.post("/v1/users/3/sites", json=body, headers=shop.headers).json["id"],
        shop.client.post("/v1/users/2/sites", json=body, headers=headers).json["id"],
        "si_none",
    ]

    for site in sites:
        for act, data in (("cap", {"cap": "1"}), ("rotate", {"grace": "0"}), ("unlink", {})):
            assert client.post(f"/account/sites/{site}/{act}", data={"form": form} | data).status_code == 404
    assert other is not None


@one_engine
def test_open_codes_are_bounded(app, shop):
    client = enter(app, shop)
    form = read(client.get("/account/sites")).form("/code")

    statuses = [send(client, form).status_code for _ in range(21)]

    assert statuses == [200] * 20 + [429]
    answer = shop.client.post("/v1/users/2/link-codes", headers=shop.headers)
    assert (answer.status_code, answer.json["code"]) == (429, "too_many_link_codes")
