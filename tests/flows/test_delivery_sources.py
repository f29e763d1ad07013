"""Deliveries name the site that sends them: those of another site wait until the owner accepts it."""

from __future__ import annotations

import pytest

from bridge.services.stores import settings
from bridge.services.stores.settings import NewStore
from bridge.web.context import utcnow
from schedulers import jobs
from schedulers.context import JobContext
from tests.conftest import Shop
from tests.factories import balance_of, customer, deliver, line, order, product, put_package, put_user
from tests.support import ledger_sql
from tests.support.connected_shop import open_connected_shop
from tests.support.pages import read, send, sign_in

pytestmark = pytest.mark.one_engine

one_engine = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
STAGING = "https://staging.shop.example/"


@pytest.fixture
def shop(shop):
    """The recorded shop, with package 10 of 1000 tokens."""
    put_package(shop, 10, 1_000)
    put_user(shop, 2)
    return shop


@pytest.fixture(autouse=True)
def sound_ledger(database):
    yield
    assert ledger_sql.faults(database) == []


def retry(app):
    parts = app.extensions["bridge"]
    jobs.retry_deliveries(JobContext(parts.database, utcnow), shops=parts.shops)


def rows(database):
    return ledger_sql.rows(database, "select state, held_for from deliveries order by id")


@one_engine
@pytest.mark.parametrize(
    "source",
    [
        "http://127.0.0.1:8980/",
        "https://127.0.0.1:8980",
        "HTTP://127.0.0.1:8980/",
        "http://www.127.0.0.1:8980",
        "",
        " ",
    ],
)
def test_the_stores_own_site_is_written_in_many_ways(shop, source):
    deliver(shop, order(), source=source)

    assert balance_of(shop, 2) == 1_000


@one_engine
@pytest.mark.parametrize("url", ["https://täglich.example/läden", "https://xn--tglich-bua.example/l%C3%A4den"])
def test_international_name_of_the_stores_own_site_is_written_in_two_ways(app, url):
    parts = app.extensions["bridge"]
    wanted = NewStore("names", url, webhook_secret="secret")
    with parts.database.transaction() as connection:
        connected = settings.add_store(connection, wanted, vault_=parts.vault, actor="test", now=utcnow())
    shop = Shop(connected, app.test_client())
    put_package(shop, 10, 1_000)
    spellings = [
        "https://täglich.example/läden/",
        "https://xn--tglich-bua.example/l%c3%a4den/",
        "https://TÄGLICH.example./läden",
    ]

    for number, source in enumerate(
        [*spellings, "https://taeglich.example/läden", "https://täglich.example/"], start=1
    ):
        # As WordPress sends it: the bytes of UTF-8.
        deliver(shop, order(number), source=source.encode().decode("latin-1"))

    assert balance_of(shop, 2) == 3_000
    waiting = shop.client.get("/v1/store/sources", headers=shop.headers).json["waiting"]
    accepted = shop.client.post("/v1/store/sources", json={"url": waiting}, headers=shop.headers)
    assert accepted.json["released"] == 1
    retry(app)
    assert balance_of(shop, 2) == 4_000


@pytest.mark.both_engines
def test_delivery_of_another_site_waits_until_the_owner_accepts_it(shop, app, database):
    deliver(shop, order(), source=STAGING)
    deliver(shop, product(10, 5), "product.updated", source=STAGING)
    deliver(shop, customer(7, "eve@example.test"), "customer.updated", source=STAGING)
    deliver(shop, order(2), source="http://127.0.0.1:9999")
    retry(app)

    assert balance_of(shop, 2) == 0
    assert {row["held_for"] for row in rows(database)} == {"staging.shop.example", "127.0.0.1:9999"}
    assert shop.client.get("/v1/users/7", headers=shop.headers).status_code == 404
    found = shop.client.get("/v1/store/sources", headers=shop.headers).json
    assert found == {"accepted": [], "waiting": "127.0.0.1:9999"}
    accepted = shop.client.post("/v1/store/sources", json={"url": STAGING}, headers=shop.headers)
    assert (accepted.status_code, accepted.json["released"]) == (200, 3)
    retry(app)
    deliver(shop, order(3), source=STAGING)
    assert balance_of(shop, 2) == 2_000
    assert shop.client.get("/v1/users/7", headers=shop.headers).status_code == 200


@one_engine
def test_several_domains_of_one_shop_are_accepted(shop, app):
    domains = ["https://shop.example/", "https://shop.example.de/", "https://www.tokens.example/en/"]
    for number, source in enumerate(domains, start=1):
        deliver(shop, order(number), source=source)
    assert balance_of(shop, 2) == 0

    for count, source in enumerate(domains, start=1):
        assert shop.client.post("/v1/store/sources", json={"url": source}, headers=shop.headers).status_code == 200
        retry(app)
        assert balance_of(shop, 2) == count * 1_000
    for number, source in enumerate([*domains, "http://127.0.0.1:8980/"], start=4):
        deliver(shop, order(number), source=source)

    assert balance_of(shop, 2) == 7_000
    assert shop.client.get("/v1/store/sources", headers=shop.headers).json["waiting"] is None


@one_engine
def test_owner_accepts_a_site_on_the_connection_page(shop, app):
    admin = sign_in(app)
    deliver(shop, order(), source=STAGING)

    page = admin.get("/admin/shop/connection")
    done = send(admin, read(page).form("sources"))
    retry(app)

    assert "another site sends deliveries" in page.text
    assert done.status_code == 303
    assert balance_of(shop, 2) == 1_000
    assert "another site sends deliveries" not in admin.get("/admin/shop/connection").text


@one_engine
def test_with_rest_keys_the_shop_decides_about_deliveries_of_another_site(app, database):
    with open_connected_shop(app) as connected_shop:
        connected_shop.connect()
        put_package(connected_shop, 10, 1_000)
        connected_shop.later()
        number = connected_shop.sell()
        foreign = order(number, customer=9, lines=[line(quantity=50)])
        unknown = order(number + 1_000, customer=9)

        for document in (foreign, unknown):
            connected_shop.later()
            deliver(connected_shop, document, source=STAGING)

        assert connected_shop.balances() == {2: 1_000}
        assert [row["state"] for row in rows(database)] == ["processed", "ignored"]
