"""The page of one user: balance, limits, explanation, ledger and purchases."""

from __future__ import annotations

from datetime import datetime

from flask import render_template, request
from flask.typing import ResponseReturnValue

from bridge.domain.errors import FieldError, InvalidRequest
from bridge.rendering.ids import decode_id
from bridge.services.stores import settings
from bridge.web.admin import user_view
from bridge.web.admin.balance_form import new_key
from bridge.web.admin.sessions import current_admin, signed_in
from bridge.web.admin.user_limits_view import LimitForm
from bridge.web.admin.user_view import ExplainForm, Shown
from bridge.web.admin.users import bp as bp
from bridge.web.api.parsing import path_number
from bridge.web.context import reading, utcnow


@bp.get("/<user_id>")
@signed_in
def show_user(store: str, user_id: str) -> ResponseReturnValue:
    """Show one user; `?module=` and `?tokens=` ask for an explanation."""
    return render_user(store, path_number(user_id, "user_id"), now=utcnow())


def render_user(store: str, user_id: int, *, limit_form: LimitForm | None = None, now: datetime) -> str:
    """Return the page of a user, with a form that is shown again."""
    shown = Shown(
        before=_entry_before(),
        orders_before=_orders_before(),
        explain=_explain(),
        limit_form=limit_form,
    )
    with reading() as connection:
        page = user_view.user_page(connection, settings.get_store(connection, store), user_id, shown, now=now)
    # One key for all forms of the page: it counts only together with what a form states.
    form_key = new_key()
    return render_template(
        "user.html", page=page, user=page.user, store=page.store, form_key=form_key, admin=current_admin()
    )


def _explain() -> ExplainForm | None:
    if "module" not in request.args:
        return None
    return ExplainForm(request.args["module"].strip()[:64], request.args.get("tokens", "").strip()[:40])


def _entry_before() -> int | None:
    text = request.args.get("entries")
    if not text:
        return None
    found = decode_id("en", text)
    if found is None:
        raise InvalidRequest(fields=[FieldError("entries", "start at the newest entry")])
    return found


def _orders_before() -> int | None:
    text = request.args.get("orders")
    return path_number(text, "orders", low=0) if text else None
