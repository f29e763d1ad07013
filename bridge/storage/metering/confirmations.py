"""The latest confirmation of each user and module that tokens of the balance may pay."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import Connection, delete, select

from bridge.storage.engine.bulk import Writer, among
from bridge.storage.metering.tables import paid_confirmations

ConfirmationKey = tuple[int, str]
"""An account and a module."""

_FIND = select(paid_confirmations).where(among(paid_confirmations.c.account_id, "ids"))
_SET = Writer(
    paid_confirmations,
    ("account_id", "module", "confirmed_at"),
    keys=("account_id", "module"),
    replace=("confirmed_at",),
)


def list_of(connection: Connection, account_ids: Collection[int]) -> dict[ConfirmationKey, datetime]:
    """Return when the users of these accounts last confirmed, by module."""
    rows = connection.execute(_FIND, {"ids": sorted(account_ids)})
    return {(row.account_id, row.module): row.confirmed_at for row in rows}


def put(connection: Connection, confirmed: Collection[ConfirmationKey], *, now: datetime) -> None:
    """Write that the users of these locked accounts confirmed now."""
    _SET.write(connection, [(account_id, module, now) for account_id, module in sorted(confirmed)])


def drop(connection: Connection, account_id: int) -> None:
    """Delete all confirmations of a locked account."""
    connection.execute(delete(paid_confirmations).where(paid_confirmations.c.account_id == account_id))
