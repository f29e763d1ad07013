"""Merge another account into the account of a user: search it, compare both, confirm."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from bridge.domain.accounts.merging import AlreadyMerged, UserErased
from bridge.domain.admin.admins import Role
from bridge.domain.errors import BalanceOutOfRange, InvalidRequest, KeyReused, UnknownUser
from bridge.services.ops import account_merge
from bridge.services.stores import settings
from bridge.web.admin.balance_form import new_key, sent_key
from bridge.web.admin.sessions import current_admin, needs
from bridge.web.admin.user_merge_view import MergeForm, merge_page
from bridge.web.api.parsing import path_number
from bridge.web.context import reading, transaction, utcnow

bp = Blueprint("user_merge", __name__, url_prefix="/admin/<store>/credits/<user_id>/merge")

_REASON = 400


@bp.get("")
@needs(Role.OWNER)
def show(store: str, user_id: str) -> ResponseReturnValue:
    """Show the search for another account (`?q=`), or both accounts (`?from=`)."""
    other = request.args.get("from", "")
    form = MergeForm(
        from_user=path_number(other, "from") if other else None, search=_line(request.args.get("q", ""), 200)
    )
    return _page(store, path_number(user_id, "user_id"), form)


@bp.post("")
@needs(Role.OWNER)
def save(store: str, user_id: str) -> ResponseReturnValue:
    """Merge the two accounts; after an error, show both again with the typed values."""
    user, source = path_number(user_id, "user_id"), path_number(request.form.get("from", ""), "from")
    form = MergeForm(
        source, typed=_line(request.form.get("confirm", ""), 40), reason=_line(request.form.get("reason", ""), _REASON)
    )
    if form.typed != str(source):
        return _page(
            store, user, form.failed(f"Type {source}, the ID of the user that is merged.", "confirm"), status=422
        )
    with reading() as connection:
        found = settings.get_store(connection, store)
    try:
        account_merge.merge_from_form(
            transaction, found, user, source, reason=form.reason, key=sent_key(), admin=current_admin(), now=utcnow()
        )
    except (AlreadyMerged, UserErased, BalanceOutOfRange, InvalidRequest, UnknownUser) as error:
        return _page(store, user, form.failed(f"Nothing was changed: {error.detail}.", ""), status=409)
    except KeyReused:
        return _page(
            store,
            user,
            form.failed("Nothing was changed: this form was already sent with other values.", ""),
            status=409,
        )
    flash(f"User {source} is merged into user {user}.")
    return redirect(url_for("credits.show_user", store=store, user_id=user), 303)


def _line(text: str, most: int) -> str:
    return "".join(letter for letter in text if letter.isprintable()).strip()[:most]


def _page(store: str, user: int, form: MergeForm, *, status: int = 200) -> ResponseReturnValue:
    with reading() as connection:
        page = merge_page(connection, settings.get_store(connection, store), user, form, now=utcnow())
    text = render_template("admin/user_merge.html", page=page, store=page.store, key=new_key(), admin=current_admin())
    return text, status
