"""Read the sale in an order's document: the buyer's address, prices, taxes and refunds."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from bridge.clients.woocommerce import fields
from bridge.domain.accounts.accounts import MAX_USER_ID
from bridge.domain.orders.sales import (
    MOST_LINES,
    Sale,
    SaleBuyer,
    SaleKind,
    SaleLine,
    SaleRefund,
    SaleTax,
)

Json = Mapping[str, Any]

_MOST_TAXES = 50
_MOST_REFUNDS = 200
_MOST_META = 500
_VAT_ID = 50
_URL = 500
_VAT_KEYS = frozenset(
    {
        *("vat", "vat_number", "vat_id", "vat_no", "vatin", "vat_code", "eu_vat", "eu_vat_number", "eu_vat_id"),
        *("company_vat", "uid", "uid_number", "ust_id", "ustid", "tax_id", "tax_number", "btw_nummer", "btw_number"),
        *("nif", "nip", "cif", "nif_cif", "piva", "p_iva", "partita_iva", "cnpj", "cpf", "gst", "gstin", "abn"),
        *("tva", "num_tva", "moms", "siret"),
    }
)
"""The keys under which plugins store a VAT or tax ID with an order, in lower case and without their prefixes."""
_PREFIX = re.compile(r"^(?:wc_|woocommerce_)?(?:(?:billing|customer|order|other)[/_])*")


def read_sale(document: Json) -> Sale | None:
    """Return the sale in an order's document; None unless it states its lines, its total and its buyer."""
    total, items = fields.stated_money(document.get("total")), fields.listed(document.get("line_items"))
    billing = document.get("billing")
    if total is None or items is None or not isinstance(billing, Mapping):
        return None
    rates = _rates(document)
    # Those that an order has few of come first: of too many lines, products are left out.
    lines = [
        *_lines(document.get("shipping_lines"), SaleKind.SHIPPING, rates),
        *_lines(document.get("fee_lines"), SaleKind.FEE, rates),
        *_lines(items, SaleKind.PRODUCT, rates),
    ]
    return Sale(
        buyer=_buyer(billing, _vat_id(document)),
        lines=tuple(lines[:MOST_LINES]),
        taxes=tuple(_taxes(document)),
        refunds=tuple(_refunds(document)),
        discount=abs(fields.money(document.get("discount_total"))),
        tax=fields.money(document.get("total_tax")),
        total=total,
        payment_method=fields.name(document.get("payment_method_title"), 200),
        paid_at=fields.utc(document.get("date_paid_gmt")),
        more_lines=len(lines[MOST_LINES:]),
        more_subtotal=sum((line.subtotal for line in lines[MOST_LINES:]), Decimal(0)),
        checkout_url=_checkout_url(fields.text(document.get("payment_url"), _URL)),
    )


def _buyer(billing: Json, vat_id: str) -> SaleBuyer:
    def text(name: str, most: int = 200) -> str:
        return fields.name(billing.get(name), most).strip()

    return SaleBuyer(
        name=" ".join(part for part in (text("first_name", 100), text("last_name", 100)) if part),
        company=text("company"),
        street=text("address_1"),
        street_more=text("address_2"),
        postcode=text("postcode", 40),
        city=text("city", 100),
        state=text("state", 100),
        country=text("country", 2).upper(),
        email=text("email", 320),
        vat_id=vat_id or _first_vat_id(billing.items()),
    )


def _vat_id(document: Json) -> str:
    entries = fields.mappings(document.get("meta_data"))[:_MOST_META]
    return _first_vat_id((entry.get("key"), entry.get("value")) for entry in entries)


def _first_vat_id(pairs: Iterable[tuple[Any, Any]]) -> str:
    """Return the first value under a key of a VAT ID; of two, one that is longer than a mark such as `1` or `yes`."""
    found = [_id(value) for key, value in pairs if isinstance(key, str) and _is_vat_key(key)]
    return next((value for value in found if len(value) > 4), "")


