"""The first admin pages: sign in, sign out, and the list of stores."""

from __future__ import annotations

import logging

from flask import Blueprint, Response, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from bridge.domain.admin.admins import Admin, Role
from bridge.domain.errors import TooManySignIns
from bridge.domain.stores.stores import Store
from bridge.runtime import runtime
from bridge.services.admin import admins
from bridge.services.admin.admins import SecondStep
from bridge.services.stores import settings
from bridge.web.admin import devices, second_step, sessions, stores_view
from bridge.web.admin.sessions import current_admin, own_path, signed_in
from bridge.web.context import reading, utcnow

log = logging.getLogger(__name__)

bp = Blueprint("admin", __name__, url_prefix="/admin")
root = Blueprint("root", __name__)

_WRONG = "The email or password is wrong. After several wrong passwords in a row, you must wait up to a minute."
_TOO_MANY = "Too many wrong passwords from this address for this email."


@root.get("/")
def show_root() -> ResponseReturnValue:
    """Redirect to the admin pages."""
    return redirect(url_for("admin.home"), 303)


@bp.get("")
def home() -> ResponseReturnValue:
    """Show the sign-in form; redirect a signed-in admin to the stores, the only store, or the form to connect one."""
    wanted = own_path(request.args.get("next"))
    admin = sessions.find_admin()
    if admin is None:
        return render_template("admin/sign_in.html", email="", next=wanted, error="")
    if wanted:
        return redirect(request.script_root + wanted, 303)
    with reading() as connection:
        found = _stores_of(admin, settings.list_stores(connection))
    if not found and admin.role is Role.OWNER:
        return redirect(url_for("connecting.show"), 303)
    if len(found) == 1:
        return redirect(url_for("credits.show", store=found[0].slug), 303)
    return _stores_page(admin)


@bp.get("/stores")
@signed_in
def list_stores() -> ResponseReturnValue:
    """Show all stores, and a button to connect another shop."""
    return _stores_page(current_admin())


@bp.post("/sign-in")
def sign_in() -> ResponseReturnValue:
    """Sign in, and redirect to the requested page."""
    email, password = request.form.get("email", "").strip(), request.form.get("password", "")
    wanted = own_path(request.form.get("next"))
    own = runtime()
    try:
        signed_in = admins.sign_in(
            own.database,
            email,
            password,
            throttles=own.sign_ins,
            client=devices.client_of(email),
            **sessions.browser(),
            now=utcnow(),
        )
    except TooManySignIns as error:
        page = _sign_in_page(email, wanted, f"{_TOO_MANY} Try again in {error.retry_after_seconds} seconds.", 429)
        page.headers["Retry-After"] = str(error.retry_after_seconds)
        return page
    if signed_in is None:
        log.warning("a sign-in from %s failed", request.remote_addr)
        return _sign_in_page(email, wanted, _WRONG, 401)
    if isinstance(signed_in, SecondStep):
        return second_step.ask(signed_in, wanted)
    return sessions.welcome(signed_in, email, wanted)


@bp.post("/sign-out")
def sign_out() -> ResponseReturnValue:
    """Sign out this browser."""
    sessions.end()
    return redirect(url_for("admin.home"), 303)


@bp.get("/<store>")
@signed_in
def store_home(store: str) -> ResponseReturnValue:
    """Redirect to a store's first page, the credits page."""
    with reading() as connection:
        slug = settings.get_store(connection, store).slug
    return redirect(url_for("credits.show", store=slug), 303)


def _stores_page(admin: Admin) -> str:
    own = runtime()
    with reading() as connection:
        found = _stores_of(admin, settings.list_stores(connection))
        shown = stores_view.cards(connection, found, public_url=own.config.public_url, vault=own.vault, now=utcnow())
    return render_template("admin/stores.html", stores=shown, admin=admin)


def _stores_of(admin: Admin, found: list[Store]) -> list[Store]:
    return [store for store in found if admin.role_in(store.id) is not None]


def _sign_in_page(email: str, wanted: str | None, error: str, status: int) -> Response:
    return make_response(render_template("admin/sign_in.html", email=email[:320], next=wanted, error=error), status)
