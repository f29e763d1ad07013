"""The credits page: the users of a store."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue

from bridge.domain.admin.admins import Role
from bridge.rendering.ids import decode_id
from bridge.services.stores import settings
from bridge.web.admin import balance_form, user_query, users_view
from bridge.web.admin.balance_form import EditForm, Note, fragment, is_fragment, new_key, read_typed
from bridge.web.admin.sessions import current_admin, may, signed_in
from bridge.web.api.parsing import path_number
from bridge.web.context import reading, utcnow

bp = Blueprint("credits", __name__, url_prefix="/admin/<store>/credits")


@bp.get("")
@signed_in
def show(store: str) -> ResponseReturnValue:
    """Show a page of the list; `?edit=` opens the form of one user."""
    editing, changed = request.args.get("edit"), request.args.get("changed")
    edit = note = None
    with reading() as connection:
        found = settings.get_store(connection, store)
        if editing is not None and may(Role.MANAGER):
            user_id, typed, key = path_number(editing, "edit"), read_typed(request.args), new_key()
            edit = balance_form.begin_edit(connection, found, user_id, typed=typed, key=key)
        if changed is not None:
            user_id, entry_id = path_number(changed, "changed"), decode_id("en", request.args.get("entry", ""))
            note = balance_form.saved_note(connection, found, user_id, entry_id or 0, now=utcnow())
    if edit is not None and is_fragment():
        return fragment(edit, store=found)
    return list_page(store, edit=edit, note=note)


@dataclass(frozen=True, slots=True)
class BulkForm:
    """The form for many users with the typed values; `error` is about the field `error_field`."""

    scope: str = "selection"
    mode: str = "add"
    tokens: str = ""
    reason: str = ""
    users: frozenset[str] = frozenset()
    error: str = ""
    error_field: str = ""


def list_page(
    store: str, *, edit: EditForm | None = None, note: Note | None = None, bulk: BulkForm | None = None
) -> str:
    """Return the list that the request asks for, with the form of one user, a note beside a balance, or a bulk form."""
    listing, days, now = user_query.read_listing(), user_query.read_days(), utcnow()
    with reading() as connection:
        found = settings.get_store(connection, store)
        changed = note.user_id if note and note.tag else None
        page = users_view.credits_page(connection, found, listing, edit=edit, changed=changed, days=days, now=now)
    return render_template(
        "admin/credits.html",
        page=page,
        store=page.store,
        state=user_query.list_state(),
        note=note,
        bulk_key=new_key(),
        bulk=bulk or BulkForm(),
        admin=current_admin(),
    )