def _is_vat_key(key: str) -> bool:
    plain = re.sub(r"[^a-z0-9/]+", "_", key[:200].casefold()).strip("_")
    # The checkout block writes `_wc_billing/plugin/vat-number`.
    return _PREFIX.sub("", plain.rpartition("/")[2]) in _VAT_KEYS


def _id(value: Any) -> str:
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else fields.name(value, _VAT_ID)
    return " ".join(text.split())[:_VAT_ID]


def _checkout_url(payment_url: str) -> str:
    """Return the checkout page in a link to pay an order: `…/checkout/order-pay/25/?…`, or `…/?page_id=8&order-pay=25`.

    Only an order's own number follows the name of the endpoint, whatever a shop calls it.
    """
    try:
        parts = urlsplit(payment_url)
    except ValueError:
        return ""
    if parts.scheme not in {"http", "https"} or not parts.hostname or not payment_url.isprintable():
        return ""
    page, _, number = parts.path.rstrip("/").rpartition("/")
    if number.isascii() and number.isdigit():
        return parts._replace(path=f"{page.rpartition('/')[0]}/", query="", fragment="").geturl()
    page_id = next((value for name, value in parse_qsl(parts.query) if name == "page_id"), "")
    return parts._replace(query=f"page_id={page_id}", fragment="").geturl() if page_id.isdigit() else ""


def _rates(document: Json) -> dict[int, Decimal]:
    """Return the percentage of each tax by its id, where the shop states both."""
    found = {}
    for tax in fields.mappings(document.get("tax_lines"))[:_MOST_TAXES]:
        rate_id = fields.whole(tax.get("rate_id"), high=MAX_USER_ID)
        rate = fields.stated_money(tax.get("rate_percent"))
        if rate_id is not None and rate is not None:
            found[rate_id] = rate
    return found


def _lines(items: Any, kind: SaleKind, rates: Mapping[int, Decimal]) -> Iterable[SaleLine]:
    for item in fields.mappings(items):
        total = fields.money(item.get("total"))
        subtotal = fields.stated_money(item.get("subtotal"))
        yield SaleLine(
            kind=kind,
            id=fields.whole(item.get("id"), high=MAX_USER_ID) or 0,
            name=fields.name(item.get("method_title" if kind is SaleKind.SHIPPING else "name"), 300).strip(),
            quantity=fields.quantity(item.get("quantity")) if kind is SaleKind.PRODUCT else None,
            subtotal=total if subtotal is None else subtotal,
            total=total,
            sku=fields.text(item.get("sku"), 200).strip(),
            rates=tuple(dict.fromkeys(_line_rates(item, rates))),
        )


def _line_rates(item: Json, rates: Mapping[int, Decimal]) -> Iterable[Decimal]:
    for tax in fields.mappings(item.get("taxes"))[:_MOST_TAXES]:
        rate = rates.get(fields.whole(tax.get("id"), high=MAX_USER_ID) or 0)
        # An empty total is a tax of the order that this line is free of.
        if rate is not None and fields.stated_money(tax.get("total")) is not None:
            yield rate


def _taxes(document: Json) -> Iterable[SaleTax]:
    for tax in fields.mappings(document.get("tax_lines"))[:_MOST_TAXES]:
        yield SaleTax(
            label=fields.name(tax.get("label"), 100).strip(),
            rate=fields.stated_money(tax.get("rate_percent")),
            amount=fields.money(tax.get("tax_total")) + fields.money(tax.get("shipping_tax_total")),
        )


def _refunds(document: Json) -> Iterable[SaleRefund]:
    for refund in fields.mappings(document.get("refunds"))[:_MOST_REFUNDS]:
        yield SaleRefund(
            id=fields.whole(refund.get("id"), high=MAX_USER_ID) or 0,
            amount=abs(fields.money(refund.get("total"))),
            reason=fields.name(refund.get("reason"), 300).strip(),
        )
