"""Passes: who gets which link, what it opens, for how long, and how often."""

import threading
from datetime import timedelta

import pytest
import time_machine

from bridge.domain.admin.admins import Role
from bridge.domain.portal.passes import frame_source
from bridge.services.ops import retention
from bridge.web.context import utcnow
from tests.factories import add_shop, give, put_user
from tests.support.ledger_sql import rows
from tests.support.pages import add_admin, read, send, sign_in, try_sign_in
from tests.support.portal import SITE, link, make_pass

PORTAL = {"user": {"id": 2, "name": "Ada"}, "for": "portal"}
ADMIN = {"email": "ann@example.test", "name": "Ann", "role": "manager"}
CREDITS = {"admin": ADMIN, "for": "credits"}


def test_portal_pass_opens_the_account_once_at_a_clean_address(app, shop, database, caplog):
    give(shop, 2, 1234)
    path, client = link(shop, **PORTAL, return_url=SITE), app.test_client()

    entered = client.get(path)
    page = client.get(entered.location)
    again = app.test_client().get(path)

    assert (entered.status_code, entered.location) == (303, "/account")
    assert "1,234" in page.text
    assert page.headers["Referrer-Policy"] == entered.headers["Referrer-Policy"] == "no-referrer"
    (cookie,) = entered.headers.getlist("Set-Cookie")
    assert cookie.startswith("token_bridge_account=")
    assert {"HttpOnly", "Path=/account", "SameSite=Lax", "Max-Age=7200"} <= set(cookie.split("; "))
    assert again.status_code == 410
    assert "already used" in again.text
    assert read(again).links["Back to 127.0.0.1"] == SITE
    token = path.partition("=")[2]
    assert token not in caplog.text
    # Only its hash is stored.
    assert token not in str(rows(database, "select * from passes"))


