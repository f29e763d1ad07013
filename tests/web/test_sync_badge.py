"""The badge of orders: in sync, warning, mismatch, outdated or not compared, wherever an order is shown."""

from __future__ import annotations

import html
import re

import pytest

from bridge.domain.orders.comparing import Compared, Comparison, Difference, SyncState
from bridge.storage.orders import comparisons
from bridge.web.admin import sync_view
from tests.factories import NOON, add_shop, deliver, order, put_package
from tests.support.pages import read, sign_in

MISMATCH = (Difference(Compared.TOKENS, "300000", "100000", 1), Difference(Compared.CUSTOMER, "0", "2"))
STORED = {
    1: Comparison(SyncState.IN_SYNC, NOON),
    2: Comparison(SyncState.WARNING, NOON, (Difference(Compared.STATUS, "processing", "completed"),)),
    3: Comparison(SyncState.MISMATCH, NOON, MISMATCH),
    4: Comparison(None, NOON),
}
BADGES = ["Not compared", "Changed since", "Mismatch", "Warning", "In sync"]


@pytest.fixture
def admin(app, shop, database):
    """Return an owner's client, and five orders of which four were compared."""
    put_package(shop, 10, 1000)
    for number in range(1, 6):
        deliver(shop, order(number))
    with database.transaction() as connection:
        comparisons.put(connection, shop.id, STORED.items())
    return sign_in(app)


def words(answer):
    assert answer.status_code == 200
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", answer.text)).split())


@pytest.mark.parametrize("path", ["credits/2", "credits/2/purchases", "deliveries"])
def test_badge_opens_to_the_values_that_differ(admin, path):
    answer = admin.get(f"/admin/shop/{path}")

    assert re.findall(r'<summary aria-label="Order \d: ([^"]*)">', answer.text) == BADGES
    text = words(answer)
    assert "Tokens of line 1 shop 300,000 here 100,000" in text
    assert "Customer shop guest here user 2" in text
    assert "Status shop processing here completed" in text
    assert text.count("Compared 20 Nov 2026, 07:00 .") == 4


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_order_and_delivery_show_the_comparison(admin):
    assert "Mismatch The tokens granted are not those" in words(admin.get("/admin/shop/packages/preview?order=3"))
    newest = re.search(r'"(/admin/shop/deliveries/\d+)"', admin.get("/admin/shop/deliveries").text)
    assert "Order and shop Not compared" in words(admin.get(newest[1]))


def test_differing_orders_are_listed_in_pages_and_checked_again(admin, monkeypatch):
    monkeypatch.setattr(sync_view, "PAGE", 1)

    first = admin.get("/admin/shop/comparison")
    second = admin.get(read(first).links["Older"])

    assert [row[0] for row in read(first).rows] == ["3"]
    assert [row[0] for row in read(second).rows] == ["2"]
    assert "Older" not in read(second).links
    assert read(first).form("exceptions/3/check").action == "/admin/shop/exceptions/3/check"


def test_api_returns_the_comparison_and_lists_differing_orders(app, shop, admin):
    def get(path, headers=shop.headers):
        answer = shop.client.get(path, headers=headers)
        assert answer.status_code == 200, answer.text
        return answer.json

    found = {number: get(f"/v1/orders/{number}")["sync"] for number in range(1, 6)}
    assert {number: sync and sync["state"] for number, sync in found.items()} == {
        1: "in_sync",
        2: "warning",
        3: "mismatch",
        4: None,
        5: None,
    }
    assert found[5] is None
    assert found[3]["compared_at"] == "2026-11-20T12:00:00.000000Z"
    assert found[3]["differences"] == [
        {"field": "tokens", "line": 1, "shop": "300000", "stored": "100000"},
        {"field": "customer", "line": None, "shop": "0", "stored": "2"},
    ]

    first = get("/v1/orders/differing?limit=1")
    assert [(item["id"], item["sync"]) for item in first["items"]] == [(3, found[3])]
    second = get(f"/v1/orders/differing?limit=1&cursor={first['next']}")
    assert [(item["id"], item["status"]) for item in second["items"]] == [(2, "completed")]
    assert second["next"] is None
    _, other = add_shop(app, "other")
    assert get("/v1/orders/differing", other)["items"] == []
    assert shop.client.get("/v1/orders/differing?cursor=x", headers=shop.headers).status_code == 422


def test_store_shows_the_worst_state_of_its_orders_and_nothing_of_another_store(app, admin, database, shop):
    add_shop(app, "other")

    def shown():
        return re.findall(r"orders ([^\"]*)\"|badge--quiet\">(Not compared)", admin.get("/admin/stores").text)

    assert shown() == [("1 mismatch", ""), ("", "Not compared")]
    with database.transaction() as connection:
        comparisons.put(connection, shop.id, [(3, STORED[2])])
    assert shown()[0] == ("2 warnings", "")
    with database.transaction() as connection:
        comparisons.put(connection, shop.id, [(2, STORED[1]), (3, STORED[1])])
    assert shown()[0] == ("In sync", "")
    assert "No order differs" in admin.get("/admin/shop/comparison").text
    assert "Nothing was compared yet" in admin.get("/admin/other/comparison").text
