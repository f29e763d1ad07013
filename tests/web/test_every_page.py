"""Every page is reachable in every state: no link is dead, no form leads nowhere, no response is 5xx."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from app import create_app
from bridge.runtime import Runtime
from bridge.services.ops import store_removal
from bridge.web.context import utcnow
from fakeshop.rest.faults import Kind
from tests import factories
from tests.conftest import make_config
from tests.support.approving import deny
from tests.support.connected_shop import open_connected_shop
from tests.support.crawling import Crawler
from tests.support.pages import EMAIL, PASSWORD, add_owner, read, send, sign_in
from tests.support.webhook_failures import delete

pytestmark = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)


@pytest.fixture
def connected_shop(app, caplog):
    caplog.set_level(logging.CRITICAL)
    with open_connected_shop(app) as connected_shop:
        yield connected_shop


def nothing(connected_shop):
    """Start with no store at all."""


def new(connected_shop):
    """Connect a shop whose owner has not decided about past orders."""
    connected_shop.connect(history="ask")


def keyless(connected_shop):
    """Connect a shop without keys."""
    connected_shop.connect(has_keys=False, history="ask")


def key_that_only_reads(connected_shop):
    """Use a key without the right to write."""
    connected_shop.connect(permissions="read").watch()


def no_webhooks(connected_shop):
    """Delete the webhooks of a shop with keys."""
    connected_shop.connect().listen()
    connected_shop.shop.webhooks.clear()


def broken_webhooks(connected_shop):
    """Delete one webhook and disable another."""
    connected_shop.connect().listen()
    delete(connected_shop)
    next(iter(connected_shop.shop.webhooks.values())).status = "disabled"


def down(connected_shop):
    """Let the shop answer with an error page only."""
    connected_shop.connect(history="ask").listen()
    connected_shop.served.faults.add(Kind.ERROR_PAGE, times=None)
    connected_shop.watch()


def refused(connected_shop):
    """Revoke the keys in the shop."""
    connected_shop.connect()
    connected_shop.shop.keys.clear()
    connected_shop.watch()


def exceptions(connected_shop):
    """Add orders of unknown users, of unknown products, and refunds of no line."""
    connected_shop.connect(has_keys=False)
    factories.put_package(connected_shop, 10, 1000)
    for number in range(1, 60):
        factories.deliver(connected_shop, factories.order(number, customer=0))
    factories.deliver(connected_shop, factories.order(100, lines=[factories.line(1, 0), factories.line(2, 77)]))
    factories.deliver(connected_shop, factories.order(101, total="10.00", refunds=["-5.00"]))


def many_rows(connected_shop):
    """Add thousands of users, a few of them with everything."""
    connected_shop.connect(has_keys=False)
    users = [(f"user {number}", number) for number in range(1000, 4000)]
    with connected_shop.database.transaction() as connection:
        for name, number in users:
            connection.exec_driver_sql(
                "insert into accounts (id, store_id, user_id, name, name_key, roles, created_at, updated_at)"
                f" values ({number}, {connected_shop.connected.store.id}, {number}, '{name}', '{name}', '[]', 0, 0)"
            )
    factories.put_package(connected_shop, 10, 1000)
    factories.deliver(connected_shop, factories.order(1))
    factories.give(connected_shop, 2000, 50)
    factories.spend(connected_shop, 2000, 5)


def two_stores(connected_shop):
    """Add a second store."""
    connected_shop.connect()
    factories.add_shop(connected_shop.app, "second")


def renamed(connected_shop):
    """Rename the store."""
    connected_shop.connect()
    connected_shop.app.test_cli_runner().invoke(args=["stores", "rename", "shop", "boutique"])


def removed(connected_shop):
    """Remove a store beside one that stays."""
    connected_shop.connect()
    other, _ = factories.add_shop(connected_shop.app, "second")
    parts: Runtime = connected_shop.app.extensions["bridge"]
    file = parts.config.database_url.removeprefix("sqlite:///") + ".json"
    store_removal.begin(connected_shop.database, other.store, Path(file), vault_=parts.vault, now=utcnow)


STATES = [
    *(nothing, new, keyless, key_that_only_reads, no_webhooks, broken_webhooks, down, refused, exceptions),
    *(many_rows, two_stores, renamed, removed),
]


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.__name__)
def test_every_link_and_form_leads_somewhere(connected_shop, state):
    state(connected_shop)
    client = sign_in(connected_shop.app)

    crawler = Crawler(client).crawl("/admin", "/admin/stores", "/admin/connect", "/v1/docs", "/admin/shop/credits")

    wrong = [fault for fault in crawler.faults if state is not nothing or "/admin/shop/" not in fault]
    if state is renamed or state is removed:
        wrong = [fault for fault in wrong if "second" not in fault]
    assert wrong == []
    assert len(crawler.pages) > (2 if state is nothing else 6)
    assert len(crawler.sent) > 1


@pytest.mark.parametrize("state", [nothing, new, exceptions], ids=lambda state: state.__name__)
def test_signed_out_visitor_is_sent_to_the_sign_in(connected_shop, state):
    state(connected_shop)
    paths = ("/admin/stores", "/admin/connect", "/admin/shop/connection", "/admin/shop/credits")

    crawler = Crawler(connected_shop.app.test_client()).crawl("/admin", "/v1/docs", "/admin/shop/exceptions", *paths)

    assert crawler.faults == []


@pytest.mark.parametrize("success", ["0", "1"])
def test_owner_who_was_asked_for_new_keys_and_denies_sees_a_message(connected_shop, success):
    connected_shop.connect()
    client = sign_in(connected_shop.app)
    there = send(client, read(client.get("/admin/shop/connection")).form("connection/ask"))
    back = deny(read(there).links["Continue to the shop"]).partition("://")[2].partition("/")[2]

    page = client.get("/" + back.replace("success=0", f"success={success}"))

    assert page.status_code == 200
    assert read(page).links["Try again"] == "/admin/shop/connection"
    assert "Connection" in read(page).links


PREFIX = "/in/bridge"


@pytest.mark.parametrize("keeps_path", [True, False], ids=["path kept", "path stripped"])
def test_every_page_works_below_the_path_of_the_public_url(database_url, keeps_path):
    """A proxy may pass requests on with the path of the public URL, or without it."""
    app = create_app(make_config(database_url, public_url=f"http://127.0.0.1:8000{PREFIX}"))
    wsgi = app.wsgi_app

    def proxied(environ, start_response):
        if not environ["PATH_INFO"].startswith(f"{PREFIX}/"):
            start_response("404 Not Found", [])
            return [b"nothing here"]
        if not keeps_path:
            environ["PATH_INFO"] = environ["PATH_INFO"].removeprefix(PREFIX)
        return wsgi(environ, start_response)

    app.wsgi_app = proxied
    try:
        _check_below(app)
    finally:
        app.extensions["bridge"].group_commit.close()
        app.extensions["bridge"].database.close()


def _check_below(app):
    _, headers = factories.add_shop(app, "shop")
    add_owner(app)
    client = app.test_client()
    asked = client.get(f"{PREFIX}/admin/shop/credits?q=a")
    assert asked.location == f"{PREFIX}/admin?next=/admin/shop/credits?q%3Da"
    form = read(client.get(asked.location)).form("sign-in")
    assert form.action == f"{PREFIX}/admin/sign-in"
    answer = send(client, form, email=EMAIL, password=PASSWORD)
    assert answer.location == f"{PREFIX}/admin/shop/credits?q=a"
    assert all(f"Path={PREFIX}" in cookie for cookie in answer.headers.getlist("Set-Cookie"))
    widget = client.get(f"{PREFIX}/v1/widget?user_id=1", headers=headers)
    assert widget.status_code in {200, 404}

    crawler = Crawler(client, below=PREFIX).crawl(f"{PREFIX}/admin", f"{PREFIX}/admin/stores", f"{PREFIX}/v1/docs")

    assert crawler.faults == []
    assert len(crawler.pages) > 6
    document = client.get(f"{PREFIX}/v1/openapi.json").json
    assert document["servers"][0]["url"].endswith(PREFIX)
    assert client.get(f"{PREFIX}/healthz").status_code == 200

    body = b'{"id": 1}'
    delivered = client.post(
        f"{PREFIX}/webhooks/woocommerce/shop",
        data=body,
        headers=factories.delivery_headers(body, "order.updated", secret="secret-of-shop"),
    )
    assert delivered.status_code == 200
