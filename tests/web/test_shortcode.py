"""The shortcode box of the credits page, its form, and the widget that follows the saved choice."""

from __future__ import annotations

import pytest

from bridge.domain.admin.admins import Role
from tests.factories import add_shop, deliver, order, put_package, put_user
from tests.support.pages import read, send, sign_in

PAGE = "/admin/shop/credits/shortcode"
CHOICE = "module=chat&module=alt_text&view=summary&title=My+tokens&buy=1&buy_label=More"
SHORTCODE = (
    '[token_usage modules="chat,alt_text" view="summary" title="My tokens" purchasehistory="false"'
    ' buycreditslabel="More"]'
)


def shown(page):
    return next(values["value"] for tag, values in read(page).tags if values.get("aria-label") == "Shortcode")


@pytest.fixture
def client(app, shop):
    return sign_in(app)


def test_form_rewrites_the_shortcode_and_changes_nothing(client):
    assert shown(client.get("/admin/shop/credits")) == "[token_usage]"

    assert shown(client.get(f"{PAGE}?{CHOICE}")) == SHORTCODE
    assert shown(client.get(PAGE)) == "[token_usage]"


def test_saved_choice_is_the_default_of_the_store_and_recorded(app, client, database):
    add_shop(app, "other")
    form = read(client.get(f"{PAGE}?module=chat&view=summary&title=My+tokens&buy=1")).form("shortcode")

    assert send(client, form).status_code == 303

    text = '[token_usage modules="chat" view="summary" title="My tokens" purchasehistory="false"]'
    assert shown(client.get("/admin/shop/credits")) == shown(client.get(PAGE)) == text
    assert shown(client.get("/admin/other/credits")) == "[token_usage]"
    with database.reading() as connection:
        statement = "select name, actor from changes where name = 'shortcode'"
        assert len(connection.exec_driver_sql(statement).all()) == 1


def test_widget_shows_what_was_chosen_unless_a_request_says_otherwise(client, shop):
    put_package(shop, 10, 100)
    put_user(shop, 2)
    deliver(shop, order(1, customer=2))
    shop.client.patch("/v1/store", json={"purchase_url": "https://shop.example/buy"}, headers=shop.headers)

    def widget(query=""):
        return shop.client.get(f"/v1/widget?user_id=2{query}", headers=shop.headers).text

    before = widget()
    assert "Purchases" in before
    assert "Buy tokens" in before
    form = read(client.get(f"{PAGE}?module=chat&view=full&title=My+tokens&buy=1&buy_label=More")).form("shortcode")
    send(client, form)

    assert 'aria-label="My tokens"' in widget()
    assert "Chat" in widget()
    assert "Alt text" not in widget()
    assert ">More</a>" in widget()
    assert "Purchases" not in widget()
    assert "Alt text" in widget("&modules=alt_text")
    assert "token-bridge--summary" in widget("&view=summary")


LOOK = "intro=All+%C3%A9+in+one&theme=dark&accent=%230A7&heading=3&buy_url=/buy?from%3Dpage%26x%3D1"
LOOK_ATTRIBUTES = 'intro="All é in one" theme="dark" accent="#00aa77" heading="3"'


def test_look_introduction_and_address_are_written_saved_and_followed(client, shop):
    form = read(client.get(f"{PAGE}?module=chat&view=summary&buy=1&{LOOK}")).form("shortcode")
    assert send(client, form).status_code == 303

    assert shown(client.get(PAGE)) == (
        f'[token_usage modules="chat" view="summary" {LOOK_ATTRIBUTES} purchasehistory="false"'
        ' buycreditsurl="/buy?from=page&x=1"]'
    )
    put_user(shop, 2)

    def widget(query=""):
        return shop.client.get(f"/v1/widget?user_id=2{query}", headers=shop.headers).text

    text = widget()
    assert 'data-theme="dark" data-accent="00aa77"' in text
    assert '<h3 class="token-bridge__heading">Your tokens</h3>' in text
    assert "All é in one" in text
    assert 'href="/buy?from=page&amp;x=1"' in text
    asked = widget("&theme=auto&accent=%23123456&heading=5&intro=&buycreditsurl=/other")
    assert "data-theme" not in asked.partition(">")[0]
    assert 'data-accent="123456"' in asked
    assert "<h5" in asked
    assert "All é in one" not in asked
    assert 'href="/other"' in asked
    body = {"user": {"id": 2}, "items": [{"module": "chat", "tokens": 5}]}
    step = shop.client.post("/v1/confirm", json=body, headers=shop.headers).text
    assert 'data-theme="dark" data-accent="00aa77"' in step


