import re
from datetime import timedelta

import pytest
import time_machine

from app import create_app
from bridge.services.admin.admins import add_admin, remove_admin, reset_password
from bridge.web.context import utcnow
from tests.conftest import make_config
from tests.factories import add_shop
from tests.support.ledger_sql import rows
from tests.support.pages import EMAIL, PASSWORD, add_owner, read, send, sign_in, try_sign_in


def _is_signed_in(client) -> bool:
    return client.get("/admin/shop/credits").status_code == 200


def test_signing_in_leads_to_the_only_store(app, shop):
    client = sign_in(app)

    response = client.get("/admin")

    assert (response.status_code, response.location) == (303, "/admin/shop/credits")
    assert client.get("/admin/shop").location == "/admin/shop/credits"
    assert _is_signed_in(client)


def test_signing_in_leads_to_the_list_of_stores(app, shop):
    add_shop(app, "second")
    client = sign_in(app)

    page = read(client.get("/admin"))

    assert page.links["Shop"] == "/admin/shop/credits"
    assert page.links["second.example.com"] == "/admin/second/credits"


def test_signing_in_leads_to_connecting_the_first_shop(app):
    client = sign_in(app)

    assert client.get("/admin").location == "/admin/connect"
    assert "No store yet" in client.get("/admin/connect").text
    assert "No store yet" in client.get("/admin/stores").text


def test_stores_can_be_reached_from_the_only_one(app, shop):
    client = sign_in(app)

    page = read(client.get(read(client.get("/admin/shop/credits")).links["Shop"]))

    assert page.links["Shop"] == "/admin/shop/credits"
    assert page.links["Connect a shop"] == "/admin/connect"


@pytest.mark.parametrize(("email", "password"), [(EMAIL, "wrong"), ("nobody@example.test", PASSWORD), ("", "")])
def test_wrong_password_and_unknown_e_mail_look_alike(app, shop, email, password):
    add_owner(app)
    client = app.test_client()

    response = try_sign_in(client, email, password)

    assert response.status_code == 401
    assert read(response).alerts[0].startswith("The email or password is wrong.")
    assert read(response).form("sign-in").fields["email"] == email
    assert not _is_signed_in(client)


def test_typed_e_mail_is_shown_as_text(app, shop):
    page = try_sign_in(app.test_client(), '"><script>alert(1)</script>', "x")

    assert "<script" not in page.text


def test_page_asks_for_the_sign_in_first_and_is_shown_after_it(app, shop):
    add_owner(app)

    for path in ("/admin/shop/credits", "/admin/shop/credits/2", "/admin/shop", "/admin/nowhere/credits"):
        client = app.test_client()
        asked = client.get(f"{path}?q=%C3%A9+1")
        signed_in = try_sign_in(client, path=asked.location)
        assert asked.status_code == 303
        assert asked.location.startswith("/admin?next=")
        assert signed_in.location == f"{path}?q=%C3%A9+1"


def test_sign_in_leads_to_no_other_place(app, shop):
    add_owner(app)

    for path in (
        "https://evil.example/admin",
        "//evil.example/admin",
        "/\\evil.example",
        "/admin\\@evil.example",
        "/adminevil",
        "/v1/store",
        "javascript:alert(1)",
        "/admin?x=\r\nSet-Cookie:a=b",
        "/admin/é",
        "/admin/..//evil.example",
        "/admin/shop/../../v1/docs",
        "/admin/shop//evil.example",
        "/admin/%2e%2e//evil.example",
    ):
        client = app.test_client()
        form = read(client.get("/admin", query_string={"next": path})).form("sign-in")
        response = send(client, form, email=EMAIL, password=PASSWORD, next=path)
        assert "next" not in form.fields
        assert response.location == "/admin"
        assert client.get("/admin", query_string={"next": path}).location == "/admin/shop/credits"


def test_signing_out_ends_the_session(app, shop):
    client = sign_in(app)
    form = read(client.get("/admin/shop/credits")).form("sign-out")

    assert send(client, form).status_code == 303
    assert not _is_signed_in(client)


def test_cookie_of_a_session_that_ended_is_worth_nothing(app, shop, database):
    client = sign_in(app)
    cookie = client.get_cookie("token_bridge").value
    thief = app.test_client()
    thief.set_cookie("token_bridge", cookie)
    assert _is_signed_in(thief)

    send(client, read(client.get("/admin/shop/credits")).form("sign-out"))

    for again in (thief, app.test_client()):
        again.set_cookie("token_bridge", cookie)
        assert again.get("/admin/shop/credits").status_code == 303
        assert again.get("/admin").status_code == 200
    assert rows(database, "select count(*) as n from admin_sessions") == [{"n": 0}]


def test_removed_admin_is_signed_out(app, shop, database):
    client = sign_in(app)
    with database.transaction() as connection:
        add_admin(connection, "other@example.test", None, actor="test", now=utcnow())
        remove_admin(connection, EMAIL, actor="test", now=utcnow())

    assert not _is_signed_in(client)


