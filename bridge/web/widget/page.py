"""The widget as a page of its own, opened with a pass: for a frame on one of the store's own sites."""

from __future__ import annotations

import base64
import hashlib
import re

from flask import Blueprint, Response, make_response, render_template, request
from flask.typing import ResponseReturnValue

from bridge.domain.accounts.accounts import Profile
from bridge.domain.portal.passes import BuyerOf, Pass, Purpose, Refused
from bridge.services.portal import passes
from bridge.storage.engine.database import Connection
from bridge.web.context import reading, utcnow
from bridge.web.i18n.formatting import Language, direction, language_of
from bridge.web.portal import notices, sessions
from bridge.web.widget.view import read_modules, read_view, usage_card

bp = Blueprint("widget_page", __name__, url_prefix="/widget")

_STYLE = re.compile(r"<style>(.*?)</style>", re.DOTALL)


@bp.get("")
def show() -> ResponseReturnValue:
    """Show the widget of the pass's user. The pass is not used up: the frame may be loaded again while it is good."""
    token, now = request.args.get("pass", ""), utcnow()
    with reading() as connection:
        opened = passes.look(connection, token, Purpose.WIDGET, now=now)
        found = opened.found
        frames = [] if found is None else passes.frame_sources(connection, found)
        language = _language(found)
        if opened.refused is not None or found is None or not isinstance(found.holder, BuyerOf):
            back = notices.way_to("" if found is None else found.return_url)
            return _framed(notices.refuse(opened.refused or Refused.FOREIGN, language=language, back=back), frames)
        page = _page(connection, found, found.holder, language)
    return _framed(make_response(page), frames)


def _page(connection: Connection, found: Pass, holder: BuyerOf, language: Language) -> str:
    card = usage_card(
        connection,
        found.store_id,
        Profile(holder.user_id),
        modules=read_modules(),
        view=read_view(),
        language=language,
        now=utcnow(),
    )
    fragment = render_template("_widget.html", card=card, words=card.words)
    return render_template(
        "widget_page.html",
        fragment=fragment,
        language=language,
        direction=direction(language),
        title=card.words.title,
    )


def _language(found: Pass | None) -> Language:
    if "lang" in request.args:
        return language_of(request.args["lang"])
    return sessions.language_of_pass(found)


def _framed(response: Response, frames: list[str]) -> Response:
    """Return the response with a policy for it: its own style, and frames on these sites only."""
    styles = (
        base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
        for style in _STYLE.findall(response.get_data(as_text=True))
    )
    response.headers["Content-Security-Policy"] = "; ".join(
        (
            "default-src 'none'",
            " ".join(("style-src 'self'", *(f"'sha256-{style}'" for style in styles))),
            "img-src 'self'",
            "form-action 'none'",
            "base-uri 'none'",
            f"frame-ancestors {' '.join(frames) or chr(39) + 'none' + chr(39)}",
        )
    )
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["Cache-Control"] = "private, no-store"
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    return response
