"""An admin's session: a row on the server; a signed cookie in the browser holds its id."""

from __future__ import annotations

import functools
import logging
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import ParamSpec

from flask import g, redirect, request, session, url_for
from flask.typing import ResponseReturnValue
from werkzeug.urls import iri_to_uri

from bridge.domain.admin.admins import Admin
from bridge.domain.errors import Unavailable
from bridge.services.admin import admins
from bridge.services.admin.admins import SignedIn
from bridge.web.context import in_transaction, reading, utcnow

log = logging.getLogger(__name__)

P = ParamSpec("P")

_SEEN_EVERY = timedelta(minutes=1)
_OWN_PATH = re.compile(r"/admin(?:/[\w\-.~%/]*)?(?:\?[!-\[\]-~]*)?", re.ASCII)


def begin(signed_in: SignedIn) -> None:
    """Start the session of this browser; nothing of an earlier session is kept."""
    session.clear()
    session["admin"] = signed_in.session_id


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
    return found.admin


def _note_use(session_id: str, now: datetime) -> None:
    try:
        in_transaction(lambda connection: admins.note_session_use(connection, session_id, now=now))
    except Unavailable:
        # Pages that only read are shown even while the database accepts no writes.
        log.info("the last use of a session could not be recorded")


def signed_in(view: Callable[P, ResponseReturnValue]) -> Callable[P, ResponseReturnValue]:
    """Allow a page for admins only; redirect everyone else to the sign-in page, and back afterwards."""

    @functools.wraps(view)
    def asked(*args: P.args, **kwargs: P.kwargs) -> ResponseReturnValue:
        admin = find_admin()
        if admin is None:
            wanted = iri_to_uri(request.full_path.rstrip("?")) if request.method == "GET" else None
            return redirect(url_for("admin.home", next=wanted), 303)
        g.admin = admin
        return view(*args, **kwargs)

    return asked


def current_admin() -> Admin:
    """Return the admin who sent this request; call it in views with `signed_in` only."""
    found: Admin = g.admin
    return found


def own_path(text: str | None) -> str | None:
    """Return the path to redirect to after the sign-in; None for anything but a page of this service."""
    return text if text is not None and _OWN_PATH.fullmatch(text) else None
