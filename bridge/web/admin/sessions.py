"""An admin's session: a row on the server; a signed cookie in the browser holds its id."""

from __future__ import annotations

import functools
import logging
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import ParamSpec

from flask import Response, current_app, g, make_response, redirect, request, session, url_for
from flask.typing import ResponseReturnValue
from werkzeug.urls import iri_to_uri

from bridge.domain.admin.admins import Admin, Role
from bridge.domain.errors import NotAllowed, Unavailable, UnknownStore
from bridge.services.admin import admins
from bridge.services.admin.admins import SignedIn
from bridge.services.stores import settings
from bridge.web.admin import devices
from bridge.web.context import in_transaction, reading, utcnow

log = logging.getLogger(__name__)

P = ParamSpec("P")

_SEEN_EVERY = timedelta(minutes=1)
_OWN_PATH = re.compile(r"/admin(?:/(?!\.|%2[eE])[\w\-.~%]+)*/?(?:\?[!-\[\]-~]*)?", re.ASCII)


def begin(signed_in: SignedIn) -> None:
    """Start the session of this browser; nothing of an earlier session is kept."""
    session.clear()
    session["admin"] = signed_in.session_id


def welcome(signed_in: SignedIn, email: str, wanted: str | None) -> Response:
    """Begin a session and redirect to the page that was wanted; the browser counts as known from now on."""
    begin(signed_in)
    response = make_response(redirect(request.script_root + wanted if wanted else url_for("admin.home"), 303))
    devices.remember(response, email)
    return response


def browser() -> dict[str, str]:
    """Return the browser and the address of this request, for the list of an admin's sessions."""
    return {"agent": request.user_agent.string, "address": request.remote_addr or ""}


def end() -> None:
    """End the session of this browser, in the cookie and on the server."""
    held = session.get("admin")
    session.clear()
    if isinstance(held, str):
        in_transaction(lambda connection: admins.end_session(connection, held))


def find_admin() -> Admin | None:
    """Return the admin who sent this request; None without a session, or if it has ended."""
    held = session.get("admin")
    if not isinstance(held, str):
        session.pop("admin", None)
        return None
    now = utcnow()
    with reading() as connection:
        found = admins.find_session(connection, held, now=now)
    if found is None:
        session.clear()
        return None
    if now - found.seen_at >= _SEEN_EVERY:
        _note_use(held, now)
    g.admin, g.role = found.admin, found.admin.role
    return found.admin


def _note_use(session_id: str, now: datetime) -> None:
    try:
        in_transaction(lambda connection: admins.note_session_use(connection, session_id, now=now))
    except Unavailable:
        # Pages that only read are shown even while the database accepts no writes.
        log.info("the last use of a session could not be recorded")


def needs(
    role: Role, *, resume: Callable[[], str] | None = None
) -> Callable[[Callable[P, ResponseReturnValue]], Callable[P, ResponseReturnValue]]:
    """Return a decorator: only an admin with this role may use the page.

    A page of one store, with its slug in the address, needs the role in that
    store; a store in which the admin has no role does not exist for them. Any
    other page needs it for the whole installation, but a viewer's is for
    everyone who is signed in. A browser without a session is sent to the
    sign-in, and back afterwards: after a form, to the page that `resume` returns,
    which has the typed values.
    """

    def protected(view: Callable[P, ResponseReturnValue]) -> Callable[P, ResponseReturnValue]:
        @functools.wraps(view)
        def checked(*args: P.args, **kwargs: P.kwargs) -> ResponseReturnValue:
            admin = find_admin()
            if admin is None:
                wanted = iri_to_uri(request.full_path.rstrip("?")) if request.method == "GET" else None
                if wanted is None and resume is not None:
                    wanted = resume().removeprefix(request.script_root)
                return redirect(url_for("admin.home", next=wanted), 303)
            g.role = _role_here(admin)
            if role is not Role.VIEWER and (g.role is None or not g.role.includes(role)):
                raise NotAllowed(f"This needs the role {role.value}. Ask an owner for it.")
            return view(*args, **kwargs)

        checked.needed_role = role  # type: ignore[attr-defined]
        checked.resumes = resume is not None  # type: ignore[attr-defined]
        return checked

    return protected


def signed_in(view: Callable[P, ResponseReturnValue]) -> Callable[P, ResponseReturnValue]:
    """Let only admins see a page; in a store, those who have a role in it."""
    return needs(Role.VIEWER)(view)


def own_account(view: Callable[P, ResponseReturnValue]) -> Callable[P, ResponseReturnValue]:
    """Let an admin see their own account: password, second factor and sessions. A session with a pass may not."""

    @functools.wraps(view)
    def checked(*args: P.args, **kwargs: P.kwargs) -> ResponseReturnValue:
        if current_admin().is_limited:
            raise NotAllowed("You came from WordPress. To change your account here, sign in with your password.")
        return view(*args, **kwargs)

    return signed_in(checked)


def _role_here(admin: Admin) -> Role | None:
    slug = (request.view_args or {}).get("store")
    if slug is None or admin.role is Role.OWNER:
        return admin.role
    with reading() as connection:
        store = settings.get_store(connection, slug)
    role = admin.role_in(store.id)
    if role is None:
        raise UnknownStore(f"There is no store {slug}.")
    return role


def current_admin() -> Admin:
    """Return the admin who sent this request, behind `needs`."""
    found: Admin = g.admin
    return found


def may(role: Role) -> bool:
    """Return whether the admin of this request has the role, in the store the page belongs to."""
    held: Role | None = g.get("role")
    return held is not None and held.includes(role)


def may_use(endpoint: str) -> bool:
    """Return whether the admin of this request has the role that a page of the same store declares."""
    needed: Role = getattr(current_app.view_functions[endpoint], "needed_role")  # noqa: B009 -- set by `needs`
    return may(needed)


def own_path(text: str | None) -> str | None:
    """Return the path to redirect to after the sign-in; None for anything but a page of this service."""
    return text if text is not None and _OWN_PATH.fullmatch(text) else None
