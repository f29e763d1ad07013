"""Bulk changes: many balances changed at once, row by row, after a preview."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from bridge.domain.accounts.accounts import MAX_TOKENS, MAX_USER_ID
from bridge.domain.accounts.amounts import Reason, read_amount
from bridge.domain.admin.balance_edits import MAX_REASON, NO_REASON, UNDO_FOR
from bridge.domain.stores.pasted_text import is_line

COLUMNS = ("user_id", "tokens", "reason")
REQUIRED = ("user_id", "tokens")
MAX_ROWS = 10_000
"""The most rows of one bulk change."""

_SHOWN = 40
_MINUS = ("-", "\N{MINUS SIGN}", "\N{FULLWIDTH HYPHEN-MINUS}")
_TOKENS = {
    None: "tokens is empty: enter the tokens to add, or a negative number to subtract",
    Reason.FRACTION: "tokens is {value!r}, not a whole number",
    Reason.TOO_LARGE: f"tokens is {{value!r}}, more than {MAX_TOKENS}, the most an account can hold",
    Reason.AMBIGUOUS: "tokens is {value!r}, which can be read in two ways: write the number without separators",
}


class Source(StrEnum):
    """The origin of the rows: a file, the selected users, or all users of a filtered list."""

    CSV = "csv"
    SELECTION = "selection"
    FILTER = "filter"


class State(StrEnum):
    """The state of a bulk change; only `RUNNING` moves tokens."""

    PREVIEW = "preview"
    RUNNING = "running"
    DONE = "done"
    CANCELLED = "cancelled"


class BulkRow(NamedTuple):
    """One row: tokens to add to a user, or to subtract if negative.

    `position` is the line of the file, or counts the users from 1. `error` is the
    reason the row is not applied, empty if there is none. `entry_id` is its ledger
    entry once it is applied. The user and the tokens are None if they could not be
    read.
    """

    position: int
    user_id: int | None
    tokens: int | None
    reason: str
    error: str = ""
    entry_id: int | None = None


@dataclass(frozen=True, slots=True)
class BulkChange:
    """A bulk change without its rows; `actor` is the email of the admin who made or confirmed it.

    `undo_of` is the bulk change that this one takes back, None for one that is not an undo.
    """

    id: int
    store_id: int
    actor: str
    source: Source
    state: State
    created_at: datetime
    confirmed_at: datetime | None = None
    finished_at: datetime | None = None
    undo_of: int | None = None

    def may_be_undone(self, now: datetime) -> bool:
        """Return whether the applied rows can be taken back: it has ended, is recent, and is no undo itself."""
        has_ended = self.state in {State.DONE, State.CANCELLED} and self.finished_at is not None
        return has_ended and self.undo_of is None and now - (self.finished_at or now) < UNDO_FOR


@dataclass(frozen=True, slots=True)
class Counts:
    """How many rows are waiting, applied, and not applicable, and the tokens of the first two, added and subtracted."""

    waiting: int = 0
    applied: int = 0
    failed: int = 0
    added: int = 0
    subtracted: int = 0

    @property
    def total(self) -> int:
        """Return the number of all rows."""
        return self.waiting + self.applied + self.failed


def row_reference(bulk_id: int, position: int) -> str:
    """Return the reference of the ledger entry of a row."""
    return f"bulk:{bulk_id}:{position}"


def read_row(cells: Mapping[str, str], *, line: int, default_reason: str, needs_reason: bool) -> BulkRow:
    """Return one row of a file; if a cell is invalid, the row has an error."""
    typed_id, typed_tokens = cells.get("user_id", "").strip(), cells.get("tokens", "").strip()
    reason = cells.get("reason", "").strip() or default_reason
    errors = []
    user_id = read_amount(typed_id)
    if not isinstance(user_id, int) or not 1 <= user_id <= MAX_USER_ID:
        errors.append(f"user_id is {_shown(typed_id)}: enter the user's ID in WordPress, a whole number from 1")
        user_id = None
    tokens = read_signed(typed_tokens)
    if isinstance(tokens, Reason) or tokens is None:
        sentence = _TOKENS.get(tokens, "tokens is {value!r}, not a number")
        errors.append(sentence.format(value=typed_tokens[:_SHOWN]))
        tokens = None
    elif tokens == 0:
        errors.append("tokens is 0: there is nothing to change")
    if len(reason) > MAX_REASON or not is_line(reason):
        errors.append(f"reason must be one line of at most {MAX_REASON} characters")
        reason = ""
    elif not reason and needs_reason:
        errors.append("reason is empty: this store requires one for each change")
    return BulkRow(line, user_id, tokens, reason or NO_REASON, "; ".join(errors)[:300])


def read_signed(text: str) -> int | Reason | None:
    """Return the tokens that a cell states, negative after a minus sign; see `read_amount`."""
    if text.startswith(_MINUS):
        amount = read_amount(text[1:].lstrip())
        return -amount if isinstance(amount, int) else amount
    return read_amount(text)


def balance_error(balance: int, tokens: int) -> str:
    """Return the reason that these tokens cannot be added to a balance; empty if they can."""
    if balance + tokens < 0:
        return f"the balance is {balance:,}, so {-tokens:,} tokens cannot be subtracted"
    return f"the balance would be more than {MAX_TOKENS:,}" if balance + tokens > MAX_TOKENS else ""


def _shown(text: str) -> str:
    return repr(text if len(text) <= _SHOWN else text[:_SHOWN] + "…") if text else "empty"
