"""Exceptions to a limit: one account's own rule, and resets by hand."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, func, insert, or_, select, update

from bridge.domain.metering.limits import Allows, Override, Period, Reset, Rule
from bridge.storage.accounts.tables import accounts
from bridge.storage.engine.bulk import among
from bridge.storage.metering.tables import limit_overrides, limit_resets

_OVERRIDES = select(limit_overrides).where(
    among(limit_overrides.c.account_id, "ids"),
    or_(limit_overrides.c.ends_at.is_(None), limit_overrides.c.ends_at > bindparam("now")),
)
_RESETS = select(limit_resets).where(among(limit_resets.c.account_id, "ids"))

_LOOKED_AT = 1000
"""How many accounts with a rule of their own are looked at to find one of a store."""


def overrides(
    connection: Connection, account_ids: Collection[int], *, now: datetime
) -> dict[tuple[int, str], Override]:
    """Return the rules of their own that these accounts have at this moment, by account and module."""
    rows = connection.execute(_OVERRIDES, {"ids": list(account_ids), "now": now})
    return {(row.account_id, row.module): _to_override(row) for row in rows}


def has_overrides(connection: Connection, store_id: int) -> bool:
    """Return whether an account of the store may have a rule of its own.

    Begins with the overrides, which are few, and not with the accounts. Where
    all stores together have very many, the answer is yes without a look at all
    of them: it costs the store's batches one statement.
    """
    some = select(limit_overrides.c.account_id).distinct().limit(_LOOKED_AT + 1)
    found = connection.execute(select(accounts.c.store_id).where(accounts.c.id.in_(some))).scalars().all()
    return store_id in found or len(found) > _LOOKED_AT


def count_of_module(connection: Connection, store_id: int, module: str) -> int:
    """Return how many accounts of the store have a rule of their own for a module, expired ones included."""
    statement = (
        select(func.count())
        .select_from(limit_overrides)
        .join(accounts, accounts.c.id == limit_overrides.c.account_id)
        .where(accounts.c.store_id == store_id, limit_overrides.c.module == module)
    )
    return connection.execute(statement).scalar_one()


def put_override(connection: Connection, account_id: int, override: Override, *, actor: str, now: datetime) -> None:
    """Insert or replace an account's own rule for a module."""
    values = {
        "allows": override.rule.allows.value,
        "tokens": override.rule.tokens,
        "second_allows": override.second.allows.value if override.second else None,
        "second_tokens": override.second.tokens if override.second else None,
        "ends_at": override.ends_at,
        "actor": actor,
        "created_at": now,
    }
    at = (limit_overrides.c.account_id == account_id, limit_overrides.c.module == override.module)
    if connection.execute(update(limit_overrides).where(*at).values(**values)).rowcount == 0:
        connection.execute(insert(limit_overrides).values(account_id=account_id, module=override.module, **values))


def drop_override(connection: Connection, account_id: int, module: str) -> bool:
    """Remove an account's own rule; whether there was one."""
    removed = connection.execute(
        delete(limit_overrides).where(limit_overrides.c.account_id == account_id, limit_overrides.c.module == module)
    )
    return removed.rowcount > 0


def add_reset(connection: Connection, reset_id: int, store_id: int, reset: Reset, *, actor: str) -> None:
    """Write a reset by hand."""
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
    """Return the resets by hand of these accounts alone."""
    found: dict[int, list[Reset]] = {}
    for row in connection.execute(_RESETS, {"ids": list(account_ids)}):
        found.setdefault(row.account_id, []).append(_to_reset(row))
    return found


def has_account_resets(connection: Connection, store_id: int) -> bool:
    """Return whether any single account of the store was ever reset manually."""
    statement = (
        select(limit_resets.c.id)
        .where(limit_resets.c.store_id == store_id, limit_resets.c.account_id.is_not(None))
        .limit(1)
    )
    return connection.execute(statement).first() is not None


def store_resets(connection: Connection, store_id: int) -> tuple[Reset, ...]:
    """Return the latest reset by hand of each role, module and period of a store, and of all of them."""
    latest: dict[tuple[str | None, str | None, Period | None], Reset] = {}
    rows = connection.execute(
        select(limit_resets)
        .where(limit_resets.c.store_id == store_id, limit_resets.c.account_id.is_(None))
        .order_by(limit_resets.c.reset_at)
    )
    for row in rows:
        reset = _to_reset(row)
        latest[(reset.module, reset.role, reset.period)] = reset
    return tuple(latest.values())


def _to_override(row: Row[Any]) -> Override:
    second = None if row.second_allows is None else Rule(Allows(row.second_allows), row.second_tokens or 0)
    return Override(row.module, Rule(Allows(row.allows), row.tokens), row.ends_at, second)


def _to_reset(row: Row[Any]) -> Reset:
    period = None if row.period is None else Period(row.period)
    return Reset(row.reset_at, row.module, row.role, row.account_id, period)
