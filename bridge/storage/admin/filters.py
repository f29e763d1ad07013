"""The accounts that may match a filter of the user list."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, select

from bridge.storage.accounts.tables import accounts
from bridge.storage.metering.tables import limit_overrides, plan_terms, window_uses


def used_at_least(
    connection: Connection, store_id: int, module: str, counter: int, *, tokens: int, since: datetime, most: int
) -> set[int]:
    """Return the users who used at least this much of a module for free in a window that began at `since` or later.

    `counter` tells which of the two windows of a limit is meant.
    """
    statement = (
        select(window_uses.c.account_id)
        .join_from(window_uses, accounts, accounts.c.id == window_uses.c.account_id)
        .where(
            accounts.c.store_id == store_id,
            accounts.c.user_id.is_not(None),
            window_uses.c.module == module,
            window_uses.c.counter == counter,
            window_uses.c.starts_at >= since,
            window_uses.c.used >= tokens,
        )
        .distinct()
        .limit(most)
    )
    return set(connection.execute(statement).scalars())


def with_override(connection: Connection, store_id: int, *, most: int) -> set[int]:
    """Return the users with a limit of their own, including expired ones."""
    statement = (
        select(limit_overrides.c.account_id)
        .join_from(limit_overrides, accounts, accounts.c.id == limit_overrides.c.account_id)
        .where(accounts.c.store_id == store_id)
        .distinct()
        .limit(most)
    )
    return set(connection.execute(statement).scalars())


def with_plan_terms(connection: Connection, store_id: int, *, most: int) -> set[int]:
    """Return the users who ever bought a plan that was not reversed."""
    statement = (
        select(plan_terms.c.account_id)
        .where(plan_terms.c.store_id == store_id, plan_terms.c.months > 0)
        .distinct()
        .limit(most)
    )
    return set(connection.execute(statement).scalars())
