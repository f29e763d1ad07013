"""Opening balances: what users had before the bridge, one row of a file for each."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from bridge.domain.accounts import MAX_TOKENS, MAX_USER_ID
from bridge.domain.errors import FieldError

COLUMNS = ("user_id", "email", "name", "roles", "balance")
REQUIRED = ("user_id", "balance")

_ROLE = re.compile(r"[a-z0-9_-]{1,100}")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")


@dataclass(frozen=True, slots=True)
class Opening:
    """What one user brings along; None where the file says nothing and the known stays."""

    user_id: int
    balance: int
    email: str | None
    name: str | None
    roles: tuple[str, ...] | None


def read_row(row: Mapping[str, str], *, line: int) -> Opening | list[FieldError]:
    """The opening balance in one row of a file, or every fault in it, named by line and column."""
    faults: list[FieldError] = []

    def fault(column: str, message: str) -> None:
        faults.append(FieldError(f"line {line}, column {column}", message))

    user_id, balance = _whole(row.get("user_id", "")), _whole(row.get("balance", ""))
    if user_id is None or not 1 <= user_id <= MAX_USER_ID:
        fault("user_id", "must be the user's number in WordPress, a whole number from 1 up")
    if balance is None or balance > MAX_TOKENS:
        fault("balance", "must be a whole number of tokens, 0 to 2^53-1, without separators")
    email = row.get("email", "").strip()
    if email and (len(email) > 320 or not _EMAIL.fullmatch(email)):
        fault("email", "is not an e-mail address")
    name = row.get("name", "").strip()
    if len(name) > 200 or not name.isprintable():
        fault("name", "must have at most 200 letters and no line breaks")
    roles = tuple(role.strip() for role in row.get("roles", "").split("|") if role.strip())
    if not all(_ROLE.fullmatch(role) for role in roles):
        fault("roles", "must be WordPress role names such as editor, separated by |")
    if faults or user_id is None or balance is None:
        return faults
    return Opening(user_id, balance, email or None, name or None, roles or None)


def _whole(text: str) -> int | None:
    text = text.strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 16 else None
