"""The Connection page describes each button, repeats what was found, and warns before anything is created."""

from __future__ import annotations

import html
import logging
import re

import pytest

from app import create_app
from bridge.runtime import Runtime
from bridge.services.ops import addresses
from bridge.services.shop import shop_keys
from bridge.storage.shop import sync_state
from bridge.web.context import utcnow
from fakeshop.rest.faults import Kind
from tests import factories
from tests.conftest import make_config
from tests.support import ledger_sql
from tests.support.connected_shop import open_connected_shop
from tests.support.pages import read, send, sign_in
from tests.support.shop_server import KEY, SECRET

pytestmark = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
PAGE = "/admin/shop/connection"


@pytest.fixture
def connected_shop(app, caplog):
    caplog.set_level(logging.CRITICAL)
    with open_connected_shop(app) as connected_shop:
        yield connected_shop


@pytest.fixture
def admin(connected_shop):
    return sign_in(connected_shop.app)


def steps(client):
    """Return each step's state, sentence and effect."""
    page = client.get(PAGE).text
    found = re.findall(r'step--(\w+)">.*?<h2>(.*?) <span.*?<p>(.*?)</p>\s*(.*?)</div>', page, re.DOTALL)
    return {title: (state, html.unescape(words + more)) for state, title, words, more in found}


def test_every_button_says_what_it_does_and_is_named_as_it_is_labelled(connected_shop, admin):
    connected_shop.connect(history="ask")

    page = admin.get(PAGE).text

    buttons = re.findall(r"<button([^>]*)>(.*?)</button>", page)
    assert {label for _, label in buttons} >= {
        "Check now",
        "Install webhooks",
        "Import products",
    }
    assert [attributes for attributes, _ in buttons if "aria-label" in attributes] == []
    for title, (state, words) in steps(admin).items():
        assert state == "waiting" or "step__effect" in words, title
    assert "creates 10 webhooks in the shop" in page
    for metaphor in ("anew", "Nobody", "whoever", "Look", "Read last"):
        assert metaphor not in page


def test_check_and_import_install_no_webhooks(connected_shop, admin):
    connected_shop.connect(history="ask")

    for part in ("look", "packages"):
        send(admin, read(admin.get(PAGE)).form(f"connection/{part}"))
        assert connected_shop.shop.webhooks == {}
    assert steps(admin)["Webhooks"][0] == "open"
    assert steps(admin)["The shop answers"][0] == "done"
    send(admin, read(admin.get(PAGE)).form("connection/webhooks"))
    connected_shop.shop.webhooks.popitem()
    send(admin, read(admin.get(PAGE)).form("connection/look"))

    assert len(connected_shop.shop.webhooks) == 10, "once installed, a check repairs them, as its sentence says"
    assert "recreates webhooks of this service" in steps(admin)["The shop answers"][1]


def test_shop_that_accepted_typed_keys_has_been_asked(connected_shop, admin):
    key = connected_shop.shop.add_key()
    form = read(admin.get("/admin/connect")).form("/admin/connect")
    pasted = {"consumer_key": f' "{key.consumer_key}"\u200b\n', "consumer_secret": f"\u00a0{key.consumer_secret} "}

    connected = send(admin, form, url=f" {connected_shop.served.url}/ ", way="keys", **pasted)

    assert connected.status_code == 303
    assert "Time zone: America/New_York, as set in the shop." in admin.get(PAGE).text
    assert steps(admin)["The shop answers"][0] == "done"
    (store,) = ledger_sql.rows(connected_shop.database, "select name, time_zone from stores")
    assert store == {"name": "Rig Store", "time_zone": connected_shop.shop.site.zone.key}


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ((SECRET, KEY), "swapped"),
        ((KEY, KEY), "consumer key was given as the consumer secret"),
        (("abcd efgh ijkl mnop qrst uvwx", SECRET), "application password"),
        ((KEY[3:], SECRET), "is missing its beginning ck_"),
    ],
)
def test_mix_up_of_typed_keys_is_named_and_the_old_ones_stay(connected_shop, admin, typed, words):
    connected_shop.connect()
    before = ledger_sql.rows(connected_shop.database, "select consumer_key from stores")
    form = read(admin.get(PAGE)).form("connection/keys")

    wrong = send(admin, form, consumer_key=typed[0], consumer_secret=typed[1])

    assert (wrong.status_code, words in read(wrong).alerts[0]) == (422, True)
    assert ledger_sql.rows(connected_shop.database, "select consumer_key from stores") == before


@pytest.mark.parametrize("has_keys", [True, False])
def test_products_are_to_be_imported_only_where_the_shop_can_be_read(connected_shop, admin, has_keys):
    connected_shop.connect(has_keys=has_keys)

    assert ("import the products, then set the tokens" in steps(admin)["Packages"][1]) is has_keys


def test_problem_that_is_over_is_not_shown(connected_shop, admin):
    connected_shop.connect(has_keys=False)
    send(admin, read(admin.get(PAGE)).form("connection/look"))
    assert "no API keys yet" in admin.get(PAGE).text
    assert "no product of the shop grants tokens" in admin.get(PAGE).text

    factories.put_package(connected_shop, 10, 1000)

    page = admin.get(PAGE).text
    assert "1 product grants tokens" in page
    assert "no product of the shop grants tokens" not in page


