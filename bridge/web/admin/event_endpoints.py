"""The Events page: the addresses that receive a store's events."""

from __future__ import annotations

from datetime import UTC, datetime

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from bridge.domain.admin.admins import Role
from bridge.domain.errors import EndpointDisabled, InvalidRequest, TooManyEndpoints, UnknownEvent
from bridge.domain.events.events import EventType
from bridge.runtime import runtime
from bridge.services.events import dispatch, endpoints
from bridge.services.events.endpoints import Created, Replayed
from bridge.services.stores import settings
from bridge.storage.engine.database import Connection
from bridge.web.admin import event_endpoints_view as view
from bridge.web.admin.event_endpoints_view import EndpointForm, ReplayForm
from bridge.web.admin.sessions import current_admin, needs, signed_in
from bridge.web.api.events import endpoint_number
from bridge.web.context import in_transaction, reading, utcnow
from bridge.web.i18n.formatting import number

bp = Blueprint("event_endpoints", __name__, url_prefix="/admin/<store>/settings/events")

_MAX_URL = 2000
_NO_TYPE = "Choose at least one type of event."
_NO_TIME = "Enter a date and time, such as 2026-11-26T09:00."
_DISABLED = "Nothing is sent: this endpoint is disabled. Delete it and add it again."


@bp.get("")
@signed_in
def show(store: str) -> ResponseReturnValue:
    """Show the endpoints."""
    return _render(store)


@bp.post("")
@needs(Role.OWNER)
def create(store: str) -> ResponseReturnValue:
    """Add an endpoint and show its secret once, without a redirect, which could not carry it."""
    url = request.form.get("url", "").strip()[: _MAX_URL + 1]
    typed = frozenset(request.form.getlist("types")) & {type_.value for type_ in EventType}
    faults = {} if typed else {"types": _NO_TYPE}
    if not url or len(url) > _MAX_URL:
        faults["url"] = "Enter the address that receives the events, such as https://receiver.example/events."
    admin, own, now = current_admin(), runtime(), utcnow()
    if faults:
        return _render(store, form=EndpointForm(url, typed, faults)), 422
    types = None if len(typed) == len(EventType) else [EventType(name) for name in sorted(typed)]

    def add(connection: Connection) -> Created | None:
        found = settings.get_store(connection, store)
        if any(status.endpoint.url == url for status in endpoints.list_endpoints(connection, found.id)):
            return None
        return endpoints.create(
            connection,
            found.id,
            url=url,
            types=types,
            public_url=own.config.public_url,
            vault_=own.vault,
            actor=admin.email,
            now=now,
        )

    try:
        created = in_transaction(add)
    except (InvalidRequest, TooManyEndpoints) as error:
        words = error.fields[0].message if error.fields else error.detail
        return _render(store, form=EndpointForm(url, typed, {"url": words})), 422
    if created is None:
        words = "There is already an endpoint with this address. If you did not copy its secret, delete it first."
        return _render(store, form=EndpointForm(url, typed, {"url": words})), 409
    return _render(store, secret=created.secret)


@bp.post("/<endpoint_id>/delete")
@needs(Role.OWNER)
def delete(store: str, endpoint_id: str) -> ResponseReturnValue:
    """Delete an endpoint and the events that wait for it."""
    admin, now = current_admin(), utcnow()

    def drop(connection: Connection) -> None:
        found = settings.get_store(connection, store)
        endpoints.delete(connection, found.id, endpoint_number(endpoint_id), actor=admin.email, now=now)

    in_transaction(drop)
    flash("The endpoint was deleted. It receives no more events.")
    return redirect(url_for("event_endpoints.show", store=store), 303)


@bp.post("/<endpoint_id>/replay")
@needs(Role.OWNER)
def replay(store: str, endpoint_id: str) -> ResponseReturnValue:
    """Send the store's latest event again, or the endpoint's events since a time."""
    typed, now = request.form.get("since", "").strip()[:40], utcnow()
    is_latest = request.form.get("action") == "latest"

    def send(connection: Connection) -> Replayed | None:
        found, endpoint = settings.get_store(connection, store), endpoint_number(endpoint_id)
        if is_latest:
            latest, _ = dispatch.list_events(connection, found.id, before=None, limit=1)
            if not latest:
                return None
            return endpoints.replay_event(connection, found.id, endpoint, latest[0].id, now=now)
        since = datetime.fromisoformat(typed)
        since = since if since.tzinfo else since.replace(tzinfo=found.calendar.zone)
        if not 2000 <= since.year < 3000:
            raise ValueError(typed)
        return endpoints.replay_since(connection, found.id, endpoint, since=since.astimezone(UTC), after=None, now=now)

    try:
        replayed = in_transaction(send)
    except ValueError:
        return _render(store, replay=ReplayForm(endpoint_id, typed, _NO_TIME)), 422
    except EndpointDisabled:
        return _render(store, replay=ReplayForm(endpoint_id, typed, _DISABLED)), 409
    except UnknownEvent:
        flash("The latest event is on its way already: it is sent within a minute.")
        return redirect(url_for("event_endpoints.show", store=store), 303)
    flash(_sent(replayed))
    return redirect(url_for("event_endpoints.show", store=store), 303)


def _sent(replayed: Replayed | None) -> str:
    if replayed is None:
        return "Nothing is sent: the store has no event yet."
    more = " Later events are not included: replay again from a later time." if replayed.next_after else ""
    events = "1 event is" if replayed.events == 1 else f"{number(replayed.events)} events are"
    return f"{events} sent again within a minute.{more}"


def _render(store: str, *, form: EndpointForm | None = None, replay: ReplayForm | None = None, secret: str = "") -> str:
    with reading() as connection:
        found = settings.get_store(connection, store)
        page = view.build(connection, found, now=utcnow(), form=form, replay=replay, secret=secret)
    return render_template("admin/event_endpoints.html", page=page, store=page.store, admin=current_admin())
