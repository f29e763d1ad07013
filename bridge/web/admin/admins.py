"""The Admins pages of the installation and of single stores, and the page that accepts an invitation."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from bridge.domain.admin.admins import Admin, Role
from bridge.domain.errors import AdminExists, FieldError, InvalidRequest, LastAdmin, UnknownAdmin
from bridge.domain.stores.stores import Store
from bridge.services.admin import admins as accounts
from bridge.services.admin import invitations
from bridge.services.stores import settings
from bridge.storage.engine.database import Connection
from bridge.web.admin import admins_view
from bridge.web.admin.admins_view import InviteForm
from bridge.web.admin.sessions import current_admin, needs
from bridge.web.api.parsing import path_number
from bridge.web.context import in_transaction, reading, utcnow
from bridge.web.server.public_path import external_url

bp = Blueprint("admins", __name__, url_prefix="/admin/admins")
store_bp = Blueprint("store_admins", __name__, url_prefix="/admin/<store>/admins")
invitations_bp = Blueprint("invitations", __name__, url_prefix="/admin/invitations/<token>")

_CONFIRM = "Nothing was changed: tick the box to confirm that you take away your own access."


@bp.get("", defaults={"store": None})
@store_bp.get("")
@needs(Role.OWNER)
def show(store: str | None) -> ResponseReturnValue:
    """List the admins of the installation, or of a store."""
    return _render(store)


@bp.post("", defaults={"store": None})
@store_bp.post("")
@needs(Role.OWNER)
def invite(store: str | None) -> ResponseReturnValue:
    """Invite an admin and show the link once, without a redirect, which could not carry it."""
    email, admin, now = request.form.get("email", "")[:320], current_admin(), utcnow()
    form = InviteForm(email, request.form.get("role", ""))
    try:
        role = _role(form.role)
        invited = in_transaction(
            lambda connection: invitations.invite(
                connection, email, role=role, store_id=_store_id(connection, store), actor=admin.email, now=now
            )
        )
    except InvalidRequest as error:
        return _render(store, form=InviteForm(email, form.role, error.fields[0].message, error.fields[0].field)), 422
    except AdminExists as error:
        return _render(store, form=InviteForm(email, form.role, error.detail, "email")), 409
    if not invited.token:
        flash(f"{invited.email} has the role now, and signs in as before.")
        return _back(store)
    link = external_url("invitations.show_invitation", token=invited.token)
    return _render(store, invited=invited.email, link=link)


@bp.post("/<admin_id>/role", defaults={"store": None})
@store_bp.post("/<admin_id>/role")
@needs(Role.OWNER)
def change_role(store: str | None, admin_id: str) -> ResponseReturnValue:
    """Change the role of an admin."""
    wanted, admin, now = path_number(admin_id, "admin"), current_admin(), utcnow()
    role = _role(request.form.get("role", ""))
    if wanted == admin.id and not request.form.get("confirm"):
        flash(_CONFIRM, "bad")
        return _back(store)

    def change(connection: Connection) -> None:
        store_id = _store_id(connection, store)
        if store_id is not None:
            invitations.check_has_store_role(connection, wanted, store_id)
        invitations.set_role(connection, wanted, role, store_id=store_id, actor=admin.email, now=now)

    try:
        in_transaction(change)
    except LastAdmin as error:
        flash(f"Nothing was changed: {error.detail}.", "bad")
    else:
        flash(f"The role was changed to {role.value}.")
    return _back(store)


@bp.post("/<admin_id>/remove", defaults={"store": None})
@store_bp.post("/<admin_id>/remove")
@needs(Role.OWNER)
def remove(store: str | None, admin_id: str) -> ResponseReturnValue:
    """Remove an admin, or their role in a store."""
    wanted, admin, now = path_number(admin_id, "admin"), current_admin(), utcnow()
    if wanted == admin.id and not request.form.get("confirm"):
        flash(_CONFIRM, "bad")
        return _back(store)
    try:
        removed = in_transaction(
            lambda connection: invitations.remove(
                connection, wanted, store_id=_store_id(connection, store), actor=admin.email, now=now
            )
        )
    except LastAdmin as error:
        flash(f"Nothing was changed: {error.detail}.", "bad")
    else:
        flash(f"{removed.email} no longer has access{' to this store' if store else ''}.")
    return _back(store)


@invitations_bp.get("")
def show_invitation(token: str) -> ResponseReturnValue:
    """Show the form that accepts an invitation."""
    with reading() as connection:
        invited = invitations.find_invited(connection, token, now=utcnow())
    if invited is None:
        raise UnknownAdmin("this invitation was used or has expired; ask for a new one")
    return render_template("admin/invitation.html", email=invited.email, token=token, error="")


@invitations_bp.post("")
def accept(token: str) -> ResponseReturnValue:
    """Set the password of an invited admin; they sign in with it afterwards."""
    password, now = request.form.get("password", ""), utcnow()
    with reading() as connection:
        invited = invitations.find_invited(connection, token, now=now)
    if invited is None:
        raise UnknownAdmin("this invitation was used or has expired; ask for a new one")
    error = "" if password == request.form.get("repeated", "") else "The two passwords differ."
    if not error:
        try:
            in_transaction(lambda connection: invitations.accept(connection, token, password, now=now))
        except InvalidRequest as fault:
            error = f"{fault.fields[0].message.capitalize()}."
    if error:
        return render_template("admin/invitation.html", email=invited.email, token=token, error=error), 422
    return render_template(
        "admin/sign_in.html", email=invited.email, next=None, error="", note="Your password is set. Sign in with it."
    )


def _store(connection: Connection, slug: str | None) -> Store | None:
    return None if slug is None else settings.get_store(connection, slug)


def _store_id(connection: Connection, slug: str | None) -> int | None:
    found = _store(connection, slug)
    return None if found is None else found.id


def _role(text: str) -> Role:
    try:
        return Role(text)
    except ValueError as error:
        raise InvalidRequest(fields=[FieldError("role", "Choose a role.")]) from error


def _back(store: str | None) -> ResponseReturnValue:
    admin = current_admin()
    with reading() as connection:
        found = next((each for each in accounts.list_admins(connection) if each.id == admin.id), None)
        store_id = _store_id(connection, store)
    if found is None or not _is_owner(found.admin, store_id):
        # The admin removed their own role.
        return redirect(url_for("admin.list_stores"), 303)
    return redirect(url_for("admins.show") if store is None else url_for("store_admins.show", store=store), 303)


def _is_owner(admin: Admin, store_id: int | None) -> bool:
    return (admin.role if store_id is None else admin.role_in(store_id)) is Role.OWNER


def _render(store: str | None, *, form: InviteForm | None = None, invited: str = "", link: str = "") -> str:
    with reading() as connection:
        found = _store(connection, store)
        page = admins_view.build_page(
            connection, found, current_admin(), form or InviteForm(), invited=invited, link=link
        )
    return render_template("admin/admins.html", page=page, store=found, admin=current_admin())
