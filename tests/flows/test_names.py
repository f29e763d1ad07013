"""Names with HTML entities from a shop are decoded once and shown as text."""

from __future__ import annotations

import pytest

from tests import factories
from tests.support import ledger_sql
from tests.support.connected_shop import SECRET, open_connected_shop
from tests.support.pages import sign_in
from tests.support.shop_server import Reply, shop_serving

pytestmark = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)


def test_names_of_users_and_products_are_decoded_once(app, shop, database):
    factories.deliver(
        shop,
        factories.product(10, 1000) | {"name": "Tokens &amp; Credits &amp;amp; &lt;b&gt;"},
        topic="product.updated",
    )
    person = {"first_name": "Ann &amp; Lee", "last_name": "O&#039;Neil", "email": "a@example.test"}
    factories.deliver(shop, factories.customer(2, "a@example.test") | person, topic="customer.updated")
    lines = [factories.line(1, name="Tokens &amp; Credits"), factories.line(2, 0, name="R&amp;D &quot;mug&quot;")]
    factories.deliver(shop, factories.order(1, lines=lines) | {"billing": person})

    (package,) = ledger_sql.rows(database, "select name from packages")
    (account,) = ledger_sql.rows(database, "select name from accounts")
    found = [row["name"] for row in ledger_sql.rows(database, "select name from order_lines order by line_id")]

    assert package["name"] == "Tokens & Credits &amp; <b>"
    assert account["name"] == "Ann & Lee O'Neil"
    assert found == ["Tokens & Credits", 'R&D "mug"']
    page = sign_in(app).get("/admin/shop/credits").text
    assert "Ann &amp; Lee O&#39;Neil" in page
    assert "&amp;amp;" not in page


def test_products_read_by_rest_are_decoded_too(app):
    with open_connected_shop(app) as connected_shop:
        connected_shop.connect()
        connected_shop.shop.products[10].name = "Tokens &amp; Credits"

        app.test_cli_runner().invoke(args=["packages", "import", "shop"])

        names = {row["name"] for row in ledger_sql.rows(connected_shop.database, "select name from packages")}
        assert "Tokens & Credits" in names


def test_name_and_zone_come_from_the_shop(app):
    run = app.test_cli_runner()
    site = {"name": "O&#039;Neil &amp; Sons", "timezone_string": "", "gmt_offset": 5.5, "namespaces": ["wc/v3"]}
    with shop_serving() as shop:
        shop.answer = lambda asked: Reply(site if "rest_route" in asked.target else b"<html>")

        outcome = run.invoke(args=["stores", "add", "shop", "--url", shop.url])
        given = run.invoke(args=["stores", "add", "other", "--url", "http://127.0.0.1:1", "--name", "A &lt;b&gt;"])

    assert (outcome.exit_code, given.exit_code) == (0, 0)
    assert outcome.stdout.startswith("O'Neil & Sons is connected as shop.")
    assert "Time zone: +05:30, as set in the shop." in outcome.stdout
    assert "API version v3" in outcome.stdout
    assert (
        outcome.stdout.count("\n  order.")
        + outcome.stdout.count("\n  product.")
        + outcome.stdout.count("\n  customer.")
        == 10
    )
    assert "Time zone: UTC, because the shop could not be reached." in given.stdout
    rows = ledger_sql.rows(app.extensions["bridge"].database, "select name, time_zone from stores order by id")
    assert rows == [{"name": "O'Neil & Sons", "time_zone": "+05:30"}, {"name": "A <b>", "time_zone": "UTC"}]
    assert sign_in(app).get("/admin/shop/connection").text.count("UTC+05:30") == 1


def test_delivery_signed_with_the_consumer_secret_names_the_mix_up(app):
    with open_connected_shop(app) as connected_shop:
        connected_shop.connect()
        secret = next(iter(connected_shop.shop.keys.values())).consumer_secret
        body = b'{"id": 1}'

        def deliver(signed_with):
            headers = factories.delivery_headers(body, "order.updated", secret=signed_with)
            return connected_shop.client.post("/webhooks/woocommerce/shop", data=body, headers=headers)

        mixed, wrong = deliver(secret), deliver("x")

        page = sign_in(app).get("/admin/shop/connection").text
        outcome = app.test_cli_runner().invoke(args=["stores", "check", "shop"]).output
        good = deliver(SECRET)
        after = app.test_cli_runner().invoke(args=["stores", "check", "shop"]).output

    assert (mixed.status_code, wrong.status_code) == (401, 401)
    assert "signed with the REST key's consumer secret" in mixed.json["detail"]
    assert "the shop signs its deliveries with the REST key&#39;s consumer secret" in page
    assert "FAULT the shop signs its deliveries with the REST key's consumer secret" in outcome
    assert (good.status_code, "consumer secret" in after) == (200, False)
    assert "consumer" not in wrong.json["detail"]
    assert secret not in mixed.text
