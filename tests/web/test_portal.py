"""The portal: who sees which page, for how long, and in which language."""

from datetime import timedelta

import pytest
import time_machine

from app import create_app
from bridge.domain.portal.passes import Access
from bridge.web.context import utcnow
from tests.conftest import Shop, make_config
from tests.factories import add_shop
from tests.support.pages import read, send
from tests.support.portal import OPEN, SITE, enter, path_of, rules

PASS = {"user": {"id": 2}, "for": "portal"}
one_engine = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)


@one_engine
def test_every_page_declares_the_access_it_needs(app):
    undeclared = [
        rule.rule
        for rule in rules(app)
        if rule.endpoint not in OPEN
        and not isinstance(getattr(app.view_functions[rule.endpoint], "needed_access", None), Access)
    ]

    assert undeclared == []
    assert len(rules(app)) > 12


@one_engine
@pytest.mark.parametrize("access", Access)
def test_access_of_the_pass_decides_what_is_open(app, shop, access):
    client = enter(app, shop, access=access.value)
    ranks, wrong = {Access.NONE: 0, Access.PARTIAL: 1, Access.FULL: 2}, []
    form = read(client.get("/account")).forms[0].fields["form"] if access is not Access.NONE else ""

    for rule in rules(app):
        if rule.endpoint in OPEN | {"portal.sign_out"}:
            continue
        needed = app.view_functions[rule.endpoint].needed_access
        for method in {"GET", "POST"} & rule.methods:
            answer = client.open(path_of(rule), method=method, data={"form": form} if method == "POST" else None)
            if (answer.status_code == 403) == (ranks[access] >= ranks[needed]) or answer.status_code >= 500:
                wrong.append((rule.rule, answer.status_code))

    assert wrong == []
    overview = client.get("/account")
    assert overview.status_code == (403 if access is Access.NONE else 200)
    assert ("Transactions" in overview.text) == (access is Access.FULL)


@one_engine
def test_no_form_works_without_the_key_of_the_session(app, shop):
    mine, other = enter(app, shop), enter(app, shop, user=3)
    foreign = read(other.get("/account")).forms[0].fields["form"]
    posts = [rule for rule in rules(app) if "POST" in rule.methods and rule.endpoint not in OPEN]

    for rule in posts:
        for data in ({}, {"form": ""}, {"form": foreign}, {"form": "é"}):
            assert mine.post(path_of(rule), data=data).status_code == 403, rule.rule
    assert len(posts) > 4
    assert mine.get("/account").status_code == 200


@one_engine
def test_without_a_session_every_page_shows_the_way_back(app, shop):
    for rule in rules(app):
        if "GET" in rule.methods:
            answer = app.test_client().get(path_of(rule))
            assert answer.status_code == 403, rule.rule
            assert "You are signed out" in answer.text
    unknown = app.test_client()
    unknown.set_cookie("token_bridge_account", "a" * 43, path="/account")
    assert unknown.get("/account").status_code == 403
    missing = app.test_client().get("/account/nothing")
    assert missing.status_code == 404
    assert "Stores" not in missing.text


def test_session_ends_after_two_hours_and_at_the_sign_out(app, shop):
    now, client = utcnow(), enter(app, shop, return_url=SITE)
    with time_machine.travel(now + timedelta(minutes=119)):
        assert client.get("/account").status_code == 200
    with time_machine.travel(now + timedelta(minutes=121)):
        assert client.get("/account").status_code == 403

    copied = client.get_cookie("token_bridge_account", path="/account").value
    left = send(client, read(client.get("/account")).form("sign-out"))

    assert (left.status_code, left.location) == (303, SITE)
    copy = app.test_client()
    copy.set_cookie("token_bridge_account", copied, path="/account")
    assert copy.get("/account").status_code == 403


@one_engine
def test_admin_and_buyer_do_not_share_a_session(app, shop):
    client = enter(app, shop)

    assert client.get("/admin/shop/credits").status_code == 303
    assert client.get_cookie("token_bridge") is None


@one_engine
def test_page_speaks_the_language_of_the_pass_or_of_the_browser(app, shop):
    arabic = enter(app, shop, lang="ar")
    browser = enter(app, shop)

    assert '<html lang="ar" dir="rtl">' in arabic.get("/account").text
    assert '<html lang="pt" dir="ltr">' in browser.get("/account", headers={"Accept-Language": "pt-BR,en;q=0.5"}).text
    assert '<html lang="en" dir="ltr">' in browser.get("/account", headers={"Accept-Language": "sv"}).text
    for language in ("de", "fr", "es", "it", "nl", "pt", "pl", "ja", "ar"):
        client = enter(app, shop, lang=language)
        for rule in rules(app):
            if "GET" in rule.methods:
                # There is no order whose receipt could be shown.
                expected = 404 if "<order>" in rule.rule else 200
                assert client.get(path_of(rule)).status_code == expected, (language, rule.rule)


@one_engine
def test_buyer_of_a_store_that_is_removed_is_signed_out(app, shop, database):
    client = enter(app, shop)
    with database.transaction() as connection:
        connection.exec_driver_sql("update stores set removing_at = 1")

    assert client.get("/account").status_code == 403


@one_engine
@pytest.mark.parametrize("prefix", ["", "/in/bridge"])
def test_cookie_belongs_to_the_portal_below_the_public_url(database_url, prefix):
    app = create_app(make_config(database_url, public_url=f"https://bridge.example{prefix}"))
    connected, _ = add_shop(app, "second")
    found, client = Shop(connected, app.test_client()), app.test_client()
    headers = {"Host": "bridge.example"}
    try:
        made = found.client.post(f"{prefix}/v1/passes", json=PASS, headers=found.headers)
        url = made.json["url"]
        assert url.startswith(f"https://bridge.example{prefix}/account?pass=")
        entered = client.get(url, headers=headers)
        (cookie,) = entered.headers.getlist("Set-Cookie")
        assert entered.location == f"{prefix}/account"
        assert cookie.startswith("__Secure-token_bridge_account=")
        assert {"Secure", f"Path={prefix}/account"} <= set(cookie.split("; "))
        page = client.get(f"https://bridge.example{prefix}/account", headers=headers)
        assert f'href="{prefix}/account/usage"' in page.text
    finally:
        app.extensions["bridge"].group_commit.close()
        app.extensions["bridge"].database.close()
