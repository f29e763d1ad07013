"""The Packages page: the products that grant tokens, and how many."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import datetime

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from bridge.domain.accounts.amounts import Reason, read_amount
from bridge.domain.admin.admins import Role
from bridge.domain.errors import (
    BalanceOutOfRange,
    FieldError,
    InvalidRequest,
    NoShopKeys,
    ShopUnreachable,
    UnknownPackage,
)
from bridge.domain.orders.errors import LineHasAmount
from bridge.domain.orders.packages import MAX_MONTHS, MAX_PLAN_NAME, Package
from bridge.domain.stores.pasted_text import is_line
from bridge.domain.stores.stores import Store
from bridge.runtime import runtime
from bridge.services.orders import late_packages, packages
from bridge.services.shop import product_import, review
from bridge.services.shop.reconcile import open_reading
from bridge.services.stores import settings
from bridge.storage.engine.database import Connection
from bridge.web.admin import packages_view
from bridge.web.admin.packages_view import AmountForm
from bridge.web.admin.sessions import current_admin, needs, signed_in
from bridge.web.api.parsing import path_number
from bridge.web.context import in_transaction, reading, transaction, utcnow
from bridge.web.i18n.formatting import number

bp = Blueprint("packages", __name__, url_prefix="/admin/<store>/packages")

_PATIENCE_SECONDS = 20
"""The longest time a button reads the shop; the scheduler does the rest."""

_DECIDING_SECONDS = 5
"""The longest time a decision processes orders in the request; the scheduler does the rest."""

_MAX_SEARCH = 200
_TYPED_FAULTS = {
    Reason.AMBIGUOUS: "This can be read in two ways: write the number without separators.",
    Reason.FRACTION: "Enter a whole number, without decimals.",
    Reason.NEGATIVE: "Enter 0 or more tokens.",
    Reason.TOO_LARGE: "This is too large: the most is 9,007,199,254,740,991.",
}
_TYPED_FAULT = "Enter how many tokens one unit grants, a whole number; 0 if the product is not a package."


@bp.get("")
@signed_in
def show(store: str) -> ResponseReturnValue:
    """Show a page of the products."""
    return _render(store)


@bp.post("/import")
@needs(Role.OWNER)
def import_products(store: str) -> ResponseReturnValue:
    """Read the products of the shop."""
    with reading() as connection:
        found = settings.get_store(connection, store)
    try:
        flash(import_now(found, utcnow(), seconds=_PATIENCE_SECONDS))
    except NoShopKeys:
        flash("The products cannot be read without API keys. Enter them on the Connection page.", "bad")
    except ShopUnreachable as error:
        flash(f"The products could not be read: {error.detail}."[:600], "bad")
    return redirect(url_for("packages.show", store=store), 303)


@bp.post("/<product>/<variation>")
@needs(Role.OWNER)
def save(store: str, product: str, variation: str) -> ResponseReturnValue:
    """Set what one unit of a product grants: tokens, or tokens each month of a plan.

    The page is shown again if a value is invalid.
    """
    form, admin, now = _read_amount_form(_key(product, variation)), current_admin(), utcnow()
    tokens = read_amount(form.tokens)
    if form.error or not isinstance(tokens, int):
        return _render(store, form), 422

    def put(connection: Connection) -> tuple[Store, Package]:
        found = settings.get_store(connection, store)
        return found, _put(connection, found, form, tokens, actor=admin.email, now=now)

    found, package = in_transaction(put)
    settled = packages.settle_waiting(transaction, found, package, now=now)
    done = f" {number(settled)} waiting orders were checked." if settled else ""
    name = package.name or f"product {form.key[1] or form.key[0]}"
    flash(f"{name} {_grants(package)}.{done}"[:600])
    return _back(store)


def _put(connection: Connection, store: Store, form: AmountForm, tokens: int, *, actor: str, now: datetime) -> Package:
    product_id, variation_id = form.key
    if "plan" not in request.form:
        # A page from before plans had fields: its plan stays.
        return packages.set_tokens(
            connection,
            store.id,
            product_id=product_id,
            variation_id=variation_id,
            tokens=tokens,
            actor=actor,
            now=now,
        )
    return packages.set_package(
        connection,
        store.id,
        product_id=product_id,
        variation_id=variation_id,
        tokens=tokens,
        plan=form.plan or None,
        months=int(form.months) if form.months else None,
        actor=actor,
        now=now,
    )


def _read_amount_form(key: tuple[int, int]) -> AmountForm:
    """Return the form of a product as it was sent, with the first error."""
    typed = request.form.get("tokens", "")[:100]
    plan = request.form.get("plan", "").replace("\0", "").strip()
    months = request.form.get("months", "").strip()[:10]
    form = AmountForm(key, typed[:40], "", plan[: MAX_PLAN_NAME + 1], months)
    tokens = read_amount(typed)
    if not isinstance(tokens, int):
        return replace(form, error=_TYPED_FAULTS.get(tokens, _TYPED_FAULT) if tokens is not None else _TYPED_FAULT)
    if len(plan) > MAX_PLAN_NAME or not is_line(plan):
        return replace(form, error=f"Enter a name of at most {MAX_PLAN_NAME} characters.", error_field="plan")
    is_count = months.isascii() and months.isdigit()
    if months and not (is_count and 1 <= int(months) <= MAX_MONTHS):
        return replace(form, error=f"Enter 1 to {MAX_MONTHS} months.", error_field="months")
    if bool(plan) != bool(months):
        error = "Enter the name and the months of the plan together, or neither."
        return replace(form, error=error, error_field="plan" if months else "months")
    if plan and not tokens:
        return replace(form, error="A plan grants at least 1 token each month.")
    return form


def _grants(package: Package) -> str:
    if not package.tokens:
        return "is not a package"
    if package.months:
        months = "1 month" if package.months == 1 else f"{number(package.months)} months"
        return f"gives {number(package.tokens)} tokens each month for {months}"
    return f"grants {number(package.tokens)} tokens"


@bp.post("/<product>/<variation>/clear")
@needs(Role.OWNER)
def clear(store: str, product: str, variation: str) -> ResponseReturnValue:
    """Remove the amount that was set; the shop's own counts again."""
    product_id, variation_id = _key(product, variation)
    admin, now = current_admin(), utcnow()

    def drop(connection: Connection) -> None:
        found = settings.get_store(connection, store)
        packages.drop_package(
            connection, found.id, product_id=product_id, variation_id=variation_id, actor=admin.email, now=now
        )

    try:
        in_transaction(drop)
    except UnknownPackage:
        flash("No amount is set here for this product.", "bad")
    else:
        flash(f"The shop’s own amount for product {variation_id or product_id} counts again.")
    return _back(store)


