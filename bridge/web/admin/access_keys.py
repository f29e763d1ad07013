"""The Access keys page: create, name, replace and revoke the keys of a store."""

from __future__ import annotations

from datetime import timedelta

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from bridge.domain.admin.admins import Role
from bridge.domain.errors import FieldError, InvalidRequest, KeyNameTaken, KeyReplaced
from bridge.services.stores import access_keys, settings
from bridge.storage.engine.database import Connection
from bridge.web.admin import access_keys_view as view
from bridge.web.admin.access_keys_view import NameForm, NewKey
from bridge.web.admin.sessions import current_admin, needs, signed_in
from bridge.web.api.parsing import path_number
from bridge.web.context import in_transaction, reading, utcnow
from bridge.web.i18n.formatting import local_time

bp = Blueprint("access_keys", __name__, url_prefix="/admin/<store>/settings/keys")

_MAX_NAME = 100
_JOINERS = "\u200c\u200d"
"""Invisible characters that names in some scripts need."""
_NEEDED = "Enter a name, such as the site or the feature that uses the key."
_TOO_LONG = "Enter a name of at most 100 characters."
_TAKEN = "Another key has this name. If you just created it and did not copy it, replace or revoke that key."


@bp.get("")
@signed_in
def show(store: str) -> ResponseReturnValue:
    """Show the keys."""
    return _render(store)


@bp.post("")
@needs(Role.OWNER)
def create(store: str) -> ResponseReturnValue:
    """Create a key and show it once, without a redirect, which could not carry it."""
    name, error = _name()
    admin = current_admin()
    if error:
        return _render(store, form=NameForm(0, name, error)), 422

    def make(connection: Connection) -> str:
        found = settings.get_store(connection, store)
        return access_keys.make(connection, found, name=name, actor=admin.email, now=utcnow())

    try:
        key = in_transaction(make)
    except KeyNameTaken:
        return _render(store, form=NameForm(0, name, _TAKEN)), 409
    return _render(store, new=NewKey(key, name))


@bp.post("/<key_id>/name")
@needs(Role.OWNER)
def rename(store: str, key_id: str) -> ResponseReturnValue:
    """Change the name of a key."""
    wanted, admin = path_number(key_id, "key_id"), current_admin()
    name, error = _name()
    if error:
        return _render(store, form=NameForm(wanted, name, error)), 422

    def change(connection: Connection) -> str:
        found = settings.get_store(connection, store)
        return access_keys.rename(connection, found, wanted, name, actor=admin.email, now=utcnow()).prefix

    try:
        prefix = in_transaction(change)
    except KeyNameTaken:
        return _render(store, form=NameForm(wanted, name, _TAKEN)), 409
    flash(f"The access key {prefix}… is named {name}.")
    return redirect(url_for("access_keys.show", store=store), 303)


@bp.post("/<key_id>/rotate")
@needs(Role.OWNER)
def rotate(store: str, key_id: str) -> ResponseReturnValue:
    """Replace a key by a new one, shown once; the earlier one works until the chosen time."""
    wanted, admin, now = path_number(key_id, "key_id"), current_admin(), utcnow()
    hours = request.form.get("hours", "")
    if hours not in {str(hour) for hour in view.GRACES}:
        raise InvalidRequest(fields=[FieldError("hours", "choose how long the earlier key works")])
    grace = timedelta(hours=int(hours))

    def replace(connection: Connection) -> NewKey:
        found = settings.get_store(connection, store)
        old, key = access_keys.rotate(connection, found, wanted, grace=grace, actor=admin.email, now=now)
        end = f"works until {local_time(now + grace, found.calendar.zone).text}" if grace else "is refused from now on"
        return NewKey(key, old.name, f"The earlier key {old.prefix}… {end}.")

    try:
        new = in_transaction(replace)
    except KeyReplaced:
        flash("Nothing was changed: this key was already replaced. Replace the newer key.", "bad")
        return redirect(url_for("access_keys.show", store=store), 303)
    return _render(store, new=new)


@bp.post("/<key_id>/revoke")
@needs(Role.OWNER)
def revoke(store: str, key_id: str) -> ResponseReturnValue:
    """Revoke a key permanently."""
    wanted, admin = path_number(key_id, "key_id"), current_admin()
    revoked = in_transaction(
        lambda connection: access_keys.revoke(
            connection, settings.get_store(connection, store), wanted, actor=admin.email, now=utcnow()
        )
    )
    flash(f"The access key {revoked.prefix}… was revoked. Requests with it are refused from now on.")
    return redirect(url_for("access_keys.show", store=store), 303)


def _name() -> tuple[str, str]:
    """Return the typed name, and why it cannot be used."""
    typed = request.form.get("name", "")[:1000]
    name = " ".join("".join(char if char.isprintable() or char in _JOINERS else " " for char in typed).split())
    return name, _NEEDED if not name.strip(_JOINERS) else _TOO_LONG if len(name) > _MAX_NAME else ""


def _render(store: str, *, form: NameForm | None = None, new: NewKey | None = None) -> str:
    with reading() as connection:
        found = settings.get_store(connection, store)
        page = view.build(connection, found, now=utcnow(), form=form, new=new)
    return render_template("admin/access_keys.html", page=page, store=page.store, admin=current_admin())
