"""The admin's front door: signing in and out, and the list of stores."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from bridge.services import admins, stores
from bridge.web import sessions
from bridge.web.context import reading, transaction, utcnow
from bridge.web.sessions import current_admin, own_path, signed_in

bp = Blueprint("admin", __name__, url_prefix="/admin")
root = Blueprint("root", __name__)

_WRONG = (
    "E-mail or password is wrong. After several wrong tries in a row, signing in with an e-mail pauses for up to "
    "15 minutes."
)


@root.get("/")
def show_root() -> ResponseReturnValue:
    """Lead to the admin's pages."""
    return redirect(url_for("admin.home"), 303)


@bp.get("")
def home() -> ResponseReturnValue:
    """The sign-in form; for somebody signed in the stores, the only one at once, or the form to connect the first."""
    wanted = own_path(request.args.get("next"))
    admin = sessions.find_admin()
    if admin is None:
        return render_template("sign_in.html", email="", next=wanted, error="")
    if wanted:
        return redirect(request.script_root + wanted, 303)
    with reading() as connection:
        found = stores.list_stores(connection)
    if not found:
        return redirect(url_for("connecting.show"), 303)
    if len(found) == 1:
        return redirect(url_for("credits.show", store=found[0].slug), 303)
    return render_template("stores.html", stores=found, admin=admin)


@bp.get("/stores")
@signed_in
def list_stores() -> ResponseReturnValue:
    """Every store, and the way to connect another shop."""
    with reading() as connection:
        found = stores.list_stores(connection)
    return render_template("stores.html", stores=found, admin=current_admin())


@bp.post("/sign-in")
def sign_in() -> ResponseReturnValue:
    """Sign in, and go on to the page that was asked for."""
    email, password = request.form.get("email", "").strip(), request.form.get("password", "")
    wanted = own_path(request.form.get("next"))
    now = utcnow()
    admin = admins.sign_in(transaction, email, password, now=now)
    if admin is None:
        return render_template("sign_in.html", email=email[:320], next=wanted, error=_WRONG), 401
    sessions.begin(admin, now=now)
    return redirect(request.script_root + wanted if wanted else url_for("admin.home"), 303)


@bp.post("/sign-out")
def sign_out() -> ResponseReturnValue:
    """Sign out this browser."""
    sessions.end()
    return redirect(url_for("admin.home"), 303)


@bp.get("/<store>")
@signed_in
def store_home(store: str) -> ResponseReturnValue:
    """A store's first page: its credits."""
    with reading() as connection:
        slug = stores.get_store(connection, store).slug
    return redirect(url_for("credits.show", store=slug), 303)
