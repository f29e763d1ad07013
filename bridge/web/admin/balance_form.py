"""Read the form that changes a balance, and answer scripts that send it with a part of the page."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from dataclasses import replace

from flask import render_template, request
from werkzeug.datastructures import MultiDict

from bridge.domain.accounts.accounts import MAX_TOKENS
from bridge.domain.admin.balance_edits import MAX_REASON, Mode
from bridge.domain.errors import FieldError, InvalidRequest
from bridge.domain.stores.pasted_text import is_line
from bridge.domain.stores.stores import Store
from bridge.services.admin.balance_edit import BalanceChange
from bridge.web.admin import user_query
from bridge.web.admin.balance_view import EditForm, Note, Typed, amount_error
from bridge.web.api.parsing import typed_amount

_COUNT = re.compile(r"\d{1,16}", re.ASCII)
_KEY = re.compile(r"[\w-]{8,64}", re.ASCII)
_MAX_TYPED = 40


def read_form(store: Store, user_id: int) -> tuple[EditForm, BalanceChange | None]:
    """Return the typed form and its change; the change is None, and the form has an error, if a field is invalid."""
    typed, key = read_typed(request.form), request.form.get("form_key", "")
    if typed is None or not _KEY.fullmatch(key):
        raise InvalidRequest(fields=[FieldError("form", "load the page again; parts of its form are missing")])
    form = EditForm(
        user_id, typed.mode, typed.amount, typed.expected_balance, typed.reason, key, needs_reason=store.require_reason
    )
    amount = typed_amount(typed.amount)
    if error := amount_error(form, amount):
        return replace(form, error=error, error_field="balance"), None
    if error := reason_error(request.form.get("reason", "").strip(), store):
        return replace(form, error=error, error_field="reason"), None
    after = typed.mode.balance_after(typed.expected_balance, amount or 0)
    return form, BalanceChange(after, typed.expected_balance, typed.reason)


def read_typed(fields: Mapping[str, str] | MultiDict[str, str]) -> Typed | None:
    """Return the typed values in a form or an address; None without the balance that the form showed."""
    expected = fields.get("expected_balance", "")
    if not _COUNT.fullmatch(expected) or int(expected) > MAX_TOKENS:
        return None
    mode = fields.get("mode", Mode.SET.value)
    return Typed(
        Mode(mode) if mode in list(Mode) else Mode.SET,
        fields.get("balance", "").strip()[:_MAX_TYPED],
        fields.get("reason", "").strip()[:MAX_REASON],
        int(expected),
    )


def reason_error(reason: str, store: Store) -> str:
    """Return the error in a typed reason; empty if there is none."""
    if not reason:
        return "Enter a reason: this store requires one for each change." if store.require_reason else ""
    if len(reason) > MAX_REASON or not is_line(reason):
        return f"Enter a reason of one line and up to {MAX_REASON} characters."
    return ""


def new_key() -> str:
    """Return a key for a new form, by which it is saved once."""
    return secrets.token_urlsafe(18)


def sent_key() -> str:
    """Return the key of the form that was sent; raises `InvalidRequest` where it has none."""
    key = request.form.get("form_key", "")
    if not _KEY.fullmatch(key):
        raise InvalidRequest(fields=[FieldError("form", "load the page again; parts of its form are missing")])
    return key


def is_fragment() -> bool:
    """Return whether the page's script sent the request and replaces a part of the page."""
    return request.headers.get("X-Fragment") == "balance"


def fragment(shown: EditForm | Note, *, store: Store, balance: int = 0) -> str:
    """Return the form, or the cell of the balance with its note, without the page around it."""
    return render_template(
        "admin/_balance_fragment.html",
        form=shown if isinstance(shown, EditForm) else None,
        note=shown if isinstance(shown, Note) else None,
        balance=balance,
        store=store,
        state=user_query.list_state(),
    )
