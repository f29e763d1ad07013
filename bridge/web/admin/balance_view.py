"""The form that changes a balance, and the note beside a balance that was just changed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from bridge.domain.accounts.accounts import MAX_TOKENS
from bridge.domain.admin.balance_edits import UNDO_FOR, Mode, Undo, Undone
from bridge.domain.stores.stores import Store
from bridge.rendering.ids import encode_id
from bridge.services.accounts import profiles
from bridge.services.admin import balance_edit
from bridge.storage.engine.database import Connection
from bridge.web.i18n.formatting import number


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


def amount_error(form: EditForm, amount: int | None) -> str:
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


def saved_note(
    connection: Connection, store: Store, user_id: int, entry_id: int, *, now: datetime, tag: str = "changed"
) -> Note:
    """Return the note of a saved change, with its undo while it can be undone; raises `UnknownUser`."""
    entry = balance_edit.find_undoable(connection, store, user_id, entry_id, now=now)
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
