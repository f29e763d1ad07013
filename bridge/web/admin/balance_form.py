"""The form that changes a balance, and the note beside a changed one; also as fragments for the page's script."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from flask import render_template, request
from werkzeug.datastructures import MultiDict

from bridge.domain.accounts.accounts import MAX_TOKENS
from bridge.domain.admin.balance_edits import MAX_REASON, UNDO_FOR, Mode, Undo, Undone
from bridge.domain.errors import FieldError, InvalidRequest
from bridge.domain.stores.pasted_text import is_line
from bridge.domain.stores.stores import Store
from bridge.rendering.ids import encode_id
from bridge.services.accounts import profiles
from bridge.services.admin import balance_edits
from bridge.services.admin.balance_edits import BalanceChange
from bridge.storage.engine.database import Connection
from bridge.web.admin import user_query
from bridge.web.api.parsing import typed_amount
from bridge.web.i18n.formatting import number

_COUNT = re.compile(r"\d{1,16}", re.ASCII)
_KEY = re.compile(r"[\w-]{8,64}", re.ASCII)
_MAX_TYPED = 40


@dataclass(frozen=True, slots=True)
class Typed:
    """The values of a form as they were typed, and the balance it showed."""

    mode: Mode
    amount: str
    reason: str
    expected_balance: int


@dataclass(frozen=True, slots=True)
class EditForm:
    """The form that changes a balance, with the typed values; `error` is about the field `error_field`."""

    user_id: int
    mode: Mode
    balance: str
    expected_balance: int
    reason: str
    key: str
    needs_reason: bool = False
    error: str = ""
    error_field: str = ""


@dataclass(frozen=True, slots=True)
class Note:
    """A note beside the balance of a user; `undo` is the id of the entry that can be undone, empty if none."""

    user_id: int
    tag: str = ""
    undo: str = ""
    error: str = ""


def begin_edit(connection: Connection, store: Store, user_id: int, *, typed: Typed | None = None, key: str) -> EditForm:
    """Return a form for the balance of a user, with the values typed before; raises `UnknownUser`."""
    balance = profiles.get_account(connection, store.id, user_id).balance
    form = EditForm(user_id, Mode.SET, number(balance), balance, "", key, needs_reason=store.require_reason)
    if typed is None:
        return form
    amount = typed.amount if typed.amount or typed.mode is not Mode.SET else form.balance
    form = replace(form, mode=typed.mode, balance=amount, reason=typed.reason)
    if typed.expected_balance == balance:
        return form
    return replace(form, error=_changed(typed.expected_balance, balance), error_field="balance")


def after_conflict(connection: Connection, store: Store, form: EditForm) -> EditForm:
    """Return the form as it was typed, with the balance as it is now and an error; raises `UnknownUser`."""
    balance = profiles.get_account(connection, store.id, form.user_id).balance
    error = _changed(form.expected_balance, balance)
    return replace(form, expected_balance=balance, error=error, error_field="balance")


def _changed(before: int, now: int) -> str:
    return (
        f"The balance changed while you were editing: it was {number(before)} and is {number(now)} "
        "now. Nothing was saved. Check your number, then save again."
    )


def read_form(store: Store, user_id: int) -> tuple[EditForm, BalanceChange | None]:
    """Return the typed form and its change; the change is None, and the form has an error, if a field is invalid."""
    typed, key = read_typed(request.form), request.form.get("form_key", "")
    if typed is None or not _KEY.fullmatch(key):
        raise InvalidRequest(fields=[FieldError("form", "load the page again; parts of its form are missing")])
    form = EditForm(
        user_id, typed.mode, typed.amount, typed.expected_balance, typed.reason, key, needs_reason=store.require_reason
    )
    amount = typed_amount(typed.amount)
    if error := _amount_error(form, amount):
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


def _amount_error(form: EditForm, amount: int | None) -> str:
    """Return the error in a typed amount; empty if there is none."""
    now = number(form.expected_balance)
    if amount is None:
        wanted = "the new balance" if form.mode is Mode.SET else f"the tokens to {form.mode.value}"
        return f"Enter {wanted} as a whole number from 0 to {number(MAX_TOKENS)}."
    after = form.mode.balance_after(form.expected_balance, amount)
    if after == form.expected_balance:
        return f"The balance is already {now}; enter a different number."
    if after < 0:
        return f"The balance is {now}, so at most {now} can be subtracted."
    return f"The balance would be more than {number(MAX_TOKENS)}; add less." if after > MAX_TOKENS else ""


def reason_error(reason: str, store: Store) -> str:
    """Return the error in a typed reason; empty if there is none."""
    if not reason:
        return "Enter a reason: this store requires one for each change." if store.require_reason else ""
    if len(reason) > MAX_REASON or not is_line(reason):
        return f"Enter a reason of one line and up to {MAX_REASON} characters."
    return ""


def saved_note(
    connection: Connection, store: Store, user_id: int, entry_id: int, *, now: datetime, tag: str = "changed"
) -> Note:
    """Return the note of a saved change, with its undo while it can be undone; raises `UnknownUser`."""
    entry = balance_edits.find_undoable(connection, store, user_id, entry_id, now=now)
    return Note(user_id, tag, undo=encode_id("en", entry.id) if entry else "")


def undo_sentence(undone: Undone) -> str:
    """Return the result of an undo as a sentence."""
    minutes = int(UNDO_FOR.total_seconds() // 60)
    return {
        Undo.DONE: f"The change was undone: the balance is now {number(undone.balance)}.",
        Undo.DONE_BEFORE: f"The change was already undone; the balance is {number(undone.balance)}.",
        Undo.TOO_LATE: f"A change can be undone for {minutes} minutes. Set the balance to correct it.",
        Undo.SPENT: (
            f"The change cannot be undone: {number(undone.tokens)} tokens would have to be removed, and "
            f"the balance is only {number(undone.balance)}. Set the balance to correct it."
        ),
        Undo.FULL: f"The change cannot be undone: the balance would be more than {number(MAX_TOKENS)}.",
        Undo.NOT_AN_EDIT: "This entry of the ledger cannot be undone here.",
    }[undone.outcome]


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
