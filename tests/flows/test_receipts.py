"""Receipts say what the shop's orders say, and nothing of an erased person."""

from __future__ import annotations

import re
from collections import defaultdict
from datetime import timedelta
from decimal import Decimal

import pytest

from bridge.storage.engine.metadata import metadata
from bridge.web.i18n.formatting import money
from bridge.web.receipts.response import AT_ONCE, room
from tests.factories import add_shop, deliver, line, order, put_package, put_user
from tests.support.connected_shop import open_connected_shop
from tests.support.ledger_sql import rows
from tests.support.linked_sites import link
from tests.support.pages import sign_in
from tests.support.portal import enter
from tests.support.receipts import get_receipt, pages_of, spaced, text_of
from tests.support.recordings import all_recordings, send

pytestmark = pytest.mark.one_engine

one_engine = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
SELLER = {
    "seller_name": "Token Works GmbH",
    "seller_address": "Hauptstraße 1\r\n\r\n 10115 Berlin ",
    "seller_vat_id": "DE 123456789",
}


def sold(number=7, **more):
    """Return an order with all that a receipt shows: 87.02 − 43.51 + 5 + 1.50 + 2.89 = 52.90."""
    taxes = [{"id": 1, "total": "1.53", "subtotal": "3.05"}]
    lines = [
        line(1, 10, 2, total="25.00") | {"subtotal": "50.00", "sku": "TOK-1"},
        line(2, 14, 3, total="18.51", name="Mug") | {"subtotal": "37.02", "taxes": taxes},
    ]
    document = order(number, lines=lines, total="52.90")
    document["billing"] |= {
        "company": "Engines & Co",
        "address_1": "1 Test St",
        "city": "San Francisco",
        "state": "CA",
        "postcode": "94103",
        "country": "US",
    }
    return (
        document
        | {
            "discount_total": "43.51",
            "total_tax": "2.89",
            "tax_lines": [
                {
                    "rate_id": 1,
                    "label": "CA Tax",
                    "rate_percent": 8.25,
                    "tax_total": "2.48",
                    "shipping_tax_total": "0.41",
                }
            ],
            "shipping_lines": [{"id": 3, "method_title": "Flat rate", "total": "5.00", "total_tax": "0.41"}],
            "fee_lines": [{"id": 4, "name": "Handling", "total": "1.50"}],
            "payment_method_title": "Test card",
            "date_paid_gmt": "2026-11-21T02:00:00",
            "meta_data": [{"id": 5, "key": "_billing_vat_number", "value": "US-99"}],
        }
        | more
    )


@pytest.fixture
def buyer(shop):
    """Return a store whose user 2 bought one order."""
    put_package(shop, 10, 600)
    assert shop.client.put("/v1/store", json=SELLER, headers=shop.headers).status_code == 200
    deliver(shop, sold())
    return shop


def test_receipt_has_seller_buyer_lines_taxes_and_tokens(buyer):
    text = text_of(get_receipt(buyer, 2, 7))

    assert "Receipt Order 7 Seller Token Works GmbH Hauptstraße 1 10115 Berlin 127.0.0.1 VAT ID: DE 123456789" in text
    assert (
        "Buyer Engines & Co Ada Tester 1 Test St San Francisco, CA 94103 United States ada@example.test VAT ID: US-99"
        in text
    )
    assert "Ordered on: 20 Nov 2026 Paid on: 20 Nov 2026 Paid with: Test card" in text
    assert "Item Quantity Tax rate Tokens Price Tokens 2 1,200 US$50.00 TOK-1 Mug 3 8.25% US$37.02 Subtotal" in text
    assert (
        "Subtotal without tax US$87.02 Discount -US$43.51 Shipping: Flat rate US$5.00 Fee: Handling US$1.50"
        " CA Tax (8.25%) US$2.89 Total US$52.90 Tokens bought 1,200" in text
    )
    assert text.endswith("Token Works GmbH · 127.0.0.1 1 / 1")


