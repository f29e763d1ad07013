"""The Store page: the settings of a store that concern all modules and packages."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from bridge.domain.accounts.amounts import read_amount
from bridge.domain.admin.admins import Role
from bridge.domain.errors import FieldError, InvalidRequest
from bridge.rendering.documents import serialize
from bridge.rendering.stores import store_document
from bridge.services.stores import settings, settings_edit
from bridge.services.stores.settings_edit import Edited
from bridge.storage.engine.database import Connection
from bridge.web.admin import store_settings_view as view
from bridge.web.admin.sessions import current_admin, needs, signed_in
from bridge.web.admin.store_settings_view import StoreForm
from bridge.web.api.parsing import validate
from bridge.web.api.settings import StoreIn
from bridge.web.context import in_transaction, reading, utcnow

bp = Blueprint("store_settings", __name__, url_prefix="/admin/<store>/settings/store")

_MAX_TYPED = 2000
_SHOWN = 60
"""How many characters of a value a message shows."""
_FAULTY = "Nothing was saved. Correct the fields that are marked below."
_CONFLICT = "Nothing was saved: another admin changed the settings that are marked below. Save again to replace them."


@bp.get("")
@signed_in
def show(store: str) -> ResponseReturnValue:
    """Show the settings."""
    with reading() as connection:
        found = settings.get_store(connection, store)
        return _render(store, view.begin(store_document(found)))


@bp.post("")
@needs(Role.OWNER)
def save(store: str) -> ResponseReturnValue:
    """Save the settings that were edited; show the form again if one is invalid or was changed meanwhile."""
    values = {name: request.form.get(name, "")[:_MAX_TYPED].replace("\0", "") for name in request.form}
    seen = request.form.get("seen", "")[:20_000]
    admin, now = current_admin(), utcnow()
    try:
        wanted = _read(values)

        def put(connection: Connection) -> Edited:
            found = settings.get_store(connection, store)
            return settings_edit.save(connection, found.id, wanted, seen=_read_seen(seen), actor=admin.email, now=now)

        edited = in_transaction(put)
    except InvalidRequest as error:
        errors = {fault.field.partition(".")[0]: _sentence(fault) for fault in reversed(error.fields)}
        return _render(store, StoreForm(values, seen, errors), error=_FAULTY), 422
    if edited.conflicts:
        errors = {
            name: f"is {view.describe(name, edited.before[name])} now, not"
            f" {view.describe(name, _read_seen(seen).get(name))} as this page showed"
            for name in edited.conflicts
        }
        form = StoreForm(values, view.write_seen(edited.before), errors)
        return _render(store, form, error=_CONFLICT), 409
    flash(_done(edited))
    return redirect(url_for("store_settings.show", store=edited.after["slug"]), 303)


def _read(values: Mapping[str, str]) -> dict[str, Any]:
    """Return the typed settings, named as the API names them; raises `InvalidRequest`."""
    document: dict[str, Any] = {}
    for name in StoreIn.model_fields:
        text = values.get(name, "").strip()
        if name == "spend_order":
            document[name] = [values.get(f"spend_order_{place}", "") for place in range(len(view.SOURCES))]
        elif name == "grant_statuses":
            document[name] = [part.strip() for part in text.split(",") if part.strip()]
        elif name == "low_balance_thresholds":
            document[name] = [_read_level(line) for line in text.splitlines() if line.strip()]
        elif name == "low_balance":
            amount = read_amount(text)
            document[name] = amount if isinstance(amount, int) else text
        elif name == "seller_address":
            # Browsers send the lines of a text area with both characters.
            document[name] = "\n".join(text.splitlines())
        elif text in {"true", "false"}:
            document[name] = text == "true"
        else:
            document[name] = text
    return validate(StoreIn, serialize(document).encode()).model_dump()


def _sentence(fault: FieldError) -> str:
    """Return an error of a setting; of one that has a line for each value, with the number of the line."""
    name, _, place = fault.field.partition(".")
    if name == "low_balance_thresholds" and place.isdigit():
        return f"line {int(place) + 1} {fault.message}"
    return fault.message


def _read_level(line: str) -> int | str:
    """Return the level of a balance that a line states: a number of tokens, or a share in percent."""
    text = line.strip()
    if text.endswith("%"):
        return f"{text[:-1].strip()}%"
    amount = read_amount(text)
    return amount if isinstance(amount, int) else text


def _read_seen(text: str) -> dict[str, Any]:
    """Return the settings that the form showed; empty if they cannot be read, so that every edit conflicts."""
    try:
        seen = json.loads(text)
    except ValueError:
        return {}
    return seen if isinstance(seen, dict) else {}


def _done(edited: Edited) -> str:
    changed = [name for name in StoreIn.model_fields if edited.before[name] != edited.after[name]]
    if not changed:
        return "Nothing to save: the settings are already like this."
    words = [
        f"{view.LABELS[name]}: {_short(view.describe(name, edited.before[name]))}"
        f" → {_short(view.describe(name, edited.after[name]))}"
        for name in changed
    ]
    return f"Saved. {'; '.join(words)}."


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"


def _render(store: str, form: StoreForm, *, error: str = "") -> str:
    with reading() as connection:
        page = view.build(connection, settings.get_store(connection, store), form, error=error)
    return render_template("admin/store_settings.html", page=page, store=page.store, admin=current_admin())
