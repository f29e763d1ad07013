"""The pages of the portal: what they show is what the API says, and files have the same totals."""

from datetime import timedelta

import pytest
import time_machine

from bridge.web.context import utcnow
from tests.factories import deliver, give, line, order, product, put_package, put_user, spend, state_of
from tests.support.pages import read
from tests.support.portal import SITE, enter, table

one_engine = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)


def test_overview_shows_what_the_api_says(app, shop):
    shop.client.put("/v1/store", json={"purchase_url": SITE, "low_balance": 500}, headers=shop.headers)
    shop.client.put("/v1/limits/chat", json={"period": "daily", "rules": {"user": 100}}, headers=shop.headers)
    put_user(shop, 2, name="Ada <1>", email="ada@example.test")
    put_user(shop, 3, email="ada@example.test")
    put_package(shop, 10, 600)
    give(shop, 2, 1200)
    spend(shop, 2, 720)
    shop.client.post(
        "/v1/holds",
        json={"user": {"id": 2}, "module": "chat", "tokens": 100},
        headers=shop.headers | {"Idempotency-Key": "hold"},
    )
    deliver(shop, order(7, customer=0, email="ada@example.test"))

    page = enter(app, shop).get("/account").text

    known = state_of(shop, 2)
    assert known == {"balance": 480, "held": 100, "available": 380, "debt": 0}
    assert '<p class="balance__number">480 <span' in page
    assert "100 of them set aside for work in progress, 380 available" in page
    assert "Only a few tokens are left" in page
    assert "Paid tokens are used first, then the free allowance." in page
    assert "1 paid order waits for the shop to confirm whose it is. (600 tokens)" in page
    assert "Ada &lt;1&gt;" in page
    assert "0 of 100 used" in page
    assert "Used: Chat" in page
    assert "a gift" not in page


def test_usage_is_listed_by_day_and_its_file_has_the_same_totals(app, shop):
    give(shop, 2, 100_000)
    now = utcnow()
    for days, tokens, source in ((40, 7, "=cmd()"), (3, 30, "page"), (3, 12, "=cmd()"), (0, 5, "page")):
        with time_machine.travel(now - timedelta(days=days)):
            assert spend(shop, 2, tokens, source=source).status_code == 201
    spend(shop, 3, 999)
    client = enter(app, shop, lang="de")

    month, quarter = client.get("/account/usage"), client.get("/account/usage?days=90")
    chosen = client.get("/account/usage?days=90&source=%3Dcmd()")

    assert ">47 Token</p>" in month.text
    assert month.text.count('<details class="day"') == 2
    assert ">54 Token</p>" in quarter.text
    assert ">19 Token</p>" in chosen.text
    file = client.get(read(chosen).links["Als CSV herunterladen"])
    rows = table(file)
    assert file.headers["Content-Disposition"].endswith('-90.csv"')
    head = dict(row[:2] for row in rows[:6])
    assert (head["Integration"], head["Modul"]) == ("'=cmd()", "Alle")
    assert rows[2][2] == "America/New York"
    assert [row[4] for row in rows[8:-1]] == ["'=cmd()", "'=cmd()"]
    assert rows[-1] == ["Summe", "", "", "", "", "2", "19"]
    assert client.get("/account/usage?days=31").status_code == 422
    assert client.get("/account/usage?before=soon").status_code == 422


@one_engine
def test_long_usage_is_shown_in_pages_of_days(app, shop, database):
    put_user(shop, 2)
    first = utcnow().astimezone(shop.connected.store.calendar.zone).date()
    with database.transaction() as connection:
        account = connection.exec_driver_sql("select id from accounts").scalar_one()
        for days in range(130):
            on = (first - timedelta(days=days)).isoformat()
            connection.exec_driver_sql(
                "insert into usage_days (account_id, day, module, operation, site_id, source, units, tokens)"
                f" values ({account}, '{on}', 'chat', '', 0, '', 1, 2)"
            )
    client, seen, url = enter(app, shop), [], "/account/usage?days=365"

    while url:
        page = read(client.get(url))
        seen += [values["datetime"] for tag, values in page.tags if tag == "time"]
        url = page.links.get("Older")

    assert seen == sorted(seen, reverse=True)
    assert len(seen) == len(set(seen)) == 130