@bp.get("/<product>/<variation>/past-orders")
@signed_in
def show_past_orders(store: str, product: str, variation: str) -> ResponseReturnValue:
    """Show the orders of a product from before it was a package, to decide one by one."""
    product_id, variation_id = _key(product, variation)
    with reading() as connection:
        found = settings.get_store(connection, store)
        package = packages.get_package(connection, found.id, product_id=product_id, variation_id=variation_id)
        page = packages_view.build_past_orders(connection, found, package, after=_place(low=0) or (0, 0))
    return render_template("admin/past_orders.html", page=page, store=page.store, admin=current_admin())


@bp.post("/<product>/<variation>/past-orders")
@needs(Role.MANAGER)
def decide_past_orders(store: str, product: str, variation: str) -> ResponseReturnValue:
    """Grant or leave all orders of a product from before it was a package."""
    product_id, variation_id = _key(product, variation)
    decision, admin, now = request.form.get("decision", ""), current_admin(), utcnow()
    if decision not in late_packages.DECISIONS:
        raise InvalidRequest(fields=[FieldError("decision", "choose one of the two buttons")])

    def decide(connection: Connection) -> tuple[Store, Package]:
        found = settings.get_store(connection, store)
        return found, late_packages.decide(
            connection,
            found.id,
            product_id=product_id,
            variation_id=variation_id,
            decision=decision,
            actor=admin.email,
            now=now,
        )

    found, package = in_transaction(decide)
    until = time.monotonic() + _DECIDING_SECONDS
    settled = late_packages.settle_package(
        transaction, found, package, now=now, may_go_on=lambda: time.monotonic() < until
    )
    with reading() as connection:
        left = late_packages.count_orders(connection, found.id, package)
    done = "were granted" if decision == late_packages.GRANT else "stay at 0 tokens"
    more = " The others follow within minutes." if left else ""
    flash(f"{number(settled)} orders {done}.{more}")
    return _back(store)


