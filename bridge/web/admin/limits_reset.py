"""The form that resets the limits of many users: of all, or of those with a role."""

from __future__ import annotations

from dataclasses import replace

from flask import Blueprint, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue

from bridge.domain.admin.admins import Role
from bridge.domain.errors import InvalidRequest, KeyReused
from bridge.domain.metering.limits import Period
from bridge.domain.stores.stores import Store
from bridge.services.admin import limit_reset
from bridge.services.stores import settings
from bridge.web.admin import limits_view
from bridge.web.admin.balance_form import sent_key
from bridge.web.admin.limits import show_again
from bridge.web.admin.limits_view import ResetForm
from bridge.web.admin.sessions import current_admin, needs
from bridge.web.admin.user_limits_view import period_words
from bridge.web.context import reading, transaction, utcnow

bp = Blueprint("limits_reset", __name__, url_prefix="/admin/<store>/settings/limits/reset")


@bp.post("")
@needs(Role.MANAGER)
def save(store: str) -> ResponseReturnValue:
    """Begin new windows for many users; a form that is sent twice resets once."""
    key = sent_key()
    with reading() as connection:
        found = settings.get_store(connection, store)
        form = limits_view.begin_reset(connection, found)
    form = _checked(
        replace(form, module=_typed("module"), role=_typed("role"), period=_typed("period"), confirm=_typed("confirm")),
        found,
    )
    if form.error:
        return show_again(store, reset=form), 422
    period = Period(form.period) if form.period else None
    try:
        limit_reset.reset_many(
            transaction,
            found,
            form.module or None,
            form.role or None,
            period,
            key=key,
            admin=current_admin(),
            now=utcnow(),
        )
    except InvalidRequest as error:
        words = error.fields[0].message
        return show_again(store, reset=replace(form, error=f"Nothing was reset: {words}.", error_field="period")), 422
    except KeyReused:
        flash("Nothing was reset: this form was already sent with other values. Try again from this page.", "bad")
    else:
        flash(_done(form, period))
    return redirect(url_for("limits.show", store=store), 303)


def _typed(name: str) -> str:
    return request.form.get(name, "").strip()[:110]


def _checked(form: ResetForm, store: Store) -> ResetForm:
    """Return the form, with an error if a value is not one of those that the page offers."""
    if form.module and form.module not in dict(form.modules):
        return replace(form, module="", error="Choose one of the store’s modules.", error_field="module")
    if form.role and form.role not in form.roles:
        return replace(form, role="", error="Choose one of the roles.", error_field="role")
    if form.period and form.period not in set(Period):
        return replace(form, period="", error="Choose one of the windows.", error_field="period")
    if form.confirm != store.slug:
        return replace(form, error=f"Nothing was reset: type {store.slug} to confirm it.", error_field="confirm")
    return form


def _done(form: ResetForm, period: Period | None) -> str:
    label = dict(form.modules)[form.module] if form.module else "All modules"
    users = f"users with the role {form.role}" if form.role else "all users and guests"
    which = f" in the limits {period_words(period)}" if period else ""
    return f"{label}: the use of {users} counts from 0 again{which}."
