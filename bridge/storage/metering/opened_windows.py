"""Windows that opened, the progress of announcing them, and the users who had used up the one before."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, exists, func, literal, select, tuple_, update
from sqlalchemy.dialects import postgresql, sqlite

from bridge.domain.metering.limits import Window
from bridge.storage.accounts.tables import accounts
from bridge.storage.engine.types import Instant
from bridge.storage.metering.tables import window_runs, window_uses

RunKey = tuple[int, str, int]
"""One window of a limit: the store, the module and the counter of its use."""


@dataclass(frozen=True, slots=True)
class WindowRun:
    """One window that opened, and the progress of announcing it.

    It is announced to users whose last use is in `[since, starts_at)`. `reached` is the
    last use that was checked, by the start of its window and its account;
    `finished_at` is None until all are checked. `ran_dry` counts the users who got
    the announcement.
    """

    store_id: int
    module: str
    counter: int
    starts_at: datetime
    ends_at: datetime | None
    announced_at: datetime
    ran_dry: int
    since: datetime
    reached: tuple[datetime, int] | None
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class LastUse:
    """The use of a user in their last used window of a counter, before the one that opened."""

    account_id: int
    user_id: int
    roles: tuple[str, ...]
    starts_at: datetime
    used: int


def newest(connection: Connection, store_ids: Collection[int]) -> dict[RunKey, WindowRun]:
    """Return the newest recorded window of each store, module and counter, with one statement."""
    keys = (window_runs.c.store_id, window_runs.c.module, window_runs.c.counter)
    last = (
        select(*keys, func.max(window_runs.c.starts_at).label("starts_at"))
        .where(window_runs.c.store_id.in_(store_ids))
        .group_by(*keys)
        .subquery()
    )
    statement = select(window_runs).join(
        last,
        (window_runs.c.store_id == last.c.store_id)
        & (window_runs.c.module == last.c.module)
        & (window_runs.c.counter == last.c.counter)
        & (window_runs.c.starts_at == last.c.starts_at),
    )
    return {(row.store_id, row.module, row.counter): _to_run(row) for row in connection.execute(statement)}


def find_newest(connection: Connection, key: RunKey, *, until: datetime) -> WindowRun | None:
    """Return the newest recorded window of a module and counter that begins no later than a moment."""
    row = connection.execute(_newest_of(key, until)).one_or_none()
    return None if row is None else _to_run(row)


def lock_newest(connection: Connection, key: RunKey, *, until: datetime) -> WindowRun | None:
    """Return the same, locked until the transaction ends."""
    row = connection.execute(_newest_of(key, until).with_for_update()).one_or_none()
    return None if row is None else _to_run(row)


def open_run(connection: Connection, key: RunKey, window: Window, *, since: datetime, now: datetime) -> None:
    """Record that a window opened; does nothing if another process recorded it first."""
    store_id, module, counter = key
    new = sqlite.insert(window_runs) if connection.dialect.name == "sqlite" else postgresql.insert(window_runs)
    connection.execute(
        new.values(
            store_id=store_id,
            module=module,
            counter=counter,
            starts_at=window.starts_at,
            ends_at=window.ends_at,
            announced_at=now,
            ran_dry=0,
            since=since,
        ).on_conflict_do_nothing(index_elements=["store_id", "module", "starts_at", "counter"])
    )


def advance(connection: Connection, run: WindowRun) -> None:
    """Store the progress of announcing a locked window."""
    reached_at, reached_account = run.reached or (None, None)
    connection.execute(
        update(window_runs)
        .where(
            window_runs.c.store_id == run.store_id,
            window_runs.c.module == run.module,
            window_runs.c.starts_at == run.starts_at,
            window_runs.c.counter == run.counter,
        )
        .values(
            ran_dry=run.ran_dry,
            reached_at=reached_at,
            reached_account=reached_account,
            finished_at=run.finished_at,
        )
    )


def list_last_uses(connection: Connection, run: WindowRun, *, limit: int) -> list[LastUse]:
    """Return the next users to check for a window, each with their last used window before it.

    Guests are left out: only the hash of a guest's id is stored, so an event could
    not name them. The order, by window and account, is that of `reached`.
    """
    later = window_uses.alias("later")
    statement = (
        select(
            window_uses.c.account_id,
            window_uses.c.starts_at,
            window_uses.c.used,
            accounts.c.user_id,
            accounts.c.roles,
        )
        .join(accounts, accounts.c.id == window_uses.c.account_id)
        .where(
            accounts.c.store_id == run.store_id,
            accounts.c.user_id.is_not(None),
            accounts.c.merged_into.is_(None),
            window_uses.c.module == run.module,
            window_uses.c.counter == run.counter,
            window_uses.c.starts_at >= run.since,
            window_uses.c.starts_at < run.starts_at,
            ~exists().where(
                later.c.account_id == window_uses.c.account_id,
                later.c.module == window_uses.c.module,
                later.c.counter == window_uses.c.counter,
                later.c.starts_at > window_uses.c.starts_at,
                later.c.starts_at < run.starts_at,
            ),
        )
        .order_by(window_uses.c.starts_at, window_uses.c.account_id)
        .limit(limit)
    )
    if run.reached is not None:
        starts_at, account_id = run.reached
        reached = tuple_(literal(starts_at, Instant()), literal(account_id))
        statement = statement.where(tuple_(window_uses.c.starts_at, window_uses.c.account_id) > reached)
    return [
        LastUse(row.account_id, row.user_id, tuple(row.roles), row.starts_at, row.used)
        for row in connection.execute(statement)
    ]


def _newest_of(key: RunKey, until: datetime) -> Select[Any]:
    store_id, module, counter = key
    mine = (window_runs.c.store_id == store_id, window_runs.c.module == module, window_runs.c.counter == counter)
    return (
        select(window_runs)
        .where(*mine, window_runs.c.starts_at <= until)
        .order_by(window_runs.c.starts_at.desc())
        .limit(1)
    )


def _to_run(row: Row[Any]) -> WindowRun:
    reached = None if row.reached_at is None else (row.reached_at, row.reached_account)
    return WindowRun(
        store_id=row.store_id,
        module=row.module,
        counter=row.counter,
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        announced_at=row.announced_at,
        ran_dry=row.ran_dry,
        since=row.since or row.starts_at,
        reached=reached,
        finished_at=row.finished_at,
    )
