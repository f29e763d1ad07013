"""The second step of a sign-in: the code of an admin who has a second factor."""

from __future__ import annotations

import logging
from datetime import timedelta

from flask import Blueprint, Response, make_response, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue

from bridge.domain.errors import TooManySignIns
from bridge.runtime import runtime
from bridge.services.admin import admins
from bridge.services.admin.admins import SecondStep
from bridge.web.admin import devices, sessions
from bridge.web.admin.sessions import own_path
from bridge.web.context import utcnow

log = logging.getLogger(__name__)

bp = Blueprint("second_factor", __name__, url_prefix="/admin/second-factor")

LIFE = timedelta(minutes=5)
"""How long after the password the code can be entered."""
_KEY = "second_step"
_WRONG = "The code is wrong or was used before. Enter the next one, or one of your recovery codes."


def ask(step: SecondStep, wanted: str | None) -> ResponseReturnValue:
    """Remember that the password was right, and redirect to the form for the code."""
    session.clear()
    session[_KEY] = [step.admin_id, step.email, step.fingerprint, int(utcnow().timestamp())]
    return redirect(url_for("second_factor.show", next=wanted), 303)


@bp.get("")
def show() -> ResponseReturnValue:
    """Show the form for the code; a browser without a right password is sent to the sign-in."""
    if _step() is None:
        return redirect(url_for("admin.home"), 303)
    return _page("", 200)


@bp.post("")
def check() -> ResponseReturnValue:
    """Check the code and begin the session."""
    step, own = _step(), runtime()
    if step is None:
        return redirect(url_for("admin.home"), 303)
    try:
        signed_in = admins.finish_sign_in(
            own.database,
            step,
            request.form.get("code", "")[:40],
            throttles=own.sign_ins,
            client=devices.client_of(step.email),
            vault_=own.vault,
            **sessions.browser(),
            now=utcnow(),
        )
    except TooManySignIns as error:
        page = _page(f"Too many wrong codes. Try again in {error.retry_after_seconds} seconds.", 429)
        page.headers["Retry-After"] = str(error.retry_after_seconds)
        return page
    if signed_in is None:
        log.warning("a code of a second factor from %s was wrong", request.remote_addr)
        return _page(_WRONG, 401)
    return sessions.welcome(signed_in, step.email, own_path(request.form.get("next")))


def _step() -> SecondStep | None:
    held = session.get(_KEY)
    if not isinstance(held, list) or len(held) != 4:
        return None
    admin_id, email, fingerprint, at = held
    age = utcnow().timestamp() - at
    return SecondStep(admin_id, email, fingerprint) if -60 <= age <= LIFE.total_seconds() else None


def _page(error: str, status: int) -> Response:
    wanted = own_path(request.values.get("next"))
    return make_response(render_template("admin/second_step.html", error=error, next=wanted), status)
