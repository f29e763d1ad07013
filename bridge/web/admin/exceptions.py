"""The Exceptions page: orders that need attention, each with its choices."""

from __future__ import annotations

import re
from dataclasses import replace
from decimal import Decimal

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from bridge.domain.accounts.accounts import MAX_TOKENS, MAX_USER_ID
from bridge.domain.admin.admins import Role
from bridge.domain.errors import (
    BalanceOutOfRange,
    FieldError,
    InvalidRequest,
    OrderHasCustomer,
    ShopUnreachable,
    UnknownOrder,
    UnknownUser,
)
from bridge.domain.orders.errors import LineHasAmount, NoOpenRefunds, RefundsChanged, ReviewChanged
from bridge.domain.orders.merge import Refunds
from bridge.domain.orders.review_items import Question
from bridge.rendering import review_items
from bridge.runtime import runtime
from bridge.services.orders import apply
from bridge.services.shop import review
from bridge.services.shop.review import ReviewedOrder
from bridge.services.stores import settings
from bridge.storage.engine.database import Connection
from bridge.web.admin import exceptions_view
from bridge.web.admin.exceptions_view import AmountForm, AssignForm, Form
from bridge.web.admin.sessions import current_admin, needs, signed_in
from bridge.web.api.parsing import MONEY, path_number, typed_amount
from bridge.web.context import in_transaction, reading, transaction, utcnow
from bridge.web.i18n.formatting import number as written

bp = Blueprint("exceptions", __name__, url_prefix="/admin/<store>/exceptions")

_IDS = re.compile(r"(\d{1,16}(,\d{1,16})*)?", re.ASCII)


@bp.get("")
@signed_in
def show(store: str) -> ResponseReturnValue:
    """Show a page of the list; `?assign=` opens the form to assign an order, `?amounts=` the forms of its lines."""
    assigned, amounts_of = request.args.get("assign"), request.args.get("amounts")
    if assigned:
        return _render(store, AssignForm(path_number(assigned, "assign")))
    return _render(store, AmountForm(path_number(amounts_of, "amounts")) if amounts_of else None)


@bp.post("/<number>/assign")
@needs(Role.MANAGER)
def assign(store: str, number: str) -> ResponseReturnValue:
    """Assign a guest's order to a user, in the admin's name; show the page again after an error."""
    order, typed, admin = path_number(number, "number"), request.form.get("user_id", "").strip()[:200], current_admin()
    if not typed.isascii() or not typed.isdigit() or len(typed) > 16 or not 1 <= int(typed) <= MAX_USER_ID:
        return _find_users(store, order, typed)

    def give(connection: Connection) -> ReviewedOrder:
        found = settings.get_store(connection, store)
        return review.assign_to_known(connection, found, order, int(typed), actor=admin.email, now=utcnow())

    try:
        settled = in_transaction(give)
    except UnknownUser:
        error = f"There is no user {int(typed)} yet. Users appear with their first order or use of an AI feature."
        return _render(store, AssignForm(order, typed, error)), 422
    except (OrderHasCustomer, BalanceOutOfRange) as error:
        return _render(store, AssignForm(order, typed, error.detail)), 409
    flash(f"Order {settled.state.shown_number} was assigned to user {int(typed)}: {_moved(settled)}.")
    return _back(store)


def _find_users(store: str, order: int, typed: str) -> ResponseReturnValue:
    """Show the users whose name or email was typed, to choose one of them."""
    with reading() as connection:
        found = exceptions_view.matching_users(connection, settings.get_store(connection, store), typed, now=utcnow())
    if found:
        return _render(store, AssignForm(order, typed, matches=found))
    error = "Enter the user’s ID, or a part of the name or email." if not typed else f"No user matches “{typed}”."
    return _render(store, AssignForm(order, typed, error)), 422


@bp.post("/<number>/lines/<line>")
@needs(Role.MANAGER)
def set_amount(store: str, number: str, line: str) -> ResponseReturnValue:
    """Set the tokens of an order line, in the admin's name; show the page again after an error."""
    order, place = path_number(number, "number"), path_number(line, "line")
    typed, admin = request.form.get("tokens", "").strip(), current_admin()
    form, tokens = AmountForm(order, place, typed[:40]), typed_amount(typed)
    if tokens is None:
        error = f"Enter how many tokens one unit grants, a whole number from 0 to {written(MAX_TOKENS)}."
        return _render(store, replace(form, error=error)), 422

    def set_amounts(connection: Connection) -> ReviewedOrder:
        found = settings.get_store(connection, store)
        return review.set_amount(connection, found, order, place, tokens=tokens, actor=admin.email, now=utcnow())

    try:
        settled = in_transaction(set_amounts)
    except BalanceOutOfRange as error:
        return _render(store, replace(form, error=f"The amount is too large: {error.detail.rstrip('.')}.")), 409
    except LineHasAmount as error:
        flash(f"Nothing was changed: {error.detail}."[:600], "bad")
        return _back(store)
    shown = settled.state.shown_number
    flash(f"One unit of line {place} of order {shown} grants {written(tokens)} tokens: {_moved(settled)}.")
    is_more = any(item.kind is Question.UNKNOWN_PRODUCT for item in settled.state.reviews)
    return _back(store, amounts=order if is_more else None)


