"""The exceptions page: orders that want an owner's look, each with what can be done about it."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from bridge.domain.accounts import MAX_USER_ID
from bridge.domain.errors import BalanceOutOfRange, OrderHasCustomer, ShopUnreachable, UnknownUser
from bridge.domain.languages import number as written
from bridge.services import question_pages, questions, stores
from bridge.services.answers import Document
from bridge.services.question_pages import AssignForm
from bridge.storage.database import Connection
from bridge.web.context import in_transaction, parts, reading, transaction, utcnow
from bridge.web.parsing import path_number
from bridge.web.sessions import current_admin, signed_in

bp = Blueprint("questions", __name__, url_prefix="/admin/<store>/exceptions")


@bp.get("")
@signed_in
def show(store: str) -> ResponseReturnValue:
    """A page of the list; `?assign=` opens the form of one order."""
    chosen = request.args.get("assign")
    return _render(store, AssignForm(path_number(chosen, "assign")) if chosen else None)


@bp.post("/<number>/assign")
@signed_in
def assign(store: str, number: str) -> ResponseReturnValue:
    """Give a guest's order to a user, in the admin's name; on any trouble the same page again."""
    order, typed, admin = path_number(number, "number"), request.form.get("user_id", "").strip()[:40], current_admin()
    if not typed.isascii() or not typed.isdigit() or len(typed) > 16 or not 1 <= int(typed) <= MAX_USER_ID:
        return _render(store, AssignForm(order, typed, "Give the user’s ID in the shop, a whole number.")), 422

    def give(connection: Connection) -> Document:
        found = stores.get_store(connection, store)
        return question_pages.assign(connection, found, order, int(typed), actor=admin.email, now=utcnow())

    try:
        document = in_transaction(give)
    except UnknownUser:
        error = f"There is no user {int(typed)} here yet. Users appear with their first order or use of a feature."
        return _render(store, AssignForm(order, typed, error)), 422
    except (OrderHasCustomer, BalanceOutOfRange) as error:
        return _render(store, AssignForm(order, typed, error.detail)), 409
    flash(f"Order {order} belongs to user {int(typed)} now: {_moved(document)}.")
    return _back(store)


@bp.post("/<number>/check")
@signed_in
def check(store: str, number: str) -> ResponseReturnValue:
    """Look at an order again: read back from the shop if it can be asked, then settled."""
    order = path_number(number, "number")
    with reading() as connection:
        found = stores.get_store(connection, store)
    try:
        document = questions.check(transaction, parts().shops, found, order, now=utcnow())
    except (ShopUnreachable, BalanceOutOfRange) as error:
        flash(f"Order {order} was not looked at: {error.detail}"[:600], "bad")
        return _back(store)
    left = "it still wants a look" if document["question"] else "nothing is open about it"
    flash(f"Order {order} was looked at again: {_moved(document)}, {left}.")
    return _back(store)


def _moved(document: Document) -> str:
    posted = document["posted"]
    if not posted:
        return "no tokens moved"
    return f"{written(abs(posted))} tokens were {'granted' if posted > 0 else 'taken back'}"


def _after() -> int:
    text = request.args.get("after")
    return path_number(text, "after", low=0) if text else 0


def _back(store: str) -> ResponseReturnValue:
    return redirect(url_for("questions.show", store=store, after=_after() or None), 303)


def _render(store: str, form: AssignForm | None) -> str:
    after = _after()
    with reading() as connection:
        found = stores.get_store(connection, store)
        page = question_pages.questions_page(connection, found, after=after, form=form)
    return render_template("questions.html", page=page, store=page.store, admin=current_admin())
