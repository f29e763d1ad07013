"""The Deliveries page: every webhook the shop sent, its result, and the way to process it again."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from bridge.domain.admin.admins import Role
from bridge.domain.errors import FieldError, InvalidRequest, UnknownDelivery
from bridge.domain.shop.inbox import State
from bridge.runtime import runtime
from bridge.services.shop import inbox, processing
from bridge.services.shop.rest import Shops
from bridge.services.stores import settings
from bridge.web.admin import deliveries_view
from bridge.web.admin.sessions import current_admin, needs, signed_in
from bridge.web.api.parsing import path_number
from bridge.web.context import in_transaction, reading, transaction, utcnow

bp = Blueprint("deliveries", __name__, url_prefix="/admin/<store>/deliveries")

_MOST_ID = 2**63 - 1


@bp.get("")
@signed_in
def show(store: str) -> ResponseReturnValue:
    """Show a page of the list; `?state=` and `?order=` filter it."""
    state, order = _read_state(), request.args.get("order", "").strip().removeprefix("#")
    number = path_number(order, "order") if order else None
    before = request.args.get("before")
    with reading() as connection:
        page = deliveries_view.deliveries_page(
            connection,
            settings.get_store(connection, store),
            state=state,
            order=number,
            before=_read_id(before, "before") if before else None,
        )
    return render_template("admin/deliveries.html", page=page, store=page.store, admin=current_admin())


@bp.get("/<delivery>")
@signed_in
def show_one(store: str, delivery: str) -> ResponseReturnValue:
    """Show one delivery with its body."""
    with reading() as connection:
        found = settings.get_store(connection, store)
        page = deliveries_view.delivery_page(connection, found, _read_id(delivery, "delivery"))
    return render_template("admin/delivery.html", page=page, store=page.store, admin=current_admin())


@bp.post("/<delivery>/replay")
@needs(Role.MANAGER)
def replay(store: str, delivery: str) -> ResponseReturnValue:
    """Process a delivery again; nothing is granted twice."""
    delivery_id, now = _read_id(delivery, "delivery"), utcnow()
    with reading() as connection:
        deliveries_view.delivery_page(connection, settings.get_store(connection, store), delivery_id)
    if not in_transaction(lambda connection: inbox.replay(connection, delivery_id, now=now)):
        raise UnknownDelivery("This delivery cannot be processed: its body is not a JSON object.")
    is_done = processing.process_stored(transaction, delivery_id, now=now, shops=Shops(runtime().vault))
    with reading() as connection:
        done = inbox.find_delivery(connection, delivery_id)
    outcome = done.outcome if done else ""
    flash(
        f"The delivery was processed again: {outcome}" if is_done else f"It failed and will be tried again: {outcome}",
        "good" if is_done else "bad",
    )
    return redirect(url_for("deliveries.show_one", store=store, delivery=delivery_id), 303)


def _read_state() -> State | None:
    text = request.args.get("state", "")
    if not text:
        return None
    try:
        return State(text)
    except ValueError:
        raise InvalidRequest(fields=[FieldError("state", f"use one of {', '.join(State)}")]) from None


def _read_id(text: str, field: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 19 and int(text) <= _MOST_ID):
        raise InvalidRequest(fields=[FieldError(field, "follow a link of the list")])
    return int(text)