def test_shortcode_turns_on_what_the_default_turns_off(client):
    send(client, read(client.get(f"{PAGE}?module=chat&view=summary&theme=dark")).form("shortcode"))

    text = shown(client.get(f"{PAGE}?module=chat&view=full&theme=auto&purchases=1&buy=1"))

    assert text == '[token_usage modules="chat" view="full" theme="auto" purchasehistory="true" buycredits="true"]'


def test_balance_has_no_other_attribute(client, shop):
    page = client.get(f"{PAGE}?module=chat&view=balance&title=My+tokens&{LOOK}")
    assert shown(page) == '[token_usage view="balance"]'
    send(client, read(page).form("shortcode"))
    put_user(shop, 2)

    assert "token-bridge--balance" in shop.client.get("/v1/widget?user_id=2", headers=shop.headers).text


def test_choice_of_an_earlier_version_has_the_usual_look(client, database, shop):
    stored = '{"modules": ["chat"], "view": "full", "title": "", "purchasehistory": true, "buycredits": true'
    with database.transaction() as connection:
        statement = "update stores set shortcode = '" + stored + ', "buycreditslabel": ""}\''
        connection.exec_driver_sql(statement)

    assert shown(client.get(PAGE)) == '[token_usage modules="chat"]'


BAD = [
    ("module=chat&view=full&theme=x", "theme"),
    ("module=chat&view=full&heading=1", "heading"),
    ("module=chat&view=full&heading=%C2%B2", "heading"),
    ("module=chat&view=full&accent=red", "accent"),
    ("module=chat&view=full&buy_url=javascript:alert(1)", "buy_url"),
    ("module=chat&view=full&buy_url=//elsewhere.example", "buy_url"),
    ("module=chat&view=full&intro=" + "x" * 301, "intro"),
    ("module=chat&view=x", "view"),
    ("view=full", "module"),
    ("module=chat&view=full&title=a%22b", "title"),
    ("module=chat&view=full&buy_label=%5Bx%5D", "buy_label"),
    ("module=chat&view=full&title=" + "x" * 101, "title"),
    ("module=chat&view=full&title=a%00b", "title"),
]


@pytest.mark.parametrize(("values", "field"), BAD)
def test_invalid_choice_is_kept_in_the_form_and_not_saved(client, values, field):
    page = client.get(f"{PAGE}?{values}")

    assert page.status_code == 200
    assert read(page).alerts
    if field != "module":
        assert f'id="{field}-error"' in page.text
    assert not [form for form in read(page).forms if "csrf_token" in form.fields and "view" in form.fields]
    token = read(page).form("sign-out").fields["csrf_token"]
    sent = client.post(PAGE, data=f"csrf_token={token}&{values}", content_type="application/x-www-form-urlencoded")
    assert sent.status_code == 422
    assert shown(client.get(PAGE)) == "[token_usage]"


def test_only_an_owner_saves(app, client, database):
    form = read(client.get(f"{PAGE}?{CHOICE}")).form("shortcode")
    with database.transaction() as connection:
        connection.exec_driver_sql(f"update admins set role = '{Role.MANAGER.value}'")

    assert send(client, form).status_code == 403
    assert "Save as the default" not in client.get(f"{PAGE}?{CHOICE}").text
    assert app.test_client().get(PAGE).status_code == 303
    assert client.get("/admin/nowhere/credits/shortcode").status_code == 404
