"""Overrides: an account's own rule for a module, in place of the rules of its audiences."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, func, insert, or_, select, update

from bridge.domain.metering.limits import Allows, Override, Rule
from bridge.storage.accounts.tables import accounts
from bridge.storage.engine.bulk import among
from bridge.storage.metering.tables import limit_overrides

_OVERRIDES = select(limit_overrides).where(
    among(limit_overrides.c.account_id, "ids"),
    or_(limit_overrides.c.ends_at.is_(None), limit_overrides.c.ends_at > bindparam("now")),
)

_LOOKED_AT = 1000
"""How many accounts with a rule of their own are searched for one of a store."""


def overrides(
    connection: Connection, account_ids: Collection[int], *, now: datetime
) -> dict[tuple[int, str], Override]:
    """Return the rules of their own that these accounts have at this moment, by account and module."""
    rows = connection.execute(_OVERRIDES, {"ids": list(account_ids), "now": now})
    return {(row.account_id, row.module): to_override(row) for row in rows}


def has_overrides(connection: Connection, store_id: int) -> bool:
    """Return whether an account of the store may have a rule of its own.

    Reads the overrides, which are few, and not the accounts. If all stores together
    have very many, the result is True without reading all of them: that costs each
    batch of the store one statement.
    """
    some = select(limit_overrides.c.account_id).distinct().limit(_LOOKED_AT + 1)
    found = connection.execute(select(accounts.c.store_id).where(accounts.c.id.in_(some))).scalars().all()
    return store_id in found or len(found) > _LOOKED_AT


def count_of_module(connection: Connection, store_id: int, module: str) -> int:
    """Return how many accounts of the store have a rule of their own for a module, including expired ones."""
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
    """Remove an account's own rule; return whether there was one."""
    removed = connection.execute(
        delete(limit_overrides).where(limit_overrides.c.account_id == account_id, limit_overrides.c.module == module)
    )
    return removed.rowcount > 0


def to_override(row: Row[Any]) -> Override:
    """Return the rule in a row."""
    second = None if row.second_allows is None else Rule(Allows(row.second_allows), row.second_tokens or 0)
    return Override(row.module, Rule(Allows(row.allows), row.tokens), row.ends_at, second)