def test_receipt_is_in_the_language_of_its_reader(buyer):
    german, japanese = get_receipt(buyer, 2, 7, "de"), get_receipt(buyer, 2, 7, "ja")

    assert "Zwischensumme ohne Steuer 87,02 $ Rabatt -43,51 $" in text_of(german)
    assert (german.headers["Content-Language"], japanese.headers["Content-Language"]) == ("de", "en")
    assert "This receipt is in English" in text_of(japanese)
    assert "This receipt is in English" not in text_of(get_receipt(buyer, 2, 7, "sv"))


def test_same_order_has_the_same_bytes(buyer):
    first, again = get_receipt(buyer, 2, 7), get_receipt(buyer, 2, 7)
    app = buyer.client.application
    portal = enter(app, buyer).get("/account/purchases/7/receipt.pdf")
    admin = sign_in(app).get("/admin/shop/credits/2/purchases/7/receipt.pdf")

    assert first.get_data() == again.get_data() == portal.get_data() == admin.get_data()
    assert app.test_client().get("/admin/shop/credits/2/purchases/7/receipt.pdf").status_code == 303
    assert first.headers["Content-Disposition"] == 'attachment; filename="receipt-7.pdf"'
    assert first.headers["Cache-Control"] == portal.headers["Cache-Control"] == "private, no-store"
    assert first.get_data() != get_receipt(buyer, 2, 7, "fr").get_data()


@one_engine
def test_figures_are_those_of_the_recorded_orders(shop):
    """Each recorded order that granted tokens: its receipt has each figure of its last document that decides."""
    deciding = defaultdict(list)
    for sent in all_recordings():
        if sent.is_ours and sent.order_state and sent.document["status"] in {"completed", "refunded", "cancelled"}:
            deciding[sent.document["id"]].append((sent.document["date_modified_gmt"], sent.sequence, sent.document))
    products = {item["product_id"] for found in deciding.values() for *_, one in found for item in one["line_items"]}
    for number in products - {0}:
        put_package(shop, number, 100)
    for sent in all_recordings():
        if sent.is_ours:
            send(shop.client, sent)
    for number, found in deciding.items():
        *_, last = max(found)
        shop.client.post(f"/v1/orders/{number}/assign", json={"user": {"id": 900}}, headers=shop.headers)
        deliver(shop, last)
    read = 0
    for user in sorted({one["customer_id"] for found in deciding.values() for *_, one in found} | {900}):
        listed = shop.client.get(f"/v1/users/{user}/purchases?limit=200", headers=shop.headers)
        for bought in listed.json["items"] if listed.status_code == 200 else ():
            *_, document = max(deciding[bought["order"]])
            _compare(text_of(get_receipt(shop, user, bought["order"])), document)
            read += 1

    assert read >= 20


def _compare(text, document):
    def shown(amount):
        return spaced(money(Decimal(amount), document["currency"]))

    for item in document["line_items"]:
        assert f"{spaced(item['name'])} " in text
        assert re.search(rf"{item['quantity']} (8.25% )?([0-9,]+ )?{re.escape(shown(item['subtotal']))} ", text)
    subtotal = sum(Decimal(item["subtotal"]) for item in document["line_items"])
    assert f"Subtotal without tax {shown(subtotal)} " in text
    assert ("Discount" in text) == bool(Decimal(document["discount_total"]))
    if Decimal(document["discount_total"]):
        assert f"Discount {shown(-Decimal(document['discount_total']))} " in text
    for kind, name, title in (("shipping_lines", "Shipping", "method_title"), ("fee_lines", "Fee", "name")):
        for each in document[kind]:
            assert f"{name}: {each[title]} {shown(each['total'])} " in text
    if not document["tax_lines"]:
        assert f"Tax {shown('0')} " in text
    for tax in document["tax_lines"]:
        amount = Decimal(tax["tax_total"]) + Decimal(tax["shipping_tax_total"])
        assert f"{tax['label']} ({tax['rate_percent']}%) {shown(amount)} " in text
    assert f" Total {shown(document['total'])} " in text
    refunded = sum(Decimal(refund["total"]) for refund in document["refunds"])
    for refund in document["refunds"]:
        label = f"Refund: {refund['reason']}" if refund["reason"] else "Refund"
        assert f"{label} {shown(refund['total'])} " in text
    if document["refunds"]:
        assert f"Total after refunds {shown(Decimal(document['total']) + refunded)} " in text


