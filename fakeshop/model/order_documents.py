"""Order and refund documents with the keys in WooCommerce 10.9.1's recorded order."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from decimal import Decimal

from fakeshop.model.catalog import Meta, Product
from fakeshop.model.orders import TAX_RATE, Line, Order, Refund, RefundedLine, cents, tax_on
from fakeshop.model.site import Document, Site, gmt

VERSION = "10.9.1"
_PRODUCTS = Mapping[int, Product]
_METHODS = {"bacs": "Direct bank transfer", "rigpay": "Rig test card"}
_RATE_ID = 1


def order_document(site: Site, order: Order, products: _PRODUCTS) -> Document:
    """Return the document of GET /orders/ID and of every order webhook, with the current products."""
    return {
        "id": order.id,
        "parent_id": 0,
        "status": order.status,
        "currency": "USD",
        "version": VERSION,
        "prices_include_tax": False,
        "date_created": site.local(order.created_at),
        "date_modified": site.local(order.modified_at),
        **_totals(order),
        "customer_id": order.customer_id,
        "order_key": order.key,
        **_addresses(order),
        **_payment(site, order),
        "number": str(order.id),
        "meta_data": [_meta(entry) for entry in order.meta],
        "line_items": [_line(line, products) for line in order.lines],
        "tax_lines": _tax_lines(order),
        "shipping_lines": [],
        "fee_lines": [],
        "coupon_lines": _coupon_lines(order),
        "refunds": [_refund_summary(refund) for refund in reversed(order.refunds)],
        **_end(site, order, products),
    }


def refund_document(site: Site, order: Order, refund: Refund, products: _PRODUCTS) -> Document:
    """Return one refund of GET /orders/ID/refunds, with the lines that the order's document leaves out."""
    path = f"orders/{order.id}/refunds/{refund.id}"
    type_ = Meta(refund.meta_id, "_refund_type", "full" if refund.is_full else "partial")
    return {
        "id": refund.id,
        **site.times("date_created", refund.created_at),
        "amount": f"{refund.amount:.2f}",
        "reason": refund.reason,
        "refunded_by": 1,
        "refunded_payment": False,
        "meta_data": [_meta(type_)],
        "line_items": [_refunded_line(order.line(line.line_id), line, products) for line in refund.lines],
        "shipping_lines": [],
        "tax_lines": [],
        "fee_lines": [],
        "_links": {
            **site.links(path, allow=("GET", "DELETE")),
            "up": [{"href": site.api(f"orders/{order.id}")}],
        },
    }


def _totals(order: Order) -> Document:
    off = sum((line.subtotal - line.total for line in order.lines), Decimal(0))
    full_tax = sum((tax_on(line.subtotal, is_taxed=line.is_taxed) for line in order.lines), Decimal(0))
    return {
        "discount_total": f"{off:.2f}",
        "discount_tax": f"{full_tax - order.total_tax:.2f}",
        "shipping_total": "0.00",
        "shipping_tax": "0.00",
        "cart_tax": f"{order.total_tax:.2f}",
        "total": f"{order.total:.2f}",
        "total_tax": f"{order.total_tax:.2f}",
    }


def _addresses(order: Order) -> Document:
    is_checkout = order.created_via != "rest-api"
    billing = address(order.first_name, order.last_name, email=order.email)
    shipping = address(order.first_name, order.last_name) if is_checkout else dict.fromkeys(address("", ""), "")
    return {"billing": billing, "shipping": shipping}


def address(first_name: str, last_name: str, *, email: str | None = None) -> Document:
    """Return an address as orders show it; with an email it is a billing address."""
    fields = {
        "first_name": first_name,
        "last_name": last_name,
        "company": "",
        "address_1": "1 Test St",
        "address_2": "",
        "city": "San Francisco",
        "state": "CA",
        "postcode": "94103",
        "country": "US",
    }
    return {**fields, **({} if email is None else {"email": email}), "phone": "555-0100"}


def _payment(site: Site, order: Order) -> Document:
    is_checkout = order.created_via != "rest-api"
    is_charged = is_checkout and order.method != "bacs" and order.paid_at is not None and order.total > 0
    cart = hashlib.sha256(order.key.encode()).hexdigest()[:32] if is_checkout else ""
    return {
        "payment_method": order.method,
        "payment_method_title": _METHODS.get(order.method, order.method),
        "transaction_id": f"rigtxn_{order.id}" if is_charged else "",
        "customer_ip_address": "127.0.0.1" if is_checkout else "",
        "customer_user_agent": "",
        "created_via": order.created_via,
        "customer_note": order.note,
        "date_completed": site.local(order.completed_at),
        "date_paid": site.local(order.paid_at),
        "cart_hash": cart,
    }


def _meta(entry: Meta) -> Document:
    return {"id": entry.id, "key": entry.key, "value": entry.value}


def _item_meta(entry: Meta) -> Document:
    key = "Size" if entry.key == "size" else entry.key
    return {**_meta(entry), "display_key": key, "display_value": entry.value}


