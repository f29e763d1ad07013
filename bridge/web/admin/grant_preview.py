"""The page that says what a product or an order would grant; it writes nothing."""

from __future__ import annotations

import re
from dataclasses import replace
from decimal import Decimal

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue

from bridge.domain.accounts.accounts import MAX_USER_ID
from bridge.services.orders.grant_preview import Asked
from bridge.services.stores import settings
from bridge.web.admin import grant_preview_view as view
from bridge.web.admin.grant_preview_view import PreviewForm
from bridge.web.admin.sessions import current_admin, signed_in
from bridge.web.context import reading, utcnow

bp = Blueprint("grant_preview", __name__, url_prefix="/admin/<store>/packages/preview")

_PRODUCT = re.compile(r"(\d{1,16})(?:\s*/\s*(\d{1,16}))?", re.ASCII)
_QUANTITY = re.compile(r"\d{1,9}(?:[.,]\d{1,4})?", re.ASCII)
_MAX_TYPED = 100


@bp.get("")
@signed_in
def show(store: str) -> ResponseReturnValue:
    """Show what a product (`?product=`, `quantity=`, `stamp=`) or an order (`?order=`) would grant."""
    form = _read_form()
    with reading() as connection:
        page = view.build(connection, settings.get_store(connection, store), form, now=utcnow())
    status = 422 if page.form.error else 200
    return render_template("admin/grant_preview.html", page=page, store=page.store, admin=current_admin()), status


def _read_form() -> PreviewForm:
    typed = {
        name: request.args.get(name, "")[:_MAX_TYPED].replace("\0", "").strip()
        for name in ("product", "quantity", "stamp", "order")
    }
    if typed["order"]:
        return PreviewForm(order=typed["order"])
    if "product" not in request.args:
        return PreviewForm()
    form = PreviewForm(product=typed["product"], quantity=typed["quantity"] or "1", stamp=typed["stamp"])
    product = _PRODUCT.fullmatch(typed["product"])
    product_id, variation_id = (int(product[1]), int(product[2] or 0)) if product else (0, 0)
    if not 1 <= product_id <= MAX_USER_ID or variation_id > MAX_USER_ID:
        error = "Enter the ID of a product in the shop, such as 10, or of a variation, such as 10/3."
        return replace(form, error=error, error_field="product")
    quantity = Decimal(form.quantity.replace(",", ".")) if _QUANTITY.fullmatch(form.quantity) else Decimal(0)
    if quantity <= 0:
        return replace(form, error="Enter a quantity above 0, such as 2 or 1.5.", error_field="quantity")
    return replace(form, asked=Asked(product_id, variation_id, quantity, form.stamp))