def test_problem_that_an_earlier_version_stored_is_named_until_the_next_check(connected_shop, admin):
    """It stored a key and a sentence, and no parameters."""
    connected_shop.connect()
    stored = ["clock", "webhook_missing order.created", "of_tomorrow"]
    with connected_shop.database.transaction() as connection:
        sync_state.change(connection, connected_shop.store.id, faults=stored, looked_at=connected_shop.now)

    page = admin.get(PAGE).text

    assert [name in page for name in ("clock.", "webhook missing.", "of tomorrow.")] == [True, True, True]
    send(admin, read(admin.get(PAGE)).form("connection/look"))
    assert "of tomorrow" not in admin.get(PAGE).text


def test_problem_of_the_old_keys_is_not_shown_once_there_are_new_ones(connected_shop, admin):
    connected_shop.connect()
    connected_shop.shop.keys.clear()
    send(admin, read(admin.get(PAGE)).form("connection/look"))
    assert steps(admin)["The shop answers"][0] == "wrong"
    with connected_shop.database.transaction() as connection:
        sync_state.change(connection, connected_shop.connected.store.id, looked_at=None)

    assert steps(admin)["The shop answers"][0] == "open"
    assert "cannot be read" not in admin.get(PAGE).text


def test_all_done_leads_on(connected_shop, admin):
    connected_shop.connect(history="skip").listen()
    factories.put_package(connected_shop, 10, 1000)
    connected_shop.sell()
    connected_shop.shop.run_queue()
    send(admin, read(admin.get(PAGE)).form("connection/look"))

    page = admin.get(PAGE)

    assert "7 of 7 done" in page.text
    assert "The shop is connected. Next:" in page.text
    assert {"Credits page", "Packages page", "API description"} <= set(read(page).links)
    assert "may not arrive" not in page.text, "a delivery arrived"


def test_key_of_another_store_is_named(connected_shop, admin):
    connected_shop.connect()
    factories.add_shop(connected_shop.app, "second")
    key = next(iter(connected_shop.shop.keys.values()))
    connected_shop.app.test_cli_runner().invoke(
        args=["stores", "move", "second", "--url", "http://127.0.0.1:1", "--force"]
    )
    form = read(admin.get("/admin/second/connection")).form("connection/keys")

    refused = send(admin, form, consumer_key=key.consumer_key, consumer_secret=key.consumer_secret)

    assert refused.status_code == 422
    assert "This is the key of the store shop." in read(refused).alerts[0]


def test_webhooks_no_shop_reaches_are_created_only_when_confirmed(database_url):
    app = create_app(make_config(database_url, public_url="http://10.0.0.7", is_public_url_set=True))
    connected, _ = factories.add_shop(app, "shop")
    parts: Runtime = app.extensions["bridge"]
    with parts.database.transaction() as connection:
        shop_keys.set_keys(
            connection,
            connected.store,
            consumer_key="ck_1",
            consumer_secret="cs_1",
            vault_=parts.vault,
            actor="test",
            now=utcnow(),
        )
    client = sign_in(app)
    page = client.get(PAGE)
    form = read(page).form("connection/webhooks")
    del form.fields["confirm"]

    refused = send(client, form)
    confirmed = send(client, form, confirm="1")

    app.extensions["bridge"].group_commit.close()
    app.extensions["bridge"].database.close()
    assert "The shop’s deliveries may not arrive: 10.0.0.7 is an address in a private network" in page.text
    assert 'name="confirm"' in page.text
    assert (refused.status_code, "Nothing was created" in read(refused).alerts[0]) == (422, True)
    assert confirmed.status_code == 303


def test_address_of_another_running_service_is_reported(connected_shop, admin):
    connected_shop.connect()
    parts: Runtime = connected_shop.app.extensions["bridge"]
    with parts.database.transaction() as connection:
        addresses.record(connection, "https://bridge.example.com", now=utcnow())

    page = admin.get(PAGE).text

    assert "the running service recorded https://bridge.example.com" in page


def test_shop_that_is_down_is_connected_with_a_word_on_its_zone(connected_shop, admin):
    connected_shop.served.faults.add(Kind.ERROR_PAGE, times=None)
    form = read(admin.get("/admin/connect")).form("/admin/connect")

    page = send(admin, form, url=connected_shop.served.url, way="ask")

    assert page.status_code == 200
    assert "Time zone: UTC, because the shop could not be reached." in page.text


def test_store_without_keys_offers_only_what_works_without_them(database_url):
    app = create_app(make_config(database_url, public_url="http://10.0.0.7", is_public_url_set=True))
    factories.add_shop(app, "shop")
    client = sign_in(app)

    page, found = client.get(PAGE).text, steps(client)

    app.extensions["bridge"].group_commit.close()
    app.extensions["bridge"].database.close()
    labels = set(re.findall(r"<button[^>]*>(.*?)</button>", page))
    assert not labels & {"Get keys from the shop", "Install webhooks", "Import products"}
    for title, (_, words) in found.items():
        assert not re.search(r"step__effect\">(Get keys|Install webhooks|Import products)", words), title
    assert "Enter the keys by hand, below." in found["API keys"][1]
    assert '<details class="more" open>' in page, "the form that is named is open"
