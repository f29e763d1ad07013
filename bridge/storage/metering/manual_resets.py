"""Manual resets: the moments from which a new window begins, for one account or for many."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import Connection, Row, insert, select

from bridge.domain.metering.limits import Period, Reset
from bridge.storage.engine.bulk import among
from bridge.storage.metering.tables import limit_resets

_OF_ACCOUNTS = select(limit_resets).where(among(limit_resets.c.account_id, "ids"))


def add_reset(connection: Connection, reset_id: int, store_id: int, reset: Reset, *, actor: str) -> None:
    """Insert a reset."""
    connection.execute(
        insert(limit_resets).values(
            id=reset_id,
            store_id=store_id,
            account_id=reset.account_id,
            module=reset.module,
            role=reset.role,
            period=reset.period.value if reset.period else None,
            reset_at=reset.reset_at,
            actor=actor,
        )
    )


def account_resets(connection: Connection, account_ids: Collection[int]) -> dict[int, list[Reset]]:
    """Return the resets of single accounts, for these accounts."""
    found: dict[int, list[Reset]] = {}
    for row in connection.execute(_OF_ACCOUNTS, {"ids": list(account_ids)}):
        found.setdefault(row.account_id, []).append(to_reset(row))
    return found


def has_account_resets(connection: Connection, store_id: int) -> bool:
    """Return whether any single account of the store was ever reset."""
    statement = (
        select(limit_resets.c.id)
        .where(limit_resets.c.store_id == store_id, limit_resets.c.account_id.is_not(None))
        .limit(1)
    )
    return connection.execute(statement).first() is not None


def store_resets(connection: Connection, store_id: int) -> tuple[Reset, ...]:
    """Return the latest reset of a store for each role, module and period, and for all of them."""
    latest: dict[tuple[str | None, str | None, Period | None], Reset] = {}
    rows = connection.execute(
        select(limit_resets)
        .where(limit_resets.c.store_id == store_id, limit_resets.c.account_id.is_(None))
        .order_by(limit_resets.c.reset_at)
    )
    for row in rows:
        reset = to_reset(row)
        latest[(reset.module, reset.role, reset.period)] = reset
    return tuple(latest.values())


def to_reset(row: Row[Any]) -> Reset:
    """Return the reset in a row."""
    period = None if row.period is None else Period(row.period)
    return Reset(row.reset_at, row.module, row.role, row.account_id, period)
