"""The Prices page: the operations of a store and their prices."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from bridge.domain.admin.admins import Role
from bridge.domain.errors import InvalidRequest
from bridge.domain.metering.errors import UnknownOperation
from bridge.domain.metering.pricing import Operation
from bridge.services.admin import price_settings, what_if
from bridge.services.admin.price_settings import Conflict
from bridge.services.metering import prices
from bridge.services.stores import settings
from bridge.storage.engine.database import Connection
from bridge.web.admin import prices_form, prices_view
from bridge.web.admin.prices_form import PriceForm
from bridge.web.admin.prices_view import PricePreview
from bridge.web.admin.sessions import current_admin, needs, signed_in
from bridge.web.api.limits import operation_key
from bridge.web.context import in_transaction, reading, utcnow

bp = Blueprint("prices", __name__, url_prefix="/admin/<store>/settings/prices")

_FAULTY = "Nothing was saved. Correct the fields that are marked below."


@bp.get("")
@signed_in
def show(store: str) -> ResponseReturnValue:
    """Show the price list; `?edit=` opens the form of one operation."""
    key, form = request.args.get("edit"), PriceForm()
    if key:
        with reading() as connection:
            found = settings.get_store(connection, store)
            form = prices_form.form_of(prices.get_operation(connection, found.id, operation_key(key)))
    return _render(store, form)


@bp.post("")
@needs(Role.OWNER)
def save(store: str) -> ResponseReturnValue:
    """Add or change an operation, or preview what last month's use would have cost."""
    form = prices_form.read_form(request.form)
    operation = prices_form.to_operation(form)
    if operation is None:
        return _render(store, form, error=_FAULTY), 422
    try:
        if request.form.get("action") == "preview":
            return _render(store, form, preview=_preview(store, operation))
        conflict = _put(store, operation, form.version)
    except InvalidRequest as error:
        form.note(error)
        return _render(store, form, error=_FAULTY), 422
    if conflict is not None:
        with reading() as connection:
            found = settings.get_store(connection, store)
        form.errors["form"] = prices_view.conflict_sentence(found, conflict)
        form.version = price_settings.version_of(conflict.current)
        return _render(store, form, error="Nothing was saved."), 409
    flash(f"The price of {operation.key} was saved. It applies from now on.")
    return redirect(url_for("prices.show", store=store), 303)


@bp.post("/<key>/delete")
@needs(Role.OWNER)
def delete(store: str, key: str) -> ResponseReturnValue:
    """Delete an operation, unless others are made of it or it was changed meanwhile."""
    operation, admin, now = operation_key(key), current_admin(), utcnow()
    expected = request.form.get("was", "")

    def drop(connection: Connection) -> Conflict | None:
        found = settings.get_store(connection, store)
        return price_settings.drop(connection, found.id, operation, expected=expected, actor=admin.email, now=now)

    try:
        conflict = in_transaction(drop)
    except UnknownOperation:
        flash(f"{operation} was deleted already.")
    except InvalidRequest as error:
        flash(f"{operation} was not deleted: {error.fields[0].message}."[:600], "bad")
    else:
        if conflict is None:
            flash(f"{operation} was deleted. Requests that name it are refused.")
        else:
            flash(f"{operation} was not deleted, because it was changed meanwhile. Check its price first.", "bad")
    return redirect(url_for("prices.show", store=store), 303)


def _put(store: str, operation: Operation, expected: str) -> Conflict | None:
    admin, now = current_admin(), utcnow()

    def put(connection: Connection) -> Conflict | None:
        found = settings.get_store(connection, store)
        return price_settings.save(connection, found.id, operation, expected=expected, actor=admin.email, now=now)

    return in_transaction(put)


def _preview(store: str, operation: Operation) -> PricePreview:
    with reading() as connection:
        found = settings.get_store(connection, store)
        replay = what_if.replay_price(connection, found.id, operation, now=utcnow())
    return prices_view.build_preview(replay)


def _render(store: str, form: PriceForm, *, preview: PricePreview | None = None, error: str = "") -> str:
    with reading() as connection:
        found = settings.get_store(connection, store)
        page = prices_view.build(connection, found, form, preview=preview, error=error)
    return render_template("admin/prices.html", page=page, form=form, store=page.store, admin=current_admin())
