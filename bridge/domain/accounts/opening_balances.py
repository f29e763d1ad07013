"""Opening balances: imported balances of existing users, one CSV row for each."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from bridge.domain.accounts.accounts import MAX_NAME, MAX_TOKENS, MAX_USER_ID
from bridge.domain.accounts.amounts import Reason, read_amount
from bridge.domain.errors import FieldError
from bridge.domain.stores.pasted_text import is_line, plain_text

COLUMNS = ("user_id", "email", "name", "roles", "balance")
REQUIRED = ("user_id", "balance")

_ROLE = re.compile(r"[a-z0-9_-]{1,100}")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")
_SHOWN = 40
_BALANCE = {
    None: "is empty: enter a whole number of tokens, 0 or more",
    Reason.NEGATIVE: "is {value!r}, below 0: a balance is 0 or more",
    Reason.FRACTION: "is {value!r}, not a whole number: tokens are whole",
    Reason.TOO_LARGE: f"is {{value!r}}, more than {MAX_TOKENS}, the most an account can hold",
    Reason.AMBIGUOUS: "is {value!r}, which can be read in two ways: write the number without separators",
}


@dataclass(frozen=True, slots=True)
class Opening:
    """The opening balance of one user; None keeps the stored value. `line` is its line in the file."""

    user_id: int
    balance: int
    email: str | None
    name: str | None
    roles: tuple[str, ...] | None
    line: int = field(default=0, compare=False)


def read_row(row: Mapping[str, str], *, line: int) -> Opening | list[FieldError]:
    """Return the opening balance in one row of a file, or every error in it, with line and column."""
    faults: list[FieldError] = []

    def fault(column: str, message: str) -> None:
        faults.append(FieldError(f"line {line}, column {column}", message))

    user_id = _whole_id(row.get("user_id", ""))
    if user_id is None:
        fault("user_id", f"is {_shown(row.get('user_id', ''))}: give the user's ID in WordPress, a whole number from 1")
    balance = read_amount(row.get("balance", ""))
    if balance is None or isinstance(balance, Reason):
        sentence = _BALANCE.get(balance, "is {value!r}, not a number: give a whole number of tokens")
        fault("balance", sentence.format(value=row.get("balance", "").strip()[:_SHOWN]))
    email = row.get("email", "").strip()
    if email and (len(email) > 320 or not _EMAIL.fullmatch(email) or not is_line(email)):
        fault("email", f"is {_shown(email)}, not an email address")
    name = plain_text(row.get("name", "")).strip()
    if len(name) > MAX_NAME or not is_line(name):
        fault("name", f"must have at most {MAX_NAME} characters and no line breaks or control characters")
    roles = tuple(role.strip() for role in row.get("roles", "").split("|") if role.strip())
    if not all(_ROLE.fullmatch(role) for role in roles):
        fault("roles", f"is {_shown(row.get('roles', ''))}: give WordPress role names such as editor, separated by |")
    if faults or user_id is None or not isinstance(balance, int):
        return faults
    return Opening(user_id, balance, email or None, name or None, roles or None, line)


def _whole_id(text: str) -> int | None:
    """Return a user's ID; a spreadsheet may have written it as 42.0 or with a separator."""
    found = read_amount(text)
    return found if isinstance(found, int) and 1 <= found <= MAX_USER_ID else None


def _shown(text: str) -> str:
    text = text.strip()
    return repr(text if len(text) <= _SHOWN else text[:_SHOWN] + "…") if text else "empty"