def test_refunds_and_a_cancelled_order_are_stated(shop):
    put_package(shop, 10, 600)
    deliver(shop, order(1, lines=[line(quantity=2, total="20.00")], total="20.00"))
    deliver(shop, order(1, at=5, lines=[line(quantity=2, total="20.00")], total="20.00", refunds=["-10.00"]))
    deliver(shop, order(2))
    deliver(shop, order(2, "cancelled", at=5))

    part, gone = text_of(get_receipt(shop, 2, 1)), text_of(get_receipt(shop, 2, 2))

    assert "Total US$20.00 Refund -US$10.00 Total after refunds US$10.00" in part
    assert "Tokens bought 1,200 Tokens refunded −600 Tokens after refunds 600" in part
    assert "This order was cancelled." in gone
    assert "Tokens bought 600 Tokens refunded −600 Tokens after refunds 0" in gone


def test_plan_states_its_tokens_a_month(shop):
    shop.client.put("/v1/packages/12", json={"tokens": 2000, "plan": "Studio", "months": 3}, headers=shop.headers)
    deliver(shop, order(5, lines=[line(product=12, name="Studio")]))

    assert "Studio 1 US$10.00 2,000 tokens a month, for 3 months" in text_of(get_receipt(shop, 2, 5))


def test_greek_and_cyrillic_are_printed_and_other_scripts_are_marked(shop):
    put_package(shop, 10, 600)
    names = ["Πακέτο Ωμέγα", "Жетоны Ёж", "Żółć ő ß", "حزمة", "トークン", "a👨\u200d👩\u200d👧b", "\u202eevil\u2066"]
    document = order(1, lines=[line(place, name=name) for place, name in enumerate(names, 1)], total="70.00")
    document["billing"] |= {"first_name": "Зоя", "last_name": "Παπά", "city": "Αθήνα", "country": "GR"}
    deliver(shop, document)

    text = text_of(get_receipt(shop, 2, 1))

    assert "Buyer Зоя Παπά Αθήνα Greece" in text
    for name in names[:3]:
        assert f"{name} 1 600 US$10.00" in text
    assert text.count(" \ufffd 1 600 US$10.00") == 2
    assert "a\ufffdb 1 600 US$10.00" in text
    assert "evil 1 600 US$10.00" in text
    assert "Characters that this document cannot print are shown as \ufffd." in text


@one_engine
def test_many_lines_take_pages_with_headings(shop):
    put_package(shop, 10, 1)
    lines = [line(place, name=f"Line {place} of a name {'that is long ' * (place % 9)}") for place in range(1, 501)]
    deliver(shop, order(1, lines=lines, total="5000.00"))

    pages = pages_of(get_receipt(shop, 2, 1))

    assert 15 < len(pages) < 40
    text = spaced(" ".join(pages))
    assert all(f"Line {place} of a name" in text for place in range(1, 501))
    for place, page in enumerate(pages, 1):
        assert spaced(page).endswith(f"{place} / {len(pages)}")
        # The last page may have sums only.
        assert "Quantity" in page or place == len(pages)
    assert "Subtotal without tax US$5,000.00" in text


def test_only_the_store_may_read_and_only_the_buyer_has_it(app, buyer):
    put_user(buyer, 3)
    site = link(buyer, 2)
    _, other = add_shop(app, "other")

    assert get_receipt(buyer, 2, 7, Authorization=f"Bearer {site['access_key']}").status_code == 403
    assert get_receipt(buyer, 2, 7, **other).json["code"] == "unknown_user"
    assert get_receipt(buyer, 3, 7).json["code"] == "unknown_order"
    assert get_receipt(buyer, 2, 8).json["code"] == "unknown_order"
    assert get_receipt(buyer, 4, 7).json["code"] == "unknown_user"
    assert enter(app, buyer, user=3).get("/account/purchases/7/receipt.pdf").status_code == 404
    assert enter(app, buyer, access="partial").get("/account/purchases/7/receipt.pdf").status_code == 403
    assert buyer.client.get("/v1/users/2/purchases/x/receipt.pdf", headers=buyer.headers).status_code == 422


