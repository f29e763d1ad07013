"""The Limits page: the modules of a store, and the free use of each audience."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from bridge.domain.admin.admins import Role
from bridge.domain.errors import InvalidRequest
from bridge.services.admin import limit_settings, what_if
from bridge.services.admin.limit_settings import ModuleEdit, Saved
from bridge.services.stores import settings
from bridge.storage.engine.database import Connection
from bridge.web.admin import limits_form, limits_view
from bridge.web.admin.limits_form import LimitsForm
from bridge.web.admin.limits_view import LimitsPage, Preview, ResetForm
from bridge.web.admin.sessions import current_admin, needs, signed_in
from bridge.web.api.parsing import path_number
from bridge.web.context import in_transaction, reading, utcnow
from bridge.web.i18n.formatting import number

bp = Blueprint("limits", __name__, url_prefix="/admin/<store>/settings/limits")

_FAULTY = "Nothing was saved. Correct the fields that are marked below."


@bp.get("")
@signed_in
def show(store: str) -> ResponseReturnValue:
    """Show the modules and their limits."""
    with reading() as connection:
        found = settings.get_store(connection, store)
        form = limits_view.begin(connection, found, start=_start())
        page = limits_view.build(connection, found, form, start=_start())
    return _render(page)


@bp.post("")
@needs(Role.OWNER)
def save(store: str) -> ResponseReturnValue:
    """Save all modules and limits together, preview them, or add a row or a column to the form."""
    form, action = limits_form.read_form(request.form), request.form.get("action", "save")
    with reading() as connection:
        found = settings.get_store(connection, store)
        known = limit_settings.list_settings(connection, found.id)
    if form.role or action == "add-role":
        form.add_role()
        action = "add"
    if form.new_key or form.new_label or action == "add-module":
        form.add_module(known)
        action = "add"
    if second := request.form.get("add-second"):
        form.add_second(second)
        action = "add"
    if action == "add":
        if form.errors:
            return _show_again(store, form), 422
        return _show_again(store, form, notice="Added to the form below. Nothing is saved yet.")
    edits = limits_form.to_edits(form, known)
    if form.has_errors:
        return _show_again(store, form, error=_FAULTY), 422
    if action == "preview":
        return _show_again(store, form, preview=_preview(store, form, edits))
    return _save(store, form, edits)


def _save(store: str, form: LimitsForm, edits: list[ModuleEdit]) -> ResponseReturnValue:
    admin, now = current_admin(), utcnow()

    def put(connection: Connection) -> Saved:
        found = settings.get_store(connection, store)
        return limit_settings.save(connection, found, edits, order=form.order, actor=admin.email, now=now)

    saved = in_transaction(put)
    if not saved.is_done:
        with reading() as connection:
            found = settings.get_store(connection, store)
        for module in form.modules:
            if module.key in saved.conflicts:
                limits_view.note_conflict(module, found, saved.conflicts[module.key])
            elif module.key in saved.in_use:
                limits_view.note_usage(module, saved.in_use[module.key])
        return _show_again(store, form, error=_FAULTY), 409
    flash(_done(saved, is_reordered=form.order is not None))
    return redirect(url_for("limits.show", store=store, start=_start() or None), 303)


def _done(saved: Saved, *, is_reordered: bool) -> str:
    if saved.changed:
        count = len(saved.changed)
        return f"{number(count)} {'module was' if count == 1 else 'modules were'} saved. The limits apply from now on."
    return "The order was saved." if is_reordered else "Nothing to save: the settings are already like this."


def _preview(store: str, form: LimitsForm, edits: list[ModuleEdit]) -> Preview:
    with reading() as connection:
        found = settings.get_store(connection, store)
        wanted = limits_view.new_limits(edits, limit_settings.list_settings(connection, found.id))
        replay = what_if.replay_limits(connection, found.id, wanted, now=utcnow())
    return limits_view.build_preview(found, replay, {module.key: module.label for module in form.modules})


def show_again(store: str, *, reset: ResetForm) -> str:
    """Return the page with the stored limits, and the form that resets them as it was sent."""
    with reading() as connection:
        found = settings.get_store(connection, store)
        form = limits_view.begin(connection, found, start=_start())
        page = limits_view.build(connection, found, form, start=_start(), reset=reset)
    return _render(page)


def _show_again(
    store: str, form: LimitsForm, *, preview: Preview | None = None, error: str = "", notice: str = ""
) -> str:
    with reading() as connection:
        found = settings.get_store(connection, store)
        page = limits_view.build(connection, found, form, start=_start(), preview=preview, error=error, notice=notice)
    return _render(page)


def _render(page: LimitsPage) -> str:
    return render_template(
        "admin/limits.html",
        page=page,
        form=page.form,
        periods=limits_view.PERIODS,
        languages=limits_view.LANGUAGES,
        store=page.store,
        admin=current_admin(),
    )


def _start() -> int:
    text = request.args.get("start")
    if not text:
        return 0
    try:
        return path_number(text, "start", low=0)
    except InvalidRequest:
        return 0
