"""Erase a person from the page of a user: what goes, what stays, confirm."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from bridge.domain.admin.admins import Role
from bridge.runtime import runtime
from bridge.services.ops import account_erasure
from bridge.services.stores import settings
from bridge.web.admin.sessions import current_admin, needs
from bridge.web.admin.user_erase_view import erase_page
from bridge.web.api.parsing import path_number
from bridge.web.context import reading, utcnow

bp = Blueprint("user_erase", __name__, url_prefix="/admin/<store>/credits/<user_id>/erase")


@bp.get("")
@needs(Role.OWNER)
def show(store: str, user_id: str) -> ResponseReturnValue:
    """Show what an erasure deletes and what it keeps."""
    return _page(store, path_number(user_id, "user_id"), "")


@bp.post("")
@needs(Role.OWNER)
def save(store: str, user_id: str) -> ResponseReturnValue:
    """Erase the person; sent twice, the second changes nothing."""
    user = path_number(user_id, "user_id")
    typed = request.form.get("confirm", "").strip()[:40]
    if typed != str(user):
        return _page(store, user, typed, error=f"Type {user}, the ID of the user to erase."), 422
    with reading() as connection:
        found = settings.get_store(connection, store)
    erasure = account_erasure.erase(runtime().database, found, user, actor=current_admin().email, clock=utcnow)
    rest = "" if erasure.finished_at else " The texts of the store are still searched; this ends within minutes."
    flash(f"The data of user {user} is erased.{rest}")
    return redirect(url_for("credits.show_user", store=store, user_id=user), 303)


def _page(store: str, user: int, typed: str, *, error: str = "") -> str:
    with reading() as connection:
        page = erase_page(connection, settings.get_store(connection, store), user, now=utcnow())
    return render_template(
        "admin/user_erase.html", page=page, store=page.store, typed=typed, error=error, admin=current_admin()
    )