def test_receipt_of_an_erased_person_has_figures_and_no_person(buyer, database):
    refund = {"id": 9, "total": "-1.00", "reason": "Ada Tester was unhappy"}
    deliver(buyer, sold(refunds=[refund], date_modified_gmt="2026-11-20T12:00:09"))
    assert "Refund: Ada Tester was unhappy" in text_of(get_receipt(buyer, 2, 7))

    assert buyer.client.delete("/v1/users/2", headers=buyer.headers).json["state"] == "erased"
    deliver(buyer, sold(refunds=[refund], date_modified_gmt="2026-11-20T12:00:19"))

    text = text_of(get_receipt(buyer, 2, 7))
    assert "The data of the buyer was deleted." in text
    assert "Total US$52.90 Refund -US$1.00 Total after refunds US$51.90" in text
    stored = " ".join(str(row) for table in metadata.sorted_tables for row in _readable(database, table.name))
    assert "94103" not in text
    # In quotes: the digits alone may be a part of a stored moment.
    assert '"94103"' not in stored
    for part in ("Ada", "Engines", "1 Test St", "US-99"):
        assert part not in text, part
        assert part not in stored, part


def _readable(database, name):
    return [
        {
            column: bytes(value).decode() if isinstance(value, bytes | memoryview) else value
            for column, value in row.items()
        }
        for row in rows(database, f"select * from {name}")
    ]


def test_export_has_what_is_stored_for_receipts(buyer):
    found = buyer.client.get("/v1/users/2/export", headers=buyer.headers).json["orders"][0]["sale"]

    assert found["buyer"]["vat_id"] == "US-99"
    assert found["buyer"]["street"] == "1 Test St"


@one_engine
def test_receipts_that_wait_are_bounded(buyer):
    taken = [room.acquire(blocking=False) for _ in range(AT_ONCE)]
    try:
        refused = get_receipt(buyer, 2, 7)
        page = enter(buyer.client.application, buyer).get("/account/purchases/7/receipt.pdf")
    finally:
        for _ in taken:
            room.release()

    assert all(taken)
    assert (refused.status_code, refused.json["code"], page.status_code) == (503, "overloaded", 503)
    assert refused.headers["Retry-After"]
    assert get_receipt(buyer, 2, 7).status_code == 200


def test_money_of_two_documents_is_not_mixed(buyer, database):
    with database.transaction() as connection:
        connection.exec_driver_sql("update orders set total = '60.00', refunded = '5.00'")

    text = text_of(get_receipt(buyer, 2, 7))

    assert "Total US$60.00 Refund -US$5.00 Total after refunds US$55.00" in text
    assert "CA Tax" not in text
    assert "The shop has not sent the taxes" in text


def test_order_from_before_receipts_says_what_is_missing_until_the_shop_sends_it(buyer, database):
    with database.transaction() as connection:
        connection.exec_driver_sql("update orders set sale = null")

    old = text_of(get_receipt(buyer, 2, 7))
    deliver(buyer, sold(date_modified_gmt="2026-11-20T12:00:09"))

    assert "Buyer Ada Tester ada@example.test" in old
    assert "Total US$52.90" in old
    assert "Subtotal" not in old
    assert "The shop has not sent the taxes, discounts and billing address of this order." in old
    assert "CA Tax (8.25%) US$2.89 Total US$52.90" in text_of(get_receipt(buyer, 2, 7))


@one_engine
@pytest.mark.parametrize("read", ["run_full_scan", "poll"])
def test_unchanged_order_gets_its_sale_when_the_shop_is_read_again(app, database, read):
    with open_connected_shop(app) as connected_shop:
        connected_shop.connect()
        number = connected_shop.sell()
        connected_shop.poll()
        path = f"/v1/users/2/purchases/{number}/receipt.pdf"
        before = connected_shop.client.get(path, headers=connected_shop.headers)
        assert "Subtotal without tax" in text_of(before)
        with database.transaction() as connection:
            connection.exec_driver_sql("update orders set sale = null")
        assert "Subtotal" not in text_of(connected_shop.client.get(path, headers=connected_shop.headers))
        connected_shop.later(60)

        if read == "poll":
            connected_shop.poll(since=connected_shop.now - timedelta(days=1))
        else:
            connected_shop.run_full_scan()

        assert connected_shop.client.get(path, headers=connected_shop.headers).get_data() == before.get_data()