def test_wrong_passwords_of_others_keep_no_admin_out(app, shop):
    add_owner(app)
    known = app.test_client()
    try_sign_in(known)
    send(known, read(known.get("/admin/shop/credits")).form("sign-out"))
    attacker = app.test_client()
    form = read(attacker.get("/admin")).form("sign-in")
    answers = [send(attacker, form, email=EMAIL, password="wrong") for _ in range(12)]

    assert [answer.status_code for answer in answers] == [401] * 11 + [429]
    assert 1 <= int(answers[-1].headers["Retry-After"]) <= 60
    assert "Try again in" in read(answers[-1]).alerts[0]
    # A browser that signed in before is let in, even from the attacker's address; so is any other address.
    assert try_sign_in(known).status_code == 303
    elsewhere = app.test_client()
    elsewhere.environ_base["REMOTE_ADDR"] = "198.51.100.7"
    assert try_sign_in(elsewhere).status_code == 303
    with time_machine.travel(utcnow() + timedelta(seconds=int(answers[-1].headers["Retry-After"]))):
        assert try_sign_in(attacker).status_code == 303


def test_device_of_one_account_is_unknown_to_another(app, shop):
    add_owner(app)
    known = app.test_client()
    try_sign_in(known)
    send(known, read(known.get("/admin/shop/credits")).form("sign-out"))
    form = read(known.get("/admin")).form("sign-in")

    statuses = [send(known, form, email="other@example.test", password="wrong").status_code for _ in range(12)]

    assert statuses[-1] == 429
    forged = app.test_client()
    forged.set_cookie("token_bridge_device", known.get_cookie("token_bridge_device").value + "x")
    assert try_sign_in(forged).status_code == 303


def test_new_password_ends_the_session(app, shop, database):
    client = sign_in(app)
    assert _is_signed_in(client)

    with database.transaction() as connection:
        reset_password(connection, EMAIL, None, actor="test", now=utcnow())

    assert not _is_signed_in(client)


def test_session_ends_when_nothing_is_done_and_after_half_a_day(app, shop):
    start = utcnow()
    client = sign_in(app)

    with time_machine.travel(start, tick=False) as clock:
        for hours in (1.9, 3.7, 5.5, 7.3, 9.1, 10.9):
            clock.move_to(start + timedelta(hours=hours))
            assert _is_signed_in(client)
        clock.move_to(start + timedelta(hours=12, seconds=1))
        assert not _is_signed_in(client)

        clock.move_to(start)
        assert try_sign_in(client).status_code == 303
        clock.move_to(start + timedelta(hours=2, seconds=1))
        assert not _is_signed_in(client)


def test_form_without_its_token_does_nothing(app, shop):
    client = sign_in(app)

    for path in ("/admin/sign-in", "/admin/sign-out", "/admin/shop/credits/2/balance"):
        for token in ("", "wrong"):
            response = client.post(path, data={"csrf_token": token, "email": EMAIL, "password": PASSWORD})
            assert response.status_code == 400
            assert "This form has expired" in response.text
    assert _is_signed_in(client)


def test_token_of_another_session_is_worth_nothing(app, shop):
    client = sign_in(app)
    anonymous = read(app.test_client().get("/admin")).form("sign-in").fields["csrf_token"]

    assert client.post("/admin/sign-out", data={"csrf_token": anonymous}).status_code == 400


def test_api_and_webhooks_need_no_token(app, shop):
    client = app.test_client()

    assert client.post("/webhooks/woocommerce/shop", data="webhook_id=1").status_code == 200
    assert client.put("/v1/users/2", json={}, headers=shop.headers).status_code == 200


@pytest.mark.parametrize(
    ("public_url", "name", "is_secure"),
    [("http://127.0.0.1:8000", "token_bridge", False), ("https://bridge.example.com", "__Host-token_bridge", True)],
)
def test_cookie_is_hidden_from_scripts_and_other_sites(sqlite_template, tmp_path, public_url, name, is_secure):
    database = tmp_path / "bridge.sqlite3"
    database.write_bytes(sqlite_template.read_bytes())
    app = create_app(make_config(f"sqlite:///{database}", public_url=public_url))

    response = app.test_client().get("/admin")
    cookie = response.headers["Set-Cookie"]

    assert cookie.startswith(f"{name}=")
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Path=/" in cookie
    assert "Domain" not in cookie
    assert ("Secure" in cookie) is is_secure
    assert ("Strict-Transport-Security" in response.headers) is is_secure


def test_page_may_load_nothing_from_elsewhere(app, shop):
    client = sign_in(app)

    for path in ("/admin", "/admin/shop/credits", "/nothing/here", "/static/admin.css"):
        headers = client.get(path, buffered=True).headers
        policy = headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; ")
        assert set(re.findall(r"([a-z-]+) 'self'", policy)) >= {"style-src", "script-src", "form-action"}
        assert not re.search(r"https?:|\*|data:|blob:", policy)
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "same-origin"


def test_pages_are_not_cached_and_the_style_sheet_is(app, shop):
    client = sign_in(app)
    page = client.get("/admin/shop/credits")
    style = next(values["href"] for tag, values in read(page).tags if tag == "link" and "admin.css" in values["href"])

    assert page.headers["Cache-Control"] == "no-store"
    with client.get(style) as response:
        assert response.status_code == 200
        assert "no-store" not in response.headers.get("Cache-Control", "")


def test_page_that_is_not_there_says_so_as_a_page(app):
    response = app.test_client().get("/nothing/here")

    assert response.status_code == 404
    assert response.content_type == "text/html; charset=utf-8"
    assert "Page not found" in response.text


def test_root_leads_to_the_admin_s_pages(app):
    answer = app.test_client().get("/")

    assert (answer.status_code, answer.location) == (303, "/admin")