def test_pass_that_is_followed_twice_at_once_lets_one_in(app, shop):
    path, found = link(shop, **PORTAL), []
    barrier = threading.Barrier(6)

    def follow():
        client = app.test_client()
        barrier.wait()
        found.append(client.get(path).status_code)

    threads = [threading.Thread(target=follow) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(found) == [303, 410, 410, 410, 410, 410]


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_pass_lasts_a_minute_and_the_difference_of_two_clocks(app, shop):
    now = utcnow()
    for seconds, status in ((-59, 303), (-61, 410), (59, 303), (119, 303), (121, 410)):
        with time_machine.travel(now, tick=False):
            answer = make_pass(shop, **PORTAL)
            assert answer.json["expires_at"] == (now + timedelta(minutes=1)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        with time_machine.travel(now + timedelta(seconds=seconds), tick=False):
            found = app.test_client().get(answer.json["url"].removeprefix("http://127.0.0.1:8000"))
        assert found.status_code == status, seconds


def test_old_passes_and_sessions_are_deleted(app, shop, database):
    app.test_client().get(link(shop, **PORTAL))
    removed = []

    for hours in (23, 25):
        with database.transaction() as connection:
            removed.append(retention.steps(now=utcnow() + timedelta(hours=hours))["passes"](connection))

    assert removed == [0, 2]
    assert rows(database, "select * from passes") == rows(database, "select * from portal_sessions") == []


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_unknown_passes_take_no_write_lock(app, shop, database):
    with database.transaction():
        for page in ("/account", "/admin/pass", "/widget"):
            assert app.test_client().get(f"{page}?pass=unknown").status_code == 403


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_previews_do_not_use_a_pass_up(app, shop):
    path, client = link(shop, **PORTAL), app.test_client()
    previews = (
        client.head(path),
        client.get(path, headers={"Sec-Purpose": "prefetch;prerender"}),
        client.get(path, headers={"Sec-Fetch-Dest": "image"}),
        client.get(path, headers={"User-Agent": "Slackbot-LinkExpanding 1.0"}),
        client.get(path, headers={"User-Agent": "Mozilla/5.0 (compatible; SkypeUriPreview Preview/0.5)"}),
    )

    assert [(answer.status_code, answer.headers.getlist("Set-Cookie")) for answer in previews] == [(200, [])] * 5
    # A person who is taken for a program has a button.
    assert send(client, read(previews[-1]).form("/account/enter")).location == "/account"


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_pass_opens_its_own_page_only(app, shop):
    portal, widget, credits = link(shop, **PORTAL), link(shop, **PORTAL | {"for": "widget"}), link(shop, **CREDITS)
    paths = {path.partition("?")[0]: path.partition("=")[2] for path in (portal, widget, credits)}
    assert list(paths) == ["/account", "/widget", "/admin/pass"]

    for page in paths:
        for other, token in paths.items():
            if other != page:
                answer = app.test_client().get(f"{page}?pass={token}")
                assert answer.status_code == 403, (page, other)
                assert "does not work" in answer.text
        for altered in (paths[page][:-1], paths[page] + "a", "", "\u0000", "é"):
            assert app.test_client().get(page, query_string={"pass": altered}).status_code == 403


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"for": "portal"}, "user"),
        ({**PORTAL, "admin": ADMIN}, "user"),
        ({"user": {"id": 2}, "for": "credits"}, "for"),
        ({"admin": ADMIN, "for": "widget"}, "for"),
        ({"user": {"id": 2}, "for": "admin"}, "for"),
        ({"user": {"id": 2}}, "for"),
        ({**PORTAL, "access": "some"}, "access"),
        ({"admin": {**ADMIN, "role": "root"}, "for": "credits"}, "admin.role"),
        ({"admin": {**ADMIN, "email": "ann"}, "for": "credits"}, "admin.email"),
        *(
            ({**PORTAL, "return_url": url}, "return_url")
            for url in (
                "https://evil.example/",
                "//127.0.0.1:8980/",
                "/my-account/",
                "javascript:alert(1)",
                "http://127.0.0.1:8980@evil.example/",
                "http://a:b@127.0.0.1:8980/",
                "http://127.0.0.1:8980\\@evil.example/",
                "http://127.0.0.1:8980//evil.example",
                "http://127.0.0.1:8981/",
                "http://127.0.0.1:8980.evil.example/",
                "http://127.0.0.1:8980/\r\nSet-Cookie: a=b",
                "http://127.0.0.1:8980/" + 2000 * "a",
                "http://[::1/",
            )
        ),
    ],
)
def test_a_bad_request_names_its_field(shop, body, field):
    answer = make_pass(shop, **body)

    assert answer.status_code == 422
    assert [each["field"] for each in answer.json["errors"]] == [field]


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_way_back_may_lead_to_each_of_the_stores_own_sites(app, shop):
    put_user(shop, 2)
    put_user(shop, 3)
    for user, name in ((2, "bücher"), (3, "other")):
        site = {"url": f"https://{name}.example/blog", "name": name}
        assert shop.client.post(f"/v1/users/{user}/sites", json=site, headers=shop.headers).status_code == 201

    for url in (SITE, "https://127.0.0.1:8980?a=//b", "https://xn--bcher-kva.example/x", "https://WWW.Bücher.example."):
        assert make_pass(shop, **PORTAL, return_url=url).status_code == 201, url
    assert make_pass(shop, **PORTAL, return_url="https://other.example/").status_code == 422
    # Browsers tell a sharp s from two, and the two forms of a sigma: each name may have another owner.
    for name in ("fass", "straße", "σας"):
        site = {"url": f"https://{name}.example", "name": name}
        assert shop.client.post("/v1/users/2/sites", json=site, headers=shop.headers).status_code == 201
    for name in ("faß", "strasse", "σασ", "ΣΑΣ"):
        assert make_pass(shop, **PORTAL, return_url=f"https://{name}.example/").status_code == 422, name
    for url in ("https://straße.example/x", "https://xn--strae-oqa.example", "https://STRAẞE.example"):
        assert make_pass(shop, **PORTAL, return_url=url).status_code == 201, url
    assert frame_source("https://straße.example") == "https://xn--strae-oqa.example"
    assert frame_source("https://xn--strae-oqa.example") == "https://xn--strae-oqa.example"
    linked = shop.client.get("/v1/users/2/sites", headers=shop.headers).json["items"]
    site = next(one["id"] for one in linked if one["name"] == "bücher")
    shop.client.delete(f"/v1/sites/{site}", headers=shop.headers)
    assert make_pass(shop, **PORTAL, return_url="https://xn--bcher-kva.example/x").status_code == 422


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_passes_of_one_person_are_bounded_and_others_are_not_affected(shop):
    codes = [make_pass(shop, **PORTAL).status_code for _ in range(31)]
    refused = make_pass(shop, **PORTAL)

    assert codes == [201] * 30 + [429]
    assert (refused.json["code"], refused.headers["Retry-After"]) == ("too_many_passes", "60")
    assert make_pass(shop, user={"id": 3}, **{"for": "portal"}).status_code == 201
    with time_machine.travel(utcnow() + timedelta(seconds=61)):
        assert make_pass(shop, **PORTAL).status_code == 201


