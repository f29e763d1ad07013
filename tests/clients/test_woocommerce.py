"""The WooCommerce client: its requests to a shop, and its results from real answers."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest

from bridge.clients.woocommerce.api import Page, open_shop
from bridge.domain.shop.errors import ShopBroken, ShopRefused, ShopSilent
from tests.support.shop_server import KEY, SECRET, Reply, listed, recorded


def test_order_is_what_the_shop_sent(server, client):
    server.replies = [recorded("order--simple")]

    assert client.get_order(20) == recorded("order--simple").body
    assert (server.asked[0].method, server.asked[0].target) == ("GET", "/wp-json/wc/v3/orders/20")


def test_order_in_the_trash_is_an_order(server, client):
    server.replies = [recorded("order--trashed")]

    assert client.get_order(45)["status"] == "trash"


@pytest.mark.parametrize(
    ("ask", "name", "path"),
    [
        ("get_order", "order--missing-404", "orders/7"),
        ("get_order", "order--force-deleted", "orders/7"),
        ("get_order", "order--id-of-a-refund", "orders/7"),
        ("get_product", "product--deleted-404", "products/7"),
    ],
)
def test_what_is_gone_is_none(server, client, ask, name, path):
    server.replies = [recorded(name)]

    assert getattr(client, ask)(7) is None
    assert server.asked[0].path == path


def test_variation_is_had_as_a_product(server, client):
    server.replies = [recorded("product--variation-id-via-products")]

    assert client.get_product(16)["type"] == "variation"


def test_customer_of_any_role(server, client):
    server.replies = [recorded("customers--by-email-role-all"), recorded("customers--by-email-role-all")]

    assert [customer["id"] for customer in client.list_customers([3, 7])] == [3]
    assert [customer["id"] for customer in client.find_customers("sub@example.test")] == [3]
    assert [asked.path for asked in server.asked] == ["customers", "customers"]
    assert [asked.params["role"] for asked in server.asked] == ["all", "all"]
    assert (server.asked[0].params["include"], server.asked[1].params["email"]) == ("3,7", "sub@example.test")


def test_customer_0_is_not_requested(server, client):
    """An empty list of ids would be no condition at all, and match every customer."""
    assert client.list_customers([]) == []
    assert server.asked == []


def test_refunds_come_with_their_lines(server, client):
    server.replies = [recorded("refunds--refund-part")]

    refunds = client.list_refunds(36)

    assert server.asked[0].path == "orders/36/refunds"
    assert sorted(line["quantity"] for refund in refunds for line in refund["line_items"]) == [-1]


def test_orders_are_asked_for_as_the_recorded_ones_were(server, client):
    server.replies = [recorded("orders--completed-modified-after--page1")]

    page = client.list_orders(
        modified_after=datetime(2026, 11, 21, 8, 58, 11, 999_999, UTC),
        modified_before=datetime(2026, 11, 22, 3, 0, 0, 1, timezone(timedelta(hours=3))),
        statuses=["completed", "refunded"],
        page=2,
        per_page=5,
        include=[20, 21],
    )

    assert (page.total, page.pages, len(page.items)) == (27, 6, 5)
    assert server.asked[0].path == "orders"
    assert server.asked[0].params == {
        "modified_after": "2026-11-21T08:58:11",
        "modified_before": "2026-11-22T00:00:01",
        "dates_are_gmt": "true",
        "status": "completed,refunded",
        "include": "20,21",
        "orderby": "id",
        "order": "asc",
        "page": "2",
        "per_page": "5",
    }


def test_end_on_a_full_second_stays_exclusive(server, client):
    server.replies = [listed()]

    client.list_orders(modified_after=None, modified_before=datetime(2026, 11, 22, tzinfo=UTC), statuses=None, page=1)

    assert server.asked[0].params["modified_before"] == "2026-11-22T00:00:00"
    assert not {"modified_after", "status", "include"} & set(server.asked[0].params)


def test_orders_of_no_status_and_of_no_number_are_none(server, client):
    """An empty list as a parameter would be left out, and so find everything."""
    assert client.list_orders(modified_after=None, statuses=[], page=1).items == ()
    assert client.list_orders(modified_after=None, statuses=None, include=[], page=1).items == ()
    assert server.asked == []


def test_page_beyond_the_last_is_empty(server, client):
    server.replies = [recorded("orders--page-beyond-last")]

    assert client.list_orders(modified_after=None, statuses=None, page=99) == Page((), 0, 0)


def test_products_come_by_pages(server, client):
    server.replies = [listed(10, 11, total=37, pages=19)]

    page = client.list_products(page=1, per_page=2)

    assert ([item["id"] for item in page.items], page.total, page.pages) == ([10, 11], 37, 19)
    assert server.asked[0].params == {"page": "1", "per_page": "2", "orderby": "id", "order": "asc"}


def test_webhooks_come_from_all_pages(server, client):
    server.replies = [listed(1, 2, total=3, pages=2), listed(3, total=3, pages=2)]

    assert [webhook["id"] for webhook in client.list_webhooks()] == [1, 2, 3]
    assert [asked.params["page"] for asked in server.asked] == ["1", "2"]
    assert {asked.params["per_page"] for asked in server.asked} == {"100"}


def test_variations_are_listed(server, client):
    server.replies = [recorded("product--variations"), recorded("product--deleted-404")]

    assert len(client.list_variations(15)) == 2
    assert client.list_variations(48) == []
    assert server.asked[0].path == "products/15/variations"


@pytest.mark.parametrize(
    "second", [listed(4, total=3, pages=2), listed(total=0, pages=0)], ids=["by one", "by a whole page"]
)
def test_list_that_shrinks_while_it_is_read_is_read_again(server, client, second):
    """Of 1 2 | 3 4 the 1 goes, and 3 moves to the page that was read."""
    server.replies = [listed(1, 2, total=4, pages=2), second, listed(2, 3, total=3, pages=2), listed(4, total=3)]

    assert [item["id"] for item in client.list_webhooks()] == [2, 3, 4]


def test_item_seen_on_two_pages_counts_once(server, client):
    server.replies = [listed(1, 2, total=3, pages=2), listed(2, 3, total=3, pages=2)]

    assert [item["id"] for item in client.list_webhooks()] == [1, 2, 3]


def test_list_that_never_holds_still_or_never_ends_is_a_fault(server, client):
    server.answer = lambda asked: listed(1, total=len(server.asked) + 100, pages=2)
    with pytest.raises(ShopBroken, match="changes faster"):
        client.list_webhooks()

    assert len(server.asked) == 6
    server.answer = lambda asked: listed(int(asked.params["page"]), total=10**6, pages=10**6)
    with pytest.raises(ShopBroken, match="more than 100 pages"):
        client.list_webhooks()


def test_webhook_is_made(server, client):
    server.replies = [Reply({"id": 12, "status": "active"}, 201)]
    wanted = {"name": "é", "topic": "order.updated", "delivery_url": "https://b.example/w", "secret": "a&b<c"}

    assert client.create_webhook(**wanted)["id"] == 12
    assert (server.asked[0].method, server.asked[0].path) == ("POST", "webhooks")
    assert server.asked[0].headers["content-type"].startswith("application/json")
    assert json.loads(server.asked[0].body) == wanted


def test_webhook_is_changed_and_deleted(server, client):
    server.replies = [recorded("webhook--one"), recorded("webhook--one")]

    assert client.update_webhook(1, status="active", secret="s")["id"] == 1
    client.delete_webhook(1)

    update, delete = server.asked
    assert (update.method, update.path) == ("PUT", "webhooks/1")
    assert json.loads(update.body) == {"status": "active", "secret": "s"}
    assert (delete.method, delete.path, delete.params) == ("DELETE", "webhooks/1", {"force": "true"})


def test_webhook_that_is_gone_is_no_fault(server, client):
    """Indicated by 400 on an update, by 404 on a deletion (found in the shop's source)."""
    gone = {"code": "woocommerce_rest_shop_webhook_invalid_id", "message": "Invalid ID.", "data": {}}
    server.replies = [Reply(gone, 400), Reply(gone, 404)]

    assert client.update_webhook(9, status="active") is None
    client.delete_webhook(9)

    assert len(server.asked) == 2


@pytest.mark.parametrize("ahead", [0, 90, -3600])
def test_clock_of_the_shop(server, client, ahead):
    server.answer = lambda _asked: listed(65)
    server.ahead_seconds = ahead

    assert client.clock().offset_seconds == pytest.approx(ahead, abs=1)


def test_check_of_a_shop_that_is_well(server, client):
    gone = {"code": "woocommerce_rest_shop_webhook_invalid_id", "message": "ID is invalid."}
    server.replies = [recorded("auth--read-only-key-read"), Reply(gone, 400)]

    check = client.check()

    assert (check.fault, check.can_write) == (None, True)
    assert check.clock.offset_seconds in {-1, 0, 1}
    probe = server.asked[1]
    assert (probe.method, probe.path, probe.body) == ("PUT", "webhooks/0", b"{}")


def test_check_of_a_key_that_may_only_read(server, client):
    server.replies = [recorded("auth--read-only-key-read"), recorded("auth--read-only-key-write")]

    check = client.check()

    assert (check.fault, check.can_write) == (None, False)
    assert isinstance(check.write_fault, ShopRefused)
    assert "has read permission only" in check.write_fault.detail


def test_check_where_write_access_is_not_stated(server, client):
    server.replies = [recorded("auth--read-only-key-read"), Reply(b"<h1>Method not allowed</h1>", 405)]

    check = client.check()

    assert (check.fault, check.can_write) == (None, None)
    assert isinstance(check.write_fault, ShopBroken)
    server.replies = [recorded("auth--read-only-key-read"), Reply({"id": 3})]
    assert client.check().can_write is None


def test_check_of_a_shop_that_refuses_or_is_not_there(server, client):
    server.replies = [recorded("auth--unknown-key")]

    check = client.check()

    assert check.can_write is None
    assert isinstance(check.fault, ShopRefused)
    waits = []
    with open_shop("http://127.0.0.1:1", consumer_key=KEY, consumer_secret=SECRET, sleep=waits.append) as nowhere:
        check = nowhere.check()
    assert check.can_write is None
    assert isinstance(check.fault, ShopSilent)
