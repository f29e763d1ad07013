"""The sale of an order, read from documents of any shape."""

from decimal import Decimal

import pytest

from bridge.clients.woocommerce.documents import read_order
from bridge.domain.orders.sales import MOST_LINES
from tests.factories import line, order


def sale_of(**more):
    return read_order(order() | more).sale


@pytest.mark.parametrize(
    "key",
    [
        *("_billing_vat_number", "billing_vat_number", "_vat_number", "vat_number", "VAT Number"),
        *("_billing_eu_vat_number", "billing_eu_vat_number", "_billing_vat", "billing_vat", "_billing_vat_id"),
        *("_billing_nif", "_billing_piva", "_wc_billing/plugin/vat-number", "_wc_other/shop/vat-id", "_billing_cnpj"),
    ],
)
def test_vat_id_is_found_under_the_keys_of_plugins(key):
    meta = [{"key": "_vat_number_is_valid", "value": "yes-it-is"}, {"key": key, "value": " DE 123\n456 "}]

    assert sale_of(meta_data=meta).buyer.vat_id == "DE 123 456"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("_billing_vat_number", ""),
        ("_billing_vat_number", "no"),
        ("_billing_vat_number", True),
        ("_billing_vat_number", ["DE123456"]),
        ("_vat_number_validated", "valid"),
        ("vat_country", "Germany"),
        ("_private_number", "DE123456"),
        (7, "DE123456"),
    ],
)
def test_what_is_no_vat_id_is_not_taken_for_one(key, value):
    assert sale_of(meta_data=[{"key": key, "value": value}, None, "x"]).buyer.vat_id == ""


def test_vat_id_is_also_found_in_the_billing_address():
    billing = {"first_name": "Ada", "vat_number": "FR12345678901"}

    assert sale_of(billing=billing).buyer.vat_id == "FR12345678901"


@pytest.mark.parametrize(
    "missing",
    [{"total": None}, {"total": "much"}, {"line_items": None}, {"billing": None}, {"billing": "Ada"}],
)
def test_document_that_does_not_state_everything_has_no_sale(missing):
    assert sale_of(**missing) is None


def test_odd_values_do_no_harm():
    found = sale_of(
        billing={"first_name": 7, "country": ["DE"], "city": "x" * 5000},
        tax_lines=[None, {"label": 3, "rate_percent": "?", "tax_total": "1.00"}],
        shipping_lines={"0": {"id": 5, "method_title": "By &amp; by", "total": 4}},
        fee_lines="none",
        refunds=[{"id": "x", "total": "-3"}],
        payment_url=["http://x"],
        discount_total="-2",
        date_paid_gmt="soon",
    )

    assert (found.buyer.name, found.buyer.country, len(found.buyer.city)) == ("", "", 100)
    assert [(tax.label, tax.rate, tax.amount) for tax in found.taxes] == [("", None, Decimal("1.00"))]
    assert (found.lines[0].name, found.lines[0].total) == ("By & by", Decimal(4))
    assert (found.refunded, found.discount, found.paid_at, found.checkout_url) == (3, 2, None, "")


@pytest.mark.parametrize(
    ("payment", "checkout"),
    [
        (
            "https://shop.example/checkout/order-pay/25/?pay_for_order=true&key=wc_order_x",
            "https://shop.example/checkout/",
        ),
        ("https://shop.example/shop/de/kasse/bezahlen/25?key=x", "https://shop.example/shop/de/kasse/"),
        ("https://shop.example/?page_id=8&order-pay=25&pay_for_order=true", "https://shop.example/?page_id=8"),
        ("https://shop.example/checkout/", ""),
        ("javascript:alert(1)/25", ""),
        ("https://[bad/25", ""),
        ("https://shop.example/a b\n/25", ""),
        ("", ""),
    ],
)
def test_checkout_page_is_read_from_the_link_to_pay(payment, checkout):
    assert sale_of(payment_url=payment).checkout_url == checkout


def test_lines_above_the_bound_are_counted_and_added_up():
    shipping = [{"id": 9, "method_title": "Flat rate", "total": "5.00"}]

    found = sale_of(line_items=[line(place) for place in range(1, 1104)], shipping_lines=shipping)

    assert (len(found.lines), found.more_lines, found.more_subtotal) == (MOST_LINES, 104, Decimal(1040))
    assert found.lines[0].name == "Flat rate"
