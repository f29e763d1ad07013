"""The page of the orders that differ from the shop."""

from __future__ import annotations

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue

from bridge.services.stores import settings
from bridge.web.admin import sync_view
from bridge.web.admin.sessions import current_admin, signed_in
from bridge.web.api.parsing import path_number
from bridge.web.context import reading

bp = Blueprint("comparison", __name__, url_prefix="/admin/<store>/comparison")


@bp.get("")
@signed_in
def show(store: str) -> ResponseReturnValue:
    """Show the orders that differ, the newest first, below the id `?before=`."""
    text = request.args.get("before")
    with reading() as connection:
        before = path_number(text, "before") if text else None
        page = sync_view.build(connection, settings.get_store(connection, store), before=before)
    return render_template("admin/comparison.html", page=page, store=page.store, admin=current_admin())
