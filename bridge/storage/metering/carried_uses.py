"""The use of running windows that came with merged accounts."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime

from sqlalchemy import Connection, select

from bridge.storage.engine.bulk import Writer, among
from bridge.storage.metering.tables import carried_uses

CarriedKey = tuple[int, str, int, datetime, int]
"""One window of an account: of a module, with the product 0 and its counter, or of a plan, with an empty module."""

_KEYS = ("account_id", "module", "product_id", "starts_at", "counter")
_FIND = select(carried_uses).where(among(carried_uses.c.account_id, "ids"))
_SET = Writer(carried_uses, (*_KEYS, "used"), keys=_KEYS, replace=("used",))


def uses(connection: Connection, account_ids: Collection[int]) -> dict[CarriedKey, int]:
    """Return the carried use of these accounts, which are locked."""
    rows = connection.execute(_FIND, {"ids": sorted(account_ids)})
    return {(row.account_id, row.module, row.product_id, row.starts_at, row.counter): row.used for row in rows}


def set_uses(connection: Connection, used: Mapping[CarriedKey, int]) -> None:
    """Write the carried use of windows, whose accounts are locked."""
    _SET.write(connection, [(*key, tokens) for key, tokens in sorted(used.items())])