def test_pass_stores_the_profile_and_needs_a_stores_key(app, shop):
    link(shop, user={"id": 7, "email": "new@example.test", "roles": ["editor"]}, **{"for": "portal"})

    user = shop.client.get("/v1/users/7", headers=shop.headers).json
    assert (user["email"], user["roles"]) == ("new@example.test", ["editor"])
    site = shop.client.post("/v1/users/7/sites", json={"url": "https://a.example", "name": "A"}, headers=shop.headers)
    key = {"Authorization": f"Bearer {site.json['access_key']}"}
    answer = shop.client.post("/v1/passes", json=PORTAL, headers=key)
    assert (answer.status_code, answer.json["code"]) == (403, "store_key_required")


def test_admin_from_wordpress_sees_their_store_with_the_role_of_the_pass(app, shop, database):
    add_shop(app, "second")
    client = app.test_client()

    entered = client.get(link(shop, **CREDITS, return_url="http://127.0.0.1:8980/wp-admin/"))

    assert (entered.status_code, entered.location) == (303, "/admin/shop/credits")
    page = client.get(entered.location)
    assert page.status_code == 200
    assert read(page).links["Back to 127.0.0.1"] == "http://127.0.0.1:8980/wp-admin/"
    assert client.get("/admin/shop/credits/bulk").status_code == 200
    assert client.get("/admin/shop/admins").status_code == 403
    assert client.get("/admin/second/credits").status_code == 404
    assert client.get("/admin/admins").status_code == 403
    assert client.get("/admin/account").status_code == 403
    assert [row["role"] for row in rows(database, "select role from admin_roles")] == ["manager"]
    log = rows(
        database,
        "select actor from changes where subject = 'admin' and name = :name order by id",
        name="ann@example.test",
    )
    assert [row["actor"] for row in log] == ["WordPress", "ann@example.test"]
    assert try_sign_in(app.test_client(), ADMIN["email"]).status_code == 401


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("held", "asked", "may"),
    [(Role.VIEWER, "owner", Role.VIEWER), (Role.OWNER, "viewer", Role.VIEWER), (Role.OWNER, "owner", Role.OWNER)],
)
def test_pass_never_raises_the_role_of_an_admin(app, shop, database, held, asked, may):
    add_admin(app, ADMIN["email"], None, stores={shop.id: held})
    client = app.test_client()
    client.get(link(shop, admin=ADMIN | {"role": asked}, **{"for": "credits"}))

    assert client.get("/admin/shop/credits").status_code == 200
    assert client.get("/admin/shop/admins").status_code == (200 if may is Role.OWNER else 403)
    assert rows(database, "select role from admin_roles") == [{"role": held.value}]


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_pass_for_the_owner_of_everything_opens_one_store(app, shop, database):
    add_shop(app, "second")
    add_admin(app, ADMIN["email"], Role.OWNER)
    client = app.test_client()
    client.get(link(shop, admin=ADMIN | {"role": "owner"}, **{"for": "credits"}))

    assert client.get("/admin/shop/admins").status_code == 200
    assert client.get("/admin/second/credits").status_code == 404
    assert client.get("/admin/admins").status_code == 403
    assert client.get("/admin/connect").status_code == 403
    assert client.get("/admin/account").status_code == 403
    assert client.post("/admin/account/second-factor").status_code in {400, 403}
    assert rows(database, "select * from admin_roles") == []


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_role_that_is_lowered_or_removed_counts_at_once(app, shop, database):
    client = app.test_client()
    client.get(link(shop, admin=ADMIN | {"role": "owner"}, **{"for": "credits"}))
    assert client.get("/admin/shop/admins").status_code == 200

    with database.transaction() as connection:
        connection.exec_driver_sql("update admin_roles set role = 'viewer'")
    assert client.get("/admin/shop/admins").status_code == 403
    assert client.get("/admin/shop/credits").status_code == 200
    with database.transaction() as connection:
        connection.exec_driver_sql("delete from admin_roles")
    assert client.get("/admin/shop/credits").status_code == 404


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_session_of_a_pass_ends_after_eight_hours_even_if_it_is_used(app, shop):
    client, now = app.test_client(), utcnow()
    client.get(link(shop, **CREDITS))

    for hours in range(1, 8):
        with time_machine.travel(now + timedelta(hours=hours)):
            assert client.get("/admin/shop/credits").status_code == 200
    with time_machine.travel(now + timedelta(hours=8, seconds=1)):
        assert client.get("/admin/shop/credits").status_code == 303


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_browser_with_another_admin_asks_first(app, shop):
    client = sign_in(app)
    path = link(shop, **CREDITS)

    asked = client.get(path)

    assert asked.status_code == 200
    assert "You are signed in as owner@example.test" in asked.text
    assert "Continue as ann@example.test" in asked.text
    assert client.get("/admin/admins").status_code == 200
    form = read(asked).form("/admin/pass")
    assert client.post("/admin/pass", data={"pass": form.fields["pass"]}).status_code == 400
    assert send(client, form).location == "/admin/shop/credits"
    assert client.get("/admin/admins").status_code == 403


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_person_who_came_from_wordpress_can_be_invited_to_set_a_password(app, shop):
    app.test_client().get(link(shop, **CREDITS))
    owner = sign_in(app)

    forms = read(owner.get("/admin/shop/admins")).forms
    invite = next(form for form in forms if form.action.endswith("/admins"))
    page = send(owner, invite, email=ADMIN["email"], role="viewer")

    assert "/admin/invitations/" in page.text


def test_widget_pass_shows_the_widget_in_frames_of_the_stores_own_sites(app, shop):
    give(shop, 2, 55)
    site = {"url": "https://bücher.example:8443/blog", "name": "Blog"}
    shop.client.post("/v1/users/2/sites", json=site, headers=shop.headers)
    path, client = link(shop, **PORTAL | {"for": "widget"}, lang="fr-CA"), app.test_client()

    page = client.get(f"{path}&view=summary")

    assert page.status_code == 200
    assert '<html lang="fr" dir="ltr">' in page.text
    assert "token-bridge--summary" in page.text
    policy = page.headers["Content-Security-Policy"]
    assert policy.endswith("frame-ancestors http://127.0.0.1:8980 https://xn--bcher-kva.example:8443")
    assert "X-Frame-Options" not in page.headers
    assert page.headers["Cache-Control"] == "private, no-store"
    assert client.get(path).status_code == 200
    with time_machine.travel(utcnow() + timedelta(minutes=3)):
        assert client.get(path).status_code == 410
    unknown = client.get("/widget?pass=none")
    assert unknown.status_code == 403
    assert unknown.headers["Content-Security-Policy"].endswith("frame-ancestors 'none'")