@bp.post("/<number>/seen")
@needs(Role.MANAGER)
def see_refunds(store: str, number: str) -> ResponseReturnValue:
    """Mark the refunds shown on the page as reviewed, in the admin's name."""
    order, shown, admin = path_number(number, "number"), _shown_refunds(), current_admin()

    def see(connection: Connection) -> ReviewedOrder:
        found = settings.get_store(connection, store)
        return review.see_refunds(connection, found, order, shown, actor=admin.email, now=utcnow())

    try:
        settled = in_transaction(see)
    except RefundsChanged:
        flash(
            f"The refunds of order {_shown_number(store, order)} changed since the page was loaded. Review them again.",
            "bad",
        )
    except NoOpenRefunds:
        flash(f"Order {_shown_number(store, order)} has no refunds to review.", "bad")
    else:
        flash(
            f"The refunds of order {settled.state.shown_number} were marked as reviewed: {_moved(settled)}."
            " A new refund opens the exception again."
        )
    return _back(store)


@bp.post("/<number>/decide")
@needs(Role.MANAGER)
def decide(store: str, number: str) -> ResponseReturnValue:
    """Store a decision about a review item, in the admin's name."""
    order, admin = path_number(number, "number"), current_admin()
    kind = next((kind for kind in Question if kind and kind.value == request.form.get("kind")), None)
    subject, choice = request.form.get("subject", "")[:500], request.form.get("choice", "")[:40]
    if kind is None:
        raise InvalidRequest(fields=[FieldError("form", "load the page again; parts of its form are missing")])

    def act(connection: Connection) -> ReviewedOrder:
        found = settings.get_store(connection, store)
        return review.decide(
            connection, found, order, kind=kind, subject=subject, choice=choice, actor=admin.email, now=utcnow()
        )

    try:
        settled = in_transaction(act)
    except ReviewChanged:
        shown = _shown_number(store, order)
        flash(f"Nothing was changed: order {shown} changed since the page was loaded. Check it again.", "bad")
    except BalanceOutOfRange as error:
        flash(f"Nothing was changed: {error.detail}"[:600], "bad")
    else:
        flash(f"Your choice about order {settled.state.shown_number} was saved: {_moved(settled)}.")
    return _back(store)


@bp.post("/check")
@needs(Role.MANAGER)
def check_by_number(store: str) -> ResponseReturnValue:
    """Check an order by its ID or the number shown in the shop."""
    typed = request.form.get("order", "").strip()[:100]
    with reading() as connection:
        found = settings.get_store(connection, store)
        order = review.find_order(connection, found, typed)
    if order is None:
        flash("Enter the ID of an order, or the number shown in the shop.", "bad")
        return _back(store)
    try:
        settled = review.check(transaction, runtime().shops, found, order, now=utcnow())
    except (UnknownOrder, ShopUnreachable) as error:
        flash(f"Order {typed} was not checked: {error.detail}."[:600], "bad")
        return _back(store)
    names = [line.line.name for line in settled.state.lines][:3]
    status = settled.state.status or "unknown"
    left = "It needs attention: see the list." if settled.state.reviews else "It has no exceptions."
    flash(f"Order {typed} ({status}; {', '.join(names) or 'no lines'}) was checked: {_moved(settled)}. {left}"[:600])
    return _back(store)


@bp.post("/<number>/check")
@needs(Role.MANAGER)
def check(store: str, number: str) -> ResponseReturnValue:
    """Check an order again: read it from the shop if the store has keys, and apply it."""
    order = path_number(number, "number")
    with reading() as connection:
        found = settings.get_store(connection, store)
    try:
        settled = review.check(transaction, runtime().shops, found, order, now=utcnow())
    except ShopUnreachable as error:
        flash(f"Order {order} was not checked: {error.detail}."[:600], "bad")
        return _back(store)
    left = "It still needs attention." if settled.state.reviews else "It has no exceptions."
    flash(f"Order {settled.state.shown_number} was checked: {_moved(settled)}. {left}")
    return _back(store)


def _moved(settled: ReviewedOrder) -> str:
    posted = settled.posted
    if not posted:
        return "no tokens moved"
    return f"{written(abs(posted))} tokens were {'granted' if posted > 0 else 'removed'}"


def _after() -> int:
    text = request.args.get("after")
    return path_number(text, "after", low=0) if text else 0


def _shown_number(store: str, order: int) -> str:
    with reading() as connection:
        return apply.shown_number(connection, settings.get_store(connection, store), order)


def _shown_refunds() -> Refunds:
    ids, total = request.form.get("ids", ""), request.form.get("total", "")
    if not _IDS.fullmatch(ids) or not re.fullmatch(MONEY, total):
        raise InvalidRequest(fields=[FieldError("form", "load the page again; parts of its form are missing")])
    return Refunds(tuple(sorted({int(id_) for id_ in ids.split(",") if id_})), Decimal(total))


def _back(store: str, *, amounts: int | None = None) -> ResponseReturnValue:
    return redirect(url_for("exceptions.show", store=store, after=_after() or None, amounts=amounts), 303)


def _render(store: str, form: Form | None) -> str:
    after = _after()
    with reading() as connection:
        found = settings.get_store(connection, store)
        page = exceptions_view.build(connection, found, after=after, form=form)
    return render_template(
        "admin/exceptions.html", page=page, store=page.store, admin=current_admin(), describe=review_items.describe
    )