def test_transactions_are_the_ledger_in_pages(app, shop):
    put_package(shop, 10, 600)
    deliver(shop, order(7) | {"number": "INV-7"})
    for _ in range(55):
        spend(shop, 2, 1)
    client, seen, url = enter(app, shop), [], "/account/transactions"

    while url:
        page = read(client.get(url))
        seen += page.rows
        url = page.links.get("Older")

    assert len(seen) == 56
    assert [row[3] for row in seen[:2]] == ["545", "546"]
    assert seen[-1][1:] == ["Purchase, order INV-7", "+600", "600"]
    rows = table(client.get("/account/transactions/file.csv"))
    assert len(rows) == 56 + 4
    assert rows[-1][1:] == ["Purchase, order INV-7", "600", "600", "0"]
    assert client.get("/account/transactions?before=en_nothing").status_code == 422


def test_purchases_show_what_is_left_of_each(app, shop):
    put_package(shop, 10, 600)
    for number in (1, 2, 3):
        deliver(shop, order(number, at=number, lines=[line(name="=Tokens <b>")]))
    deliver(shop, order(3, "refunded", at=9, lines=[line(name="=Tokens <b>")]))
    spend(shop, 2, 700)
    client = enter(app, shop, lang="fr")

    page = client.get("/account/purchases").text
    rows = table(client.get("/account/purchases/file.csv"))

    assert page.index("Commande 3") < page.index("600 remboursés") < page.index("Commande 2")
    assert page.index("500 restants" if "500 restants" in page else "500") > page.index("Commande 2")
    assert page.index("Tout est utilisé") > page.index("Commande 1")
    assert "10,00\u00a0$US" in page
    assert [row[0] for row in rows[4:]] == ["3", "2", "1"]
    assert [row[2:] for row in rows[4:]] == [
        ["'=Tokens <b> × 1", "10,00", "USD", "600", "600", "0"],
        ["'=Tokens <b> × 1", "10,00", "USD", "600", "0", "500"],
        ["'=Tokens <b> × 1", "10,00", "USD", "600", "0", "0"],
    ]


def test_packages_have_the_price_that_the_shop_stated(app, shop):
    def announce(number, tokens, **more):
        document = product(number, tokens, parent=more.pop("parent", 0)) | {"status": "publish"} | more
        assert deliver(shop, document, "product.updated").status_code == 200

    deliver(shop, order(1))
    announce(10, 600, price="9.5", name="Six <hundred>", purchasable=True)
    announce(11, 50, price="", purchasable=True)
    announce(12, 70, price="1", status="draft")
    announce(13, 80, price="1", purchasable=False)
    announce(15, 900, price="20", parent=14)
    client = enter(app, shop, access="partial")

    page = read(client.get("/account/buy"))

    offers = {name: url for name, url in page.links.items() if name.startswith("Add to cart")}
    assert list(offers.values()) == [f"http://127.0.0.1:8980/?add-to-cart={number}" for number in (11, 10, 15)]
    assert "Add to cart: Six <hundred>" in offers
    assert "US$9.50" in page.source
    assert page.source.count("offer__price") == 2
    announce(10, 600, price="11", name="Six <hundred>", purchasable=True)
    assert "US$11.00" in client.get("/account/buy").text


@one_engine
def test_shop_without_packages_sends_buyers_to_its_own_page(app, shop, database):
    client = enter(app, shop)
    with database.transaction() as connection:
        connection.exec_driver_sql("update stores set purchase_url = '', config_version = config_version + 1")
    assert "Nothing is for sale at the moment." in client.get("/account/buy").text
    assert "Buy tokens</a>" not in read(client.get("/account")).source.partition("<main")[2]

    shop.client.put("/v1/store", json={"purchase_url": SITE}, headers=shop.headers)

    assert read(client.get("/account/buy")).links["See them in the shop"] == SITE
    assert 'href="/account/buy">Buy tokens</a>' in client.get("/account").text.partition("<main")[2]


def test_plan_shows_its_month_its_renewal_and_its_end(app, shop):
    plan = {"tokens": 2000, "plan": "Studio", "months": 3}
    shop.client.put("/v1/packages/12", json=plan, headers=shop.headers)
    now = utcnow()
    bought = order(5, lines=[line(product=12, name="Studio")])
    bought["date_created_gmt"] = bought["date_modified_gmt"] = now.replace(tzinfo=None, microsecond=0).isoformat()
    deliver(shop, bought)
    spend(shop, 2, 500)
    client = enter(app, shop)

    page = client.get("/account/plan").text

    assert "500 of 2,000 used" in page
    assert "2,000 a month, for 3 months" in page
    assert page.count("<dd>") == 4
    assert "You have no plan" in enter(app, shop, user=3).get("/account/plan").text
    with time_machine.travel(now + timedelta(days=75)):
        last = enter(app, shop).get("/account/plan").text
        assert "None: this is the last month" in last
    with time_machine.travel(now + timedelta(days=120)):
        over = enter(app, shop).get("/account/plan").text
        assert "You have no plan" in over
        assert "Bought so far" in over
