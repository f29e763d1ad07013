"""An admin's session: a signed cookie that ends by itself, or with the password it was begun with."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import ParamSpec

from flask import g, redirect, request, session, url_for
from flask.typing import ResponseReturnValue
from werkzeug.urls import iri_to_uri

from bridge.domain.admins import Admin
from bridge.services import admins
from bridge.web.context import reading, utcnow

P = ParamSpec("P")

LONGEST = timedelta(hours=12)
"""How long a session lasts at most, however busy it is."""
IDLE = timedelta(hours=2)
"""How long a session lasts without a request."""

_SEEN_EVERY = timedelta(minutes=1)
_OWN_PATH = re.compile(r"/admin(?:/[\w\-.~%/]*)?(?:\?[!-\[\]-~]*)?", re.ASCII)


def begin(admin: Admin, *, now: datetime) -> None:
    """Begin a session; nothing of an earlier one is kept."""
    session.clear()
    session["admin"] = {"id": admin.id, "version": admin.session_version, "began": _second(now), "seen": _second(now)}


def end() -> None:
    """End the session of this browser."""
    session.clear()


def find_admin() -> Admin | None:
    """The admin who sent this request; None without a session, or with one that has ended."""
    held = session.get("admin")
    if not isinstance(held, dict):
        return None
    now = utcnow()
    if now - _instant(held["began"]) >= LONGEST or now - _instant(held["seen"]) >= IDLE:
        end()
        return None
    with reading() as connection:
        admin = admins.find_for_session(connection, held["id"], held["version"])
    if admin is None:
        end()
    elif now - _instant(held["seen"]) >= _SEEN_EVERY:
        session["admin"] = {**held, "seen": _second(now)}
    return admin


def signed_in(view: Callable[P, ResponseReturnValue]) -> Callable[P, ResponseReturnValue]:
    """Let a page be seen by an admin only; anybody else is sent to the sign-in, and back afterwards."""

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
    """The admin who sent this request, behind `signed_in`."""
    found: Admin = g.admin
    return found


def own_path(text: str | None) -> str | None:
    """The path to go on to after signing in; None for anything but a page of ours."""
    return text if text is not None and _OWN_PATH.fullmatch(text) else None


def _second(moment: datetime) -> int:
    return int(moment.timestamp())


def _instant(second: int) -> datetime:
    return datetime.fromtimestamp(second, UTC)
