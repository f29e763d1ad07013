"""The sign-in from WordPress: a pass opens the credits page of one store."""

from __future__ import annotations

from flask import Blueprint, Response, make_response, redirect, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import generate_csrf

from bridge.domain.portal.passes import AdminOf, Pass, Purpose, Refused
from bridge.services.portal import admin_sign_in, passes
from bridge.web.admin import sessions
from bridge.web.context import in_transaction, reading, utcnow
from bridge.web.i18n.formatting import Language
from bridge.web.i18n.messages import texts_of
from bridge.web.portal import notices
from bridge.web.portal.previews import is_preview

bp = Blueprint("pass_sign_in", __name__, url_prefix="/admin/pass")


@bp.get("")
def enter() -> ResponseReturnValue:
    """Sign in with a pass.

    Previews change nothing, and a browser in which another admin is signed in
    asks first.
    """
    token = request.args.get("pass", "")
    admin = sessions.find_admin()
    if not is_preview(request) and admin is None:
        return _sign_in(token)
    with reading() as connection:
        opened = passes.look(connection, token, Purpose.CREDITS, now=utcnow())
    if opened.refused is not None and admin is not None:
        return notices.refuse(opened.refused, language=Language.ENGLISH, back=_back(opened.found))
    person = opened.found.holder.email if opened.found and isinstance(opened.found.holder, AdminOf) else ""
    if admin is not None and admin.email == person and not is_preview(request):
        return _sign_in(token)
    page = notices.render(
        "portal/enter.html",
        texts_of(Language.ENGLISH),
        token=token,
        action=url_for("pass_sign_in.confirm"),
        person=person if admin is not None else "",
        current=admin.email if admin is not None else "",
        csrf=generate_csrf(),
    )
    return _unseen(make_response(page))


@bp.post("")
def confirm() -> ResponseReturnValue:
    """Sign in with a pass that a person sends with the button."""
    return _sign_in(request.form.get("pass", ""))


def _sign_in(token: str) -> Response:
    # Looked up first: a flood of unknown passes takes no write lock.
    with reading() as connection:
        opened = passes.look(connection, token, Purpose.CREDITS, now=utcnow())
    if opened.refused is not None:
        return _unseen(notices.refuse(opened.refused, language=Language.ENGLISH, back=_back(opened.found)))
    entered = in_transaction(
        lambda connection: admin_sign_in.sign_in(connection, token, **sessions.browser(), now=utcnow())
    )
    if entered.signed_in is None or entered.store is None or entered.refused is not None:
        refused = entered.refused or Refused.UNKNOWN
        return _unseen(notices.refuse(refused, language=Language.ENGLISH, back=_back(entered.found)))
    sessions.begin(entered.signed_in)
    back = _back(entered.found)
    if back.url:
        session["back"] = [back.url, back.host]
    return _unseen(make_response(redirect(url_for("credits.show", store=entered.store.slug), 303)))


def _back(found: Pass | None) -> notices.Way:
    return notices.way_to("" if found is None else found.return_url)


def _unseen(response: Response) -> Response:
    response.headers["Referrer-Policy"] = "no-referrer"
    return response
