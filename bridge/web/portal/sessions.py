"""A buyer's session: a row on the server; a cookie of the portal's own paths holds its id."""

from __future__ import annotations

import functools
import hashlib
import hmac
from collections.abc import Callable
from typing import ParamSpec

from flask import Response, g, make_response, redirect, request, url_for
from flask.typing import ResponseReturnValue

from bridge.domain.portal.passes import PORTAL_SESSION, Access, Pass
from bridge.runtime import runtime
from bridge.services.portal import sessions
from bridge.services.portal.sessions import Buyer
from bridge.web.context import in_transaction, reading, utcnow
from bridge.web.i18n.formatting import Language
from bridge.web.portal import notices
from bridge.web.portal.notices import Notice

P = ParamSpec("P")

FORM_KEY = "form"
"""The field of every form that proves that the buyer's own page sent it."""
_RANK = {Access.NONE: 0, Access.PARTIAL: 1, Access.FULL: 2}


def cookie_name() -> str:
    """Return the name of the cookie; over https, browsers refuse it from a host without TLS."""
    prefix = "__Secure-" if runtime().config.public_url.startswith("https://") else ""
    return f"{prefix}token_bridge_account"


def begin(session_id: str) -> Response:
    """Start the session of this browser and redirect to the overview, whose address has no pass."""
    response = make_response(redirect(url_for("portal.overview"), 303))
    response.set_cookie(
        cookie_name(),
        session_id,
        max_age=int(PORTAL_SESSION.total_seconds()),
        path=_path(),
        secure=request.is_secure or runtime().config.public_url.startswith("https://"),
        httponly=True,
        samesite="Lax",
    )
    return response


def end(response: Response) -> Response:
    """End the session of this browser, in the cookie and on the server."""
    session_id = request.cookies.get(cookie_name())
    if session_id:
        in_transaction(lambda connection: sessions.end(connection, session_id))
    response.delete_cookie(cookie_name(), path=_path(), httponly=True, samesite="Lax")
    return response


def form_key() -> str:
    """Return the value of `FORM_KEY` in the forms of this session: no one who lacks the cookie can compute it."""
    session_id = request.cookies.get(cookie_name(), "")
    return hashlib.sha256(b"token-bridge form\0" + session_id.encode("utf-8", "surrogatepass")).hexdigest()


def needs(access: Access) -> Callable[[Callable[P, ResponseReturnValue]], Callable[P, ResponseReturnValue]]:
    """Return a decorator: only a buyer whose pass gave this access sees the page, and forms need `FORM_KEY`."""

    def protected(view: Callable[P, ResponseReturnValue]) -> Callable[P, ResponseReturnValue]:
        @functools.wraps(view)
        def checked(*args: P.args, **kwargs: P.kwargs) -> ResponseReturnValue:
            buyer = _find()
            if buyer is None:
                return notices.show(Notice.ENDED, 403, language=notices.browser_language())
            g.buyer = buyer
            if _RANK[buyer.session.access] < _RANK[access]:
                has_some = buyer.session.access is not Access.NONE
                return show_notice(Notice.NOT_HERE if has_some else Notice.NO_ACCESS, 403)
            if request.method == "POST" and not hmac.compare_digest(
                request.form.get(FORM_KEY, "").encode("utf-8", "surrogatepass"), form_key().encode()
            ):
                return show_notice(Notice.LOST_FORM, 403)
            return view(*args, **kwargs)

        checked.needed_access = access  # type: ignore[attr-defined]
        return checked

    return protected


def buyer() -> Buyer:
    """Return the buyer who sent this request, behind `needs`."""
    found: Buyer = g.buyer
    return found


def language() -> Language:
    """Return the language of the buyer: that of the pass, else that of the browser."""
    return language_for(buyer().session.language)


def show_notice(notice: Notice, status: int) -> Response:
    """Return a notice to the buyer of this request, with the ways out."""
    session = buyer().session
    account_url = "" if session.access is Access.NONE else url_for("portal.overview")
    return notices.show(
        notice, status, language=language(), back=notices.way_to(session.return_url), account_url=account_url
    )


def language_for(wanted: str) -> Language:
    """Return the language of a pass, or that of the browser where the pass names none."""
    return Language(wanted) if wanted else notices.browser_language()


def language_of_pass(found: Pass | None) -> Language:
    """Return the language for a page about a pass."""
    return language_for("" if found is None else found.language)


def _find() -> Buyer | None:
    session_id = request.cookies.get(cookie_name())
    if not session_id or len(session_id) > 100:
        return None
    with reading() as connection:
        return sessions.find(connection, session_id, now=utcnow())


def _path() -> str:
    return url_for("portal.overview")
