"""Change the balance of one user, undo the change, and show the purchases."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from bridge.domain.admin.admins import Role
from bridge.domain.admin.balance_edits import Undo
from bridge.domain.errors import BalanceChanged, FieldError, InvalidRequest, KeyReused
from bridge.rendering.ids import decode_id, encode_id
from bridge.services.admin import balance_edits
from bridge.services.stores import settings
from bridge.web.admin import balance_form, purchases_view, user_query, users
from bridge.web.admin.balance_form import EditForm, Note, fragment, is_fragment, new_key, read_form
from bridge.web.admin.sessions import current_admin, needs, signed_in
from bridge.web.api.parsing import path_number
from bridge.web.context import in_transaction, reading, transaction, utcnow
from bridge.web.i18n.formatting import number

bp = Blueprint("balance", __name__, url_prefix="/admin/<store>/credits")

_TYPED = ("mode", "balance", "reason", "expected_balance")


def _resume() -> str:
    """Return the page whose form has the values of this request, for after the sign-in."""
    path: dict[str, Any] = request.view_args or {}
    typed = {name: request.form.get(name, "")[:500] for name in _TYPED}
    state = user_query.list_state()
    return url_for("credits.show", store=path["store"], edit=path["user_id"], **{**state, **typed})


@bp.post("/<user_id>/balance")
@needs(Role.MANAGER, resume=_resume)
def save(store: str, user_id: str) -> ResponseReturnValue:
    """Change a balance; after an error, show the form again with the typed values."""
    user, now = path_number(user_id, "user_id"), utcnow()
    with reading() as connection:
        found = settings.get_store(connection, store)
    form, change = read_form(found, user)
    if change is None:
        return _show_again(store, form, status=422)
    try:
        saved = balance_edits.save(transaction, found, user, change, key=form.key, admin=current_admin(), now=now)
    except BalanceChanged:
        with reading() as connection:
            form = balance_form.after_conflict(connection, found, form)
        return _show_again(store, form, status=409)
    except KeyReused:
        error = "This form was already sent with other values. Check the balance, then save again."
        return _show_again(store, replace(form, error=error, error_field="balance"), status=409)
    with reading() as connection:
        note = balance_form.saved_note(connection, found, user, saved.entry_id, now=now)
    if is_fragment():
        return fragment(note, store=found, balance=saved.balance)
    before = saved.balance - saved.tokens
    flash(f"The balance of user {user} changed from {number(before)} to {number(saved.balance)} tokens.")
    state = user_query.list_state() | {"changed": user, "entry": encode_id("en", saved.entry_id)}
    return redirect(url_for("credits.show", store=store, **state), 303)


@bp.post("/<user_id>/undo")
@needs(Role.MANAGER)
def undo(store: str, user_id: str) -> ResponseReturnValue:
    """Undo a change of a balance by a counter-entry."""
    user, entry_id = path_number(user_id, "user_id"), decode_id("en", request.form.get("entry", ""))
    if entry_id is None:
        raise InvalidRequest(fields=[FieldError("entry", "use the Undo button beside the balance")])
    with reading() as connection:
        found = settings.get_store(connection, store)
    admin, now = current_admin(), utcnow()
    undone = in_transaction(
        lambda connection: balance_edits.undo(connection, found, user, entry_id, admin=admin, now=now)
    )
    is_undone = undone.outcome in {Undo.DONE, Undo.DONE_BEFORE}
    sentence = balance_form.undo_sentence(undone)
    if is_fragment():
        note = Note(user, "undone") if is_undone else Note(user, error=sentence)
        return fragment(note, store=found, balance=undone.balance), 200 if is_undone else 409
    if not is_undone:
        return users.list_page(store, note=Note(user, error=sentence)), 409
    flash(sentence)
    return redirect(url_for("credits.show", store=store, changed=user, **user_query.list_state()), 303)


@bp.get("/<user_id>/purchases")
@signed_in
def show_purchases(store: str, user_id: str) -> ResponseReturnValue:
    """Show the purchases of one user: a page, or the contents of a panel for the page's script."""
    before = request.args.get("orders")
    with reading() as connection:
        page = purchases_view.purchases_page(
            connection,
            settings.get_store(connection, store),
            path_number(user_id, "user_id"),
            before=path_number(before, "orders", low=0) if before else None,
        )
    name = "admin/_purchases.html" if is_fragment() else "admin/purchases.html"
    return render_template(name, page=page, store=page.store, is_panel=is_fragment(), admin=current_admin())


def _show_again(store: str, form: EditForm, *, status: int) -> ResponseReturnValue:
    # The new form has its own key: the one that was sent may have been used.
    form = replace(form, key=new_key())
    if is_fragment():
        with reading() as connection:
            found = settings.get_store(connection, store)
        return fragment(form, store=found), status
    return users.list_page(store, edit=form), status
