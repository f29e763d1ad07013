"""Changes of a balance by an admin: the ways to state one, and how long it can be undone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from bridge.domain.accounts.ledger import Entry, Kind

UNDO_FOR = timedelta(minutes=15)
"""How long a change can be undone."""

NO_REASON = "Changed by an admin"
"""The reason stored for a change without one."""

MAX_REASON = 500


class Mode(StrEnum):
    """The meaning of the typed amount: the new balance, or tokens to add or subtract."""

    SET = "set"
    ADD = "add"
    SUBTRACT = "subtract"

    def balance_after(self, balance: int, amount: int) -> int:
        """Return the balance that the amount leads to; it may leave the range of balances."""
        if self is Mode.SET:
            return amount
        return balance + amount if self is Mode.ADD else balance - amount


class Undo(StrEnum):
    """The result of undoing a change, or the reason it was refused."""

    DONE = "done"
    DONE_BEFORE = "done_before"
    TOO_LATE = "too_late"
    SPENT = "spent"
    """The tokens that the change added are no longer in the balance."""
    FULL = "full"
    """The balance would exceed its range."""
    NOT_AN_EDIT = "not_an_edit"


@dataclass(frozen=True, slots=True)
class Undone:
    """The outcome of an undo, the balance after it, and the tokens that the change had added."""

    outcome: Undo
    balance: int
    tokens: int = 0


def undo_reference(entry_id: int) -> str:
    """Return the reference of the entry that undoes this one."""
    return f"undo:{entry_id}"


def is_edit(entry: Entry) -> bool:
    """Return whether an entry is a single correction, not an import, a bulk change or the undo of another."""
    return entry.kind is Kind.ADJUSTMENT and entry.reference is None


def may_undo(entry: Entry, *, now: datetime) -> bool:
    """Return whether an entry is a correction that moved tokens and is recent enough to be undone."""
    return is_edit(entry) and entry.tokens != 0 and now - entry.created_at < UNDO_FOR
