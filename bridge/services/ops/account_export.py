"""Export a person: everything that is held about them, list by list."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from bridge.domain.accounts.accounts import Account
from bridge.rendering.ids import encode_id
from bridge.storage.accounts import accounts, merges
from bridge.storage.engine.database import Connection
from bridge.storage.ops import person_rows
from bridge.storage.ops.person_rows import Person

LISTS = tuple(person_rows.LISTS)
"""The names of the lists, in their order."""

_PREFIXES = {
    "merges": "mg",
    "entries": "en",
    "spends": "sp",
    "refunds": "rf",
    "holds": "ho",
    "linked_sites": "si",
    "events": "evt",
}
"""The prefix of the visible IDs of each list whose rows have one."""
_NAMED = {"spend_id": "sp", "hold_id": "ho", "site_id": "si"}
_ACCOUNTS = {"account_id": "user", "into_id": "into_user", "merged_into": "merged_into", "claimed_by": "claimed_by"}
"""Columns with an account, each with its name in the export, which shows its user."""


@dataclass(frozen=True, slots=True)
class PersonalData:
    """The rows held about one person; `users` are their users by account.

    Read it in the transaction that it was opened in.
    """

    person: Person
    users: dict[int, int | None] = field(default_factory=dict)

    def columns(self, name: str) -> list[str]:
        """Return the columns of a list."""
        return [_ACCOUNTS.get(column, column) for column in person_rows.columns_of(name)]

    def rows(self, connection: Connection, name: str) -> Iterator[dict[str, Any]]:
        """Yield the rows of a list with these columns; values keep their types, IDs are the visible ones."""
        prefix, columns = _PREFIXES.get(name), person_rows.columns_of(name)
        for row in person_rows.rows(connection, name, self.person):
            yield {_ACCOUNTS.get(column, column): self._value(column, row[column], prefix) for column in columns}

    def _value(self, column: str, value: Any, prefix: str | None) -> Any:
        if value is None:
            return None
        if column in _ACCOUNTS:
            return self.users.get(value)
        if column == "id" and prefix is not None:
            return encode_id(prefix, value)
        if column in _NAMED:
            return encode_id(_NAMED[column], value) if value else None
        if column == "id":
            return str(value)
        return _body(bytes(value)) if isinstance(value, bytes | memoryview) else value


def open_export(connection: Connection, account: Account) -> PersonalData:
    """Return what is held about the person of an account, with the accounts that were merged into it."""
    known = accounts.look(connection, [account.id, *merges.list_members(connection, account.id)])
    users = {id_: one.user_id for id_, one in known.items()}
    ids = tuple(sorted(users))
    return PersonalData(
        Person(account.store_id, ids, tuple(user for user in users.values() if user is not None)), users
    )


def _body(body: bytes) -> Any:
    """Return the JSON in a body, or its text."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return body.decode("utf-8", "replace")
