"""The use of recently active accounts in a past month, read up to a limit, to replay it with other rules."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime
from typing import NamedTuple

from sqlalchemy import Connection, func, select

from bridge.storage.accounts.tables import accounts
from bridge.storage.admin.tables import account_figures, store_figures
from bridge.storage.engine.bulk import among
from bridge.storage.metering.tables import usage_days, window_uses


class Subject(NamedTuple):
    """An account whose use is replayed; `user_id` is None for a guest."""

    id: int
    user_id: int | None
    name: str
    roles: tuple[str, ...]
    balance: int


class WindowUse(NamedTuple):
    """The tokens the free allowance of a module paid for an account in the window that began at a moment.

    `counter` tells which of the two windows of a limit it is.
    """

    account_id: int
    module: str
    counter: int
    starts_at: datetime
    used: int


class DayUse(NamedTuple):
    """The tokens of a module that an account used on one local day, from all sources."""

    account_id: int
    module: str
    day: date
    tokens: int


class OperationUse(NamedTuple):
    """The units of an operation and the tokens they cost."""

    units: int
    tokens: int


def list_subjects(connection: Connection, store_id: int, *, since: datetime, limit: int) -> list[Subject]:
    """Return at most `limit` accounts of a store.

    For a store with stored figures, these are the accounts active since a moment,
    the most recent first; for a smaller store, any accounts.
    """
    statement = select(accounts.c.id, accounts.c.user_id, accounts.c.name, accounts.c.roles, accounts.c.balance)
    is_large = connection.execute(select(store_figures.c.store_id).where(store_figures.c.store_id == store_id)).first()
    if is_large is None:
        statement = statement.where(accounts.c.store_id == store_id)
    else:
        statement = (
            statement.join_from(account_figures, accounts, accounts.c.id == account_figures.c.account_id)
            .where(account_figures.c.store_id == store_id, account_figures.c.active_at >= since)
            .order_by(account_figures.c.active_at.desc())
        )
    rows = connection.execute(statement.limit(limit))
    return [Subject(row.id, row.user_id, row.name or "", tuple(row.roles or ()), row.balance) for row in rows]


def window_uses_of(
    connection: Connection,
    account_ids: Collection[int],
    modules: Collection[str],
    *,
    first: datetime,
    end: datetime,
    limit: int,
) -> list[WindowUse]:
    """Return the use of these accounts in windows that began in `[first, end)`, and in those that never end."""
    began_then = (window_uses.c.starts_at >= first) & (window_uses.c.starts_at < end)
    statement = (
        select(
            window_uses.c.account_id,
            window_uses.c.module,
            window_uses.c.counter,
            window_uses.c.starts_at,
            window_uses.c.used,
        )
        .where(
            among(window_uses.c.account_id, "ids"),
            among(window_uses.c.module, "modules"),
            began_then | window_uses.c.ends_at.is_(None),
            window_uses.c.used > 0,
        )
        .limit(limit)
    )
    rows = connection.execute(statement, {"ids": list(account_ids), "modules": list(modules)})
    return [WindowUse(*row) for row in rows]


def day_uses_of(
    connection: Connection,
    account_ids: Collection[int],
    modules: Collection[str],
    *,
    first: date,
    end: date,
    limit: int,
) -> list[DayUse]:
    """Return the daily use of these accounts in `[first, end)`."""
    statement = (
        select(
            usage_days.c.account_id, usage_days.c.module, usage_days.c.day, func.sum(usage_days.c.tokens).label("used")
        )
        .where(
            among(usage_days.c.account_id, "ids"),
            among(usage_days.c.module, "modules"),
            usage_days.c.day >= first,
            usage_days.c.day < end,
        )
        .group_by(usage_days.c.account_id, usage_days.c.module, usage_days.c.day)
        .limit(limit)
    )
    rows = connection.execute(statement, {"ids": list(account_ids), "modules": list(modules)})
    return [DayUse(row.account_id, row.module, row.day, int(row.used)) for row in rows]


def operation_use_of(
    connection: Connection, account_ids: Collection[int], operations: Collection[str], *, first: date, end: date
) -> dict[str, OperationUse]:
    """Return the use of each operation by these accounts in `[first, end)`."""
    statement = (
        select(
            usage_days.c.operation,
            func.sum(usage_days.c.units).label("units"),
            func.sum(usage_days.c.tokens).label("tokens"),
        )
        .where(
            among(usage_days.c.account_id, "ids"),
            among(usage_days.c.operation, "operations"),
            usage_days.c.day >= first,
            usage_days.c.day < end,
        )
        .group_by(usage_days.c.operation)
    )
    rows = connection.execute(statement, {"ids": list(account_ids), "operations": list(operations)})
    return {row.operation: OperationUse(int(row.units), int(row.tokens)) for row in rows}
