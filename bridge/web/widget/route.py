"""The usage widget: an HTML fragment for a page of another site."""

from __future__ import annotations

import hashlib

from flask import Blueprint, Response, render_template, request

from bridge.domain.accounts.accounts import Profile, Visitor, Who
from bridge.domain.errors import FieldError, InvalidRequest
from bridge.services import secrets
from bridge.services.accounts import profiles
from bridge.storage.engine.database import Connection
from bridge.web.api.auth import caller, store_key
from bridge.web.api.operations import Parameter, operation
from bridge.web.api.parsing import path_module, path_number
from bridge.web.context import reading, utcnow
from bridge.web.i18n.formatting import Language, language_of
from bridge.web.widget import view as widget
from bridge.web.widget.view import View

bp = Blueprint("widget", __name__, url_prefix="/v1/widget")

_MAX_GUEST = 255
_MAX_MODULES = 50


@bp.get("")
@store_key
@operation(
    "Get the usage widget",
    tag="Widget",
    answer=None,
    query=(
        Parameter("user_id", "ID of the user in the shop.", {"type": "string"}, "42"),
        Parameter("guest_id", "ID of a guest, in place of a user.", {"type": "string"}, ""),
        Parameter("modules", "Keys of modules, separated by commas.", {"type": "string"}, "chat"),
        Parameter("lang", f"Language, English for any other: {', '.join(Language)}.", {"type": "string"}, "en"),
        Parameter("view", "What to show.", {"type": "string", "enum": [view.value for view in View]}, "full"),
    ),
    media=("text/html",),
)
def show() -> Response:
    """Return the balance, limits and purchases of a user as an HTML fragment."""
    view, modules, store_id = _view(), _modules(), caller().store_id
    language = language_of(request.args.get("lang", ""))
    with reading() as connection:
        card = widget.usage_card(
            connection,
            store_id,
            _who(connection, store_id),
            modules=modules,
            view=view,
            language=language,
            now=utcnow(),
        )
    response = Response(
        render_template("_widget.html", card=card, words=card.words), content_type="text/html; charset=utf-8"
    )
    response.headers["Cache-Control"] = "private, no-store"
    response.headers["Content-Language"] = language.value
    response.set_etag(hashlib.sha256(response.get_data()).hexdigest()[:32])
    response.make_conditional(request)
    return response


def _who(connection: Connection, store_id: int) -> Who:
    user, guest = request.args.get("user_id"), request.args.get("guest_id")
    if (user is None) == (guest is None):
        raise InvalidRequest(fields=[FieldError("user_id", "send exactly one of user_id and guest_id")])
    if user is not None:
        return Profile(path_number(user, "user_id"))
    if not guest or len(guest) > _MAX_GUEST:
        raise InvalidRequest(fields=[FieldError("guest_id", f"send 1 to {_MAX_GUEST} characters")])
    return Visitor(secrets.hash_guest(guest, salt=profiles.guest_salt(connection, store_id)))


def _view() -> View:
    text = request.args.get("view", View.FULL.value)
    if text not in set(View):
        raise InvalidRequest(fields=[FieldError("view", f"use one of {', '.join(View)}")])
    return View(text)


def _modules() -> list[str]:
    """Return the requested modules, each once, in the given order."""
    keys = [key.strip() for key in request.args.get("modules", "").split(",") if key.strip()]
    if len(keys) > _MAX_MODULES:
        raise InvalidRequest(fields=[FieldError("modules", f"send at most {_MAX_MODULES} modules")])
    try:
        return [path_module(key) for key in dict.fromkeys(keys)]
    except InvalidRequest as error:
        raise InvalidRequest(fields=[FieldError("modules", fault.message) for fault in error.fields]) from error
