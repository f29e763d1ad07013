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
from bridge.web.i18n.formatting import direction
from bridge.web.i18n.messages import texts_of
from bridge.web.portal import notices, sessions
from bridge.web.widget.look import Look, Theme, read_look
from bridge.web.widget.options import read_options
from bridge.web.widget.stylesheet import ALL, sheet
from bridge.web.widget.view import read_state, render

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
        look = read_look(request.args, default_language=sessions.language_of_pass(found))
        if opened.refused is not None or found is None or not isinstance(found.holder, BuyerOf):
            back = notices.way_to("" if found is None else found.return_url)
            return _framed(notices.refuse(opened.refused or Refused.FOREIGN, language=look.language, back=back), frames)
        page = _page(connection, found, found.holder, look)
    return _framed(make_response(page), frames)


def _page(connection: Connection, found: Pass, holder: BuyerOf, look: Look) -> str:
    now, who = utcnow(), Profile(holder.user_id)
    state, options, look = read_state(connection, found.store_id, who, read_options(request.args), look, now=now)
    return render_template(
        "widget_page.html",
        fragment=render(state, options, look, now=now),
        language=look.language,
        direction=direction(look.language),
        theme=(look.theme or Theme.AUTO).value,
        title=texts_of(look.language).gettext("Your tokens"),
    )


@bp.get("/style.css")
def style() -> Response:
    """Return the style of all fragments, for pages that link it or serve a copy of it."""
    response = Response(sheet(*ALL), content_type="text/css; charset=utf-8")
    response.headers["Cache-Control"] = "public, max-age=3600"
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    response.add_etag()
    response.make_conditional(request)
    return response


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
