"""The forms of a user's limits: an own limit until a day, its removal, and resets."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date, datetime, timedelta

from flask import Blueprint, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue

from bridge.domain.accounts.accounts import MAX_TOKENS
from bridge.domain.admin.admins import Role
from bridge.domain.errors import FieldError, InvalidRequest, KeyReused
from bridge.domain.metering.errors import UnknownLimit
from bridge.domain.metering.limits import Allows, Override, Period, Rule, first_instant
from bridge.domain.stores.stores import Store
from bridge.services.admin import limit_reset
from bridge.services.metering import overrides
from bridge.services.metering.overview import get_policy
from bridge.services.stores import settings
from bridge.storage.engine.database import Connection
from bridge.web.admin.balance_form import sent_key
from bridge.web.admin.sessions import current_admin, needs
from bridge.web.admin.user import render_user
from bridge.web.admin.user_limits_view import LimitForm, own_words, period_words
from bridge.web.api.parsing import path_module, path_number, typed_amount
from bridge.web.context import in_transaction, reading, transaction, utcnow
from bridge.web.i18n.formatting import day, number

bp = Blueprint("user_limits", __name__, url_prefix="/admin/<store>/credits/<user_id>/limits")

_FIELDS = ("allows", "tokens", "second_allows", "second_tokens", "last_day")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


@bp.post("/<module>")
@needs(Role.MANAGER)
def save(store: str, user_id: str, module: str) -> ResponseReturnValue:
    """Set the user's own limit of a module; show the page again after an error."""
    user, key, now = path_number(user_id, "user_id"), path_module(module), utcnow()
    with reading() as connection:
        found = settings.get_store(connection, store)
        policy = get_policy(connection, found.id)
        label, limit = policy.label_of(key), policy.limits.get(key)
    form, override = _read_form(found, key, now=now)
    if override is None:
        return render_user(store, user, limit_form=form, now=now), 422
    admin = current_admin()

    def put(connection: Connection) -> None:
        # A form of a limit with one window does not show the rule for a second.
        keeps = "second_allows" not in request.form
        overrides.put_override(connection, found.id, user, override, keeps_second=keeps, actor=admin.email, now=now)

    in_transaction(put)
    # The period of a limit with one window is beside the message.
    words = own_words(override, limit if limit and limit.second else None)
    until = f" until the end of {day(date.fromisoformat(form.last_day))}" if override.ends_at else ""
    flash(f"{label}: the own limit of user {user} is {words}{until}.")
    return _back(store, user)


@bp.post("/<module>/remove")
@needs(Role.MANAGER)
def remove(store: str, user_id: str, module: str) -> ResponseReturnValue:
    """Remove the user's own limit of a module; the limits of the user's roles apply again."""
    user, key, admin, now = path_number(user_id, "user_id"), path_module(module), current_admin(), utcnow()

    def drop(connection: Connection) -> str:
        found = settings.get_store(connection, store)
        overrides.drop_override(connection, found.id, user, key, actor=admin.email, now=now)
        return get_policy(connection, found.id).label_of(key)

    try:
        label = in_transaction(drop)
    except UnknownLimit:
        flash(f"Nothing was changed: user {user} has no own limit for this module.", "bad")
    else:
        flash(f"{label}: the own limit of user {user} was removed. The limits of the roles apply again.")
    return _back(store, user)


@bp.post("/reset")
@needs(Role.MANAGER)
def reset(store: str, user_id: str) -> ResponseReturnValue:
    """Begin a new window of one module, or of all; a form that is sent twice resets once.

    Of a limit with two windows, the form may name one.
    """
    user, module, form_key = path_number(user_id, "user_id"), request.form.get("module", ""), sent_key()
    key = path_module(module) if module else None
    named = request.form.get("period", "")
    if named not in {"", *Period}:
        raise InvalidRequest(fields=[FieldError("period", "load the page again and choose one of the windows")])
    period = Period(named) if named else None
    with reading() as connection:
        found = settings.get_store(connection, store)
        label = get_policy(connection, found.id).label_of(key) if key else "All modules"
    try:
        limit_reset.reset(transaction, found, user, key, period, key=form_key, admin=current_admin(), now=utcnow())
    except KeyReused:
        flash("Nothing was changed: this form was already sent for another module. Try again from this page.", "bad")
    else:
        which = f" in the limit {period_words(period)}" if period else ""
        flash(f"{label}: the use of user {user} counts from 0 again{which}.")
    return _back(store, user)


def _read_form(store: Store, module: str, *, now: datetime) -> tuple[LimitForm, Override | None]:
    """Return the typed form and its limit; the limit is None, and the form has an error, if a field is invalid."""
    typed = {name: request.form.get(name, "").strip()[:40] for name in _FIELDS}
    form = LimitForm(module, **typed)
    if form.allows not in set(Allows):
        return replace(form, allows=Allows.AMOUNT.value, error="Choose one of the three.", error_field="allows"), None
    allows, tokens = Allows(form.allows), typed_amount(form.tokens)
    if allows is Allows.AMOUNT and tokens is None:
        error = f"Enter a whole number of tokens from 0 to {number(MAX_TOKENS)}."
        return replace(form, error=error, error_field="tokens"), None
    if form.second_allows not in {"", *Allows}:
        return replace(form, second_allows="", error="Choose one of the four.", error_field="second_allows"), None
    second, second_tokens = Allows(form.second_allows) if form.second_allows else None, typed_amount(form.second_tokens)
    if second is Allows.AMOUNT and second_tokens is None:
        error = f"Enter a whole number of tokens from 0 to {number(MAX_TOKENS)}."
        return replace(form, error=error, error_field="second_tokens"), None
    ends_at = None
    if form.last_day:
        ends_at = _end_of(form.last_day, store)
        if ends_at is None or ends_at <= now:
            error = "Enter today or a later day, or leave it empty for a limit without an end."
            return replace(form, error=error, error_field="last_day"), None
    return form, Override(
        module, _rule(allows, tokens), ends_at, None if second is None else _rule(second, second_tokens)
    )


def _rule(allows: Allows, tokens: int | None) -> Rule:
    return Rule(allows, (tokens or 0) if allows is Allows.AMOUNT else 0)


def _end_of(text: str, store: Store) -> datetime | None:
    """Return the end of a typed day on the store's clock; None if the text is not a day."""
    if not _DAY.fullmatch(text):
        return None
    try:
        return first_instant(date.fromisoformat(text) + timedelta(days=1), store.calendar.zone)
    except (ValueError, OverflowError):
        return None


def _back(store: str, user: int) -> ResponseReturnValue:
    return redirect(url_for("credits.show_user", store=store, user_id=user, _anchor="limits"), 303)
