"""The Audit log page: every change of a setting, of one store or of the whole installation."""

from __future__ import annotations

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue

from bridge.domain.admin.admins import Role
from bridge.domain.errors import FieldError, InvalidRequest
from bridge.rendering.ids import decode_id
from bridge.services.stores import settings
from bridge.services.stores.changes import Subject
from bridge.web.admin import changes_view
from bridge.web.admin.changes_view import Place
from bridge.web.admin.sessions import current_admin, needs, signed_in
from bridge.web.context import reading

bp = Blueprint("changes", __name__, url_prefix="/admin")


@bp.get("/<store>/changes")
@signed_in
def show(store: str) -> ResponseReturnValue:
    """Show a page of the changes of a store, the newest first."""
    with reading() as connection:
        found = settings.get_store(connection, store)
        page = changes_view.build_page(connection, found, _subject(), _place())
    return render_template("admin/changes.html", page=page, store=found, admin=current_admin())


@bp.get("/changes")
@needs(Role.OWNER)
def show_installation() -> ResponseReturnValue:
    """Show a page of the changes that belong to no store, such as those of admins of all stores."""
    with reading() as connection:
        page = changes_view.build_page(connection, None, _subject(), _place())
    return render_template("admin/changes.html", page=page, admin=current_admin())


def _subject() -> Subject | None:
    text = request.args.get("subject")
    if not text:
        return None
    try:
        return Subject(text)
    except ValueError as error:
        raise InvalidRequest(fields=[FieldError("subject", "choose one of the list")]) from error


def _place() -> Place:
    before, after = request.args.get("before"), request.args.get("after")
    if before:
        return Place(before=_id(before))
    return Place(after=_id(after)) if after else Place()


def _id(text: str) -> int:
    found = decode_id(changes_view.ID, text)
    if found is None:
        raise InvalidRequest(fields=[FieldError("page", "start again at the first page")])
    return found