def _line(line: Line, products: _PRODUCTS) -> Document:
    product = products.get(line.article_id)
    return {
        "id": line.id,
        "name": line.name,
        "product_id": line.product_id if product else 0,
        "variation_id": line.variation_id if product else 0,
        "quantity": line.quantity,
        "tax_class": "",
        "subtotal": f"{line.subtotal:.2f}",
        "subtotal_tax": f"{tax_on(line.subtotal, is_taxed=line.is_taxed):.2f}",
        "total": f"{line.total:.2f}",
        "total_tax": f"{line.tax:.2f}",
        "taxes": _taxes(line),
        "meta_data": [_item_meta(entry) for entry in line.meta],
        "sku": product.sku if product else None,
        "global_unique_id": "" if product else None,
        "price": float(line.total) / line.quantity if line.quantity else 0,
        "image": {"id": "" if product and not line.variation_id else 0, "src": ""},
        "parent_name": line.parent_name if product else None,
    }


def _taxes(line: Line) -> list[Document]:
    if not line.is_taxed:
        return []
    return [{"id": _RATE_ID, "total": f"{line.tax:.2f}", "subtotal": f"{tax_on(line.subtotal, is_taxed=True):.2f}"}]


def _refunded_line(line: Line, refunded: RefundedLine, products: _PRODUCTS) -> Document:
    product = products.get(line.article_id)
    item = Meta(refunded.meta_id, "_refunded_item_id", str(refunded.line_id))
    return {
        "id": refunded.id,
        "name": line.name,
        "product_id": line.product_id if product else 0,
        "variation_id": line.variation_id if product else 0,
        "quantity": -refunded.quantity,
        "tax_class": "",
        "subtotal": _negative(refunded.total),
        "subtotal_tax": _negative(refunded.tax),
        "total": _negative(refunded.total),
        "total_tax": _negative(refunded.tax),
        "taxes": [{"id": _RATE_ID, "total": _negative(refunded.tax), "subtotal": ""}] if line.is_taxed else [],
        "meta_data": [_item_meta(item)],
        "sku": product.sku if product else None,
        "global_unique_id": "" if product else None,
        "price": float(refunded.total) / refunded.quantity if refunded.quantity else 0,
        "image": {"id": "" if product and not line.variation_id else 0, "src": ""},
        "parent_name": line.parent_name if product else None,
    }


def _negative(amount: Decimal) -> str:
    return f"-{amount:.2f}" if amount else "0.00"


def _tax_lines(order: Order) -> list[Document]:
    if not order.tax_line_id:
        return []
    line = {
        "id": order.tax_line_id,
        "rate_code": "US-CA-CA TAX-1",
        "rate_id": _RATE_ID,
        "label": "CA Tax",
        "compound": False,
        "tax_total": f"{order.total_tax:.2f}",
        "shipping_tax_total": "0.00",
        "rate_percent": float(TAX_RATE),
        "meta_data": [],
    }
    return [line]


def _coupon_lines(order: Order) -> list[Document]:
    coupon = order.coupon
    if coupon is None:
        return []
    off = sum((line.subtotal - line.total for line in order.lines), Decimal(0))
    coupon_json = json.dumps([order.coupon_id, coupon.code, "percent", coupon.percent], separators=(",", ":"))
    info = Meta(order.coupon_id, "coupon_info", coupon_json)
    line = {
        "id": order.coupon_id,
        "code": coupon.code,
        "discount": f"{cents(off).normalize():f}",
        "discount_tax": _totals(order)["discount_tax"],
        "meta_data": [_item_meta(info)],
        "discount_type": "percent",
        "nominal_amount": coupon.percent,
        "free_shipping": False,
    }
    return [line]


def _refund_summary(refund: Refund) -> Document:
    tax = sum((line.tax for line in refund.lines), Decimal(0))
    return {"id": refund.id, "reason": refund.reason, "total": _negative(refund.amount), "total_tax": _negative(tax)}


def _end(site: Site, order: Order, products: _PRODUCTS) -> Document:
    sold = [products.get(line.article_id) for line in order.lines]
    path = f"orders/{order.id}"
    links = site.links(path)
    links["email_templates"] = [{"embeddable": True, "href": site.api(f"{path}/actions/email_templates")}]
    if order.customer_id:
        links["customer"] = [{"href": site.api(f"customers/{order.customer_id}")}]
    return {
        "payment_url": f"{site.url}/checkout/order-pay/{order.id}/?pay_for_order=true&key={order.key}",
        "is_editable": order.status in ("pending", "on-hold"),
        "needs_payment": order.status in ("pending", "failed") and order.total > 0,
        "needs_processing": any(product.needs_processing for product in sold if product),
        "date_created_gmt": gmt(order.created_at),
        "date_modified_gmt": gmt(order.modified_at),
        "date_completed_gmt": gmt(order.completed_at),
        "date_paid_gmt": gmt(order.paid_at),
        "currency_symbol": "$",
        "_links": links,
    }