@bp.post("/<product>/<variation>/past-orders/<order>/<line>")
@needs(Role.MANAGER)
def decide_past_order(store: str, product: str, variation: str, order: str, line: str) -> ResponseReturnValue:
    """Grant or leave one order line from before its product was a package."""
    product_id, variation_id = _key(product, variation)
    order_id, line_id = path_number(order, "order"), path_number(line, "line")
    decision, admin, now = request.form.get("decision", ""), current_admin(), utcnow()
    if decision not in late_packages.DECISIONS:
        raise InvalidRequest(fields=[FieldError("decision", "choose one of the two buttons")])

    def decide(connection: Connection) -> tuple[int, str]:
        found = settings.get_store(connection, store)
        package = packages.get_package(connection, found.id, product_id=product_id, variation_id=variation_id)
        tokens = (package.tokens or 0) if decision == late_packages.GRANT else 0
        settled = review.set_amount(connection, found, order_id, line_id, tokens=tokens, actor=admin.email, now=now)
        return tokens, settled.state.shown_number

    try:
        tokens, shown = in_transaction(decide)
    except (LineHasAmount, BalanceOutOfRange) as error:
        flash(f"Nothing was changed: {error.detail}."[:600], "bad")
    else:
        flash(f"One unit of line {line_id} of order {shown} grants {number(tokens)} tokens.")
    where = {"store": store, "product": product_id, "variation": variation_id}
    return redirect(url_for("packages.show_past_orders", **where), 303)  # type: ignore[arg-type]


def import_now(store: Store, now: datetime, *, seconds: float) -> str:
    """Read the products of a shop for up to this many seconds; return the result as a sentence.

    Raises `NoShopKeys` and `ShopUnreachable`.
    """
    until = time.monotonic() + seconds
    shop = open_reading(transaction, runtime().shops, store, may_go_on=lambda: time.monotonic() < until)
    with shop.shop:
        imported = product_import.import_products(shop, now=now)
    if imported.left:
        left = f"The other {number(imported.left)} are read within minutes."
        return f"{number(imported.products)} products were read. {left}"
    settled = f" {number(imported.settled)} waiting orders were processed." if imported.settled else ""
    return f"{number(imported.packages)} packages among {number(imported.products)} products were read.{settled}"


def _key(product: str, variation: str) -> tuple[int, int]:
    return path_number(product, "product"), path_number(variation, "variation", low=0)


def _place(*, low: int = 1) -> tuple[int, int] | None:
    text = request.args.get("after")
    if not text:
        return None
    product, _, variation = text.partition(".")
    if not product or not variation:
        raise InvalidRequest(fields=[FieldError("after", "start again at the first page")])
    return path_number(product, "after", low=low), path_number(variation, "after", low=0)


def _state() -> dict[str, str]:
    """Return the parameters of the list, which its links and forms keep."""
    wanted = {name: request.args.get(name, "")[:_MAX_SEARCH] for name in ("q", "open", "after")}
    return {name: value for name, value in wanted.items() if value}


def _back(store: str) -> ResponseReturnValue:
    return redirect(url_for("packages.show", store=store, **_state()), 303)  # type: ignore[arg-type]


def _render(store: str, form: AmountForm | None = None) -> str:
    search = request.args.get("q", "")[:_MAX_SEARCH].replace("\0", "").strip()
    with reading() as connection:
        page = packages_view.build(
            connection,
            settings.get_store(connection, store),
            after=_place(),
            search=search,
            is_open_only=request.args.get("open") == "1",
            form=form,
        )
    return render_template("admin/packages.html", page=page, store=page.store, state=_state(), admin=current_admin())
