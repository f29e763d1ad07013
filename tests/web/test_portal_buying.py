"""Buying from the portal: links that lead to the checkout, plans to extend or upgrade, and a shop that is away."""

from datetime import timedelta

import pytest

from bridge.domain.shop.health import Stop
from bridge.storage.shop import sync_state
from bridge.web.context import utcnow
from tests.factories import deliver, line, order, product
from tests.support.pages import read
from tests.support.portal import SITE, enter

CHECKOUT = "http://127.0.0.1:8980/kasse/order-pay/1/?pay_for_order=true&key=wc_order_x"


def offer(shop, number, tokens, **more):
    document = product(number, tokens) | {"status": "publish", "purchasable": True, "price": "9"} | more
    assert deliver(shop, document, "product.updated").status_code == 200


def plan(shop, number, tokens, name):
    offer(shop, number, tokens, name=name)
    body = {"tokens": tokens, "plan": name, "months": 3}
    assert shop.client.put(f"/v1/packages/{number}", json=body, headers=shop.headers).status_code == 200


def buttons(page):
    """Return the links of offers by their names."""
    return {name: url for name, url in page.links.items() if ": " in name}


@pytest.mark.parametrize(
    ("payment_url", "page"),
    [
        (CHECKOUT, "http://127.0.0.1:8980/kasse/?"),
        ("https://127.0.0.1:8980/?page_id=8&order-pay=1", "http://127.0.0.1:8980/?page_id=8&"),
        ("http://elsewhere.example:8980/kasse/order-pay/1/", "http://127.0.0.1:8980/?"),
        ("http://127.0.0.1:8981/kasse/order-pay/1/", "http://127.0.0.1:8980/?"),
        (None, "http://127.0.0.1:8980/?"),
    ],
)
def test_link_leads_to_the_checkout_that_the_newest_order_stated(app, shop, payment_url, page):
    deliver(shop, order(1) | {"payment_url": payment_url})
    deliver(shop, {"id": 2}, "order.deleted")
    deliver(shop, order(3))
    offer(shop, 10, 600, name="Six")

    there = buttons(read(enter(app, shop).get("/account/buy")))
    back = buttons(read(enter(app, shop, return_url=f"{SITE}?a=1&b=2").get("/account/buy")))

    assert there == {"Add to cart: Six": f"{page}add-to-cart=10"}
    wanted = "token_bridge_return=http%3A%2F%2F127.0.0.1%3A8980%2Fmy-account%2F%3Fa%3D1%26b%3D2"
    assert back == {"Add to cart: Six": f"{page}add-to-cart=10&{wanted}"}


def test_plan_that_runs_is_extended_or_upgraded(app, shop):
    for number, tokens, name in ((12, 2000, "Studio"), (13, 9000, "Agency"), (14, 500, "Mini")):
        plan(shop, number, tokens, name)
    offer(shop, 10, 600, name="Package")
    assert set(buttons(read(enter(app, shop).get("/account/plan")))) == {
        *("Add to cart: Studio", "Add to cart: Agency", "Add to cart: Mini"),
    }
    bought = order(5, lines=[line(product=12, name="Studio")])
    bought["date_created_gmt"] = bought["date_modified_gmt"] = utcnow().replace(tzinfo=None, microsecond=0).isoformat()
    deliver(shop, bought | {"payment_url": CHECKOUT.replace("/1/", "/5/")})

    page = read(enter(app, shop).get("/account/plan"))

    assert buttons(page) == {
        "Add to cart: Mini": "http://127.0.0.1:8980/kasse/?add-to-cart=14",
        "Extend: Studio": "http://127.0.0.1:8980/kasse/?add-to-cart=12",
        "Upgrade: Agency": "http://127.0.0.1:8980/kasse/?add-to-cart=13",
    }
    assert "Extend or change your plan" in page.source


@pytest.mark.parametrize(
    ("code", "minutes", "is_said"),
    [
        ("shop_silent", 5, True),
        ("shop_in_maintenance", 5, True),
        ("shop_silent", 180, False),
        ("shop_refused", 5, False),
    ],
)
def test_buying_says_that_the_shop_does_not_answer(app, shop, database, code, minutes, is_said):
    since = utcnow() - timedelta(minutes=minutes)
    with database.transaction() as connection:
        stopped = {"poll": Stop(since, code, "no answer")}
        sync_state.change(connection, shop.connected.store.id, stopped=stopped)
    client = enter(app, shop)

    assert ("The shop does not answer at the moment." in client.get("/account/buy").text) is is_said
    assert client.get("/account").status_code == 200
