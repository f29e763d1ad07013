"""The credits page: the users of a store, and the form that corrects a balance."""

from __future__ import annotations

import re
import secrets
from dataclasses import replace

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from bridge.domain.accounts.accounts import MAX_TOKENS
from bridge.domain.admin.admins import Role
from bridge.domain.admin.user_list import Listing
from bridge.domain.errors import BalanceChanged, FieldError, InvalidRequest, KeyReused
from bridge.services.admin import balance_edit
from bridge.services.admin.balance_edit import BalanceChange
from bridge.services.stores import settings
from bridge.web.admin import user_query, users_view
from bridge.web.admin.sessions import current_admin, needs, signed_in
from bridge.web.admin.users_view import CreditsPage, EditForm
from bridge.web.api.parsing import path_number, typed_amount
from bridge.web.context import reading, transaction, utcnow
from bridge.web.i18n.formatting import number

bp = Blueprint("credits", __name__, url_prefix="/admin/<store>/credits")

_COUNT = re.compile(r"\d{1,16}", re.ASCII)
_KEY = re.compile(r"[\w-]{8,64}", re.ASCII)
_MAX_REASON = 500


@bp.get("")
@signed_in
def show(store: str) -> ResponseReturnValue:
    """Show a page of the list; `?edit=` opens the form of one user."""
    listing, days, now = user_query.read_listing(), user_query.read_days(), utcnow()
    editing, changed = request.args.get("edit"), request.args.get("changed")
    with reading() as connection:
        found = settings.get_store(connection, store)
        edit = None
        if editing is not None:
            edit = users_view.begin_edit(connection, found, path_number(editing, "edit"), key=_new_key())
        highlighted = path_number(changed, "changed") if changed is not None else None
        page = users_view.credits_page(connection, found, listing, edit=edit, changed=highlighted, days=days, now=now)
    return _render(page)


@bp.post("/<user_id>/balance")
@needs(Role.MANAGER)
def save_balance(store: str, user_id: str) -> ResponseReturnValue:
    """Correct a balance; after an error, show the page again with the typed values."""
    listing, number_ = user_query.read_listing(), path_number(user_id, "user_id")
    form, change = _read_form(number_)
    if change is None:
        return _show_again(store, listing, form, status=422)
    with reading() as connection:
        found = settings.get_store(connection, store)
    try:
        balance_edit.save(transaction, found, number_, change, key=form.key, admin=current_admin(), now=utcnow())
    except BalanceChanged:
        with reading() as connection:
            form = users_view.after_conflict(connection, found, form)
        return _show_again(store, listing, form, status=409)
    except KeyReused:
        error = "This form was already sent with other values. Check the balance, then save again."
        return _show_again(store, listing, replace(form, error=error, error_field="balance"), status=409)
    flash(f"The balance of user {number_} is now {number(change.balance)} tokens.")
    return redirect(url_for("credits.show", store=store, changed=number_, **user_query.list_state()), 303)


def _show_again(store: str, listing: Listing, form: EditForm, *, status: int) -> ResponseReturnValue:
    # The new form has its own key: the one that was sent may have been used.
    form, now = replace(form, key=_new_key()), utcnow()
    days = user_query.read_days()
    with reading() as connection:
        found = settings.get_store(connection, store)
        page = users_view.credits_page(connection, found, listing, edit=form, days=days, now=now)
    return _render(page), status


def _render(page: CreditsPage) -> str:
    return render_template(
        "credits.html", page=page, store=page.store, state=user_query.list_state(), admin=current_admin()
    )


def _read_form(user_id: int) -> tuple[EditForm, BalanceChange | None]:
    """Return the typed form and its change; the change is None, and the form has an error, if a field is invalid."""
    typed, reason = request.form.get("balance", "").strip(), request.form.get("reason", "").strip()
    expected, key = request.form.get("expected_balance", ""), request.form.get("form_key", "")
    if not _COUNT.fullmatch(expected) or not _KEY.fullmatch(key):
        raise InvalidRequest(fields=[FieldError("form", "load the page again; parts of its form are missing")])
    form = EditForm(user_id, typed[:40], int(expected), reason[:_MAX_REASON], key)
    balance = typed_amount(typed)
    if balance is None:
        error = f"Enter the new balance as a whole number from 0 to {number(MAX_TOKENS)}."
        return replace(form, error=error, error_field="balance"), None
    if balance == form.expected_balance:
        error = f"The balance is already {number(balance)}; enter a different one."
        return replace(form, error=error, error_field="balance"), None
    if not reason or len(reason) > _MAX_REASON or not reason.isprintable():
        error = (
            f"Enter a reason of one line and up to {_MAX_REASON} characters. It is stored in the ledger with your name."
        )
        return replace(form, error=error, error_field="reason"), None
    return form, BalanceChange(balance, form.expected_balance, reason)


def _new_key() -> str:
    return secrets.token_urlsafe(18)
