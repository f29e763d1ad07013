"""Figures by which the users of a large store are sorted and searched; a job updates them in batches of users.

Only rows that differ are written, so a run over inactive users writes nothing. A
spend never writes these rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Connection,
    Select,
    Text,
    bindparam,
    case,
    cast,
    delete,
    func,
    insert,
    or_,
    select,
    update,
)

from bridge.storage.accounts.tables import accounts
from bridge.storage.admin.tables import account_figures, store_figures
from bridge.storage.engine.bulk import Writer
from bridge.storage.engine.sums import capped_sum, halves, whole
from bridge.storage.metering.tables import holds, usage_days

_COPIED = (
    "balance",
    "held",
    "debt",
    "used",
    "active_at",
    "name",
    "email",
    "roles",
    "search_key",
    "user_id",
    "purchased",
)
_WRITE = Writer(
    account_figures, ("account_id", "store_id", *_COPIED), keys=("account_id",), replace=("store_id", *_COPIED)
)


@dataclass(frozen=True, slots=True)
class StoreFigures:
    """The sums over all users of a large store, as of a moment; `took_ms` is how long the update took."""

    users: int
    users_with_tokens: int
    balance: int
    debt: int
    as_of: datetime
    took_ms: int


def find(connection: Connection, store_id: int) -> StoreFigures | None:
    """Return the figures of a store; None if it has few users, or if the job has not run yet."""
    row = connection.execute(select(store_figures).where(store_figures.c.store_id == store_id)).one_or_none()
    if row is None:
        return None
    return StoreFigures(row.users, row.users_with_tokens, int(row.balance), int(row.debt), row.as_of, row.took_ms)


def save(connection: Connection, store_id: int, figures: StoreFigures) -> None:
    """Write the figures of a store."""
    values = {
        "users": figures.users,
        "users_with_tokens": figures.users_with_tokens,
        "balance": str(figures.balance),
        "debt": str(figures.debt),
        "as_of": figures.as_of,
        "took_ms": figures.took_ms,
    }
    changed = connection.execute(update(store_figures).where(store_figures.c.store_id == store_id).values(**values))
    if not changed.rowcount:
        connection.execute(insert(store_figures).values(store_id=store_id, **values))


def remove(connection: Connection, store_id: int, *, limit: int) -> int:
    """Delete the figures of a store that has few users now, at most `limit` accounts; return how many."""
    connection.execute(delete(store_figures).where(store_figures.c.store_id == store_id))
    found = select(account_figures.c.account_id).where(account_figures.c.store_id == store_id).limit(limit)
    return connection.execute(delete(account_figures).where(account_figures.c.account_id.in_(found))).rowcount


def has_more_users(connection: Connection, store_id: int, *, than: int) -> bool:
    """Return whether a store has more users than this; reads at most one more than that."""
    found = select(accounts.c.id).where(accounts.c.store_id == store_id, accounts.c.user_id.is_not(None))
    return connection.execute(select(func.count()).select_from(found.limit(than + 1).subquery())).scalar_one() > than


def end_of_batch(connection: Connection, store_id: int, *, after: int, limit: int) -> int | None:
    """Return the last user id of the next batch of a store; None if there is no further user."""
    found = (
        select(accounts.c.user_id)
        .where(accounts.c.store_id == store_id, accounts.c.user_id > after)
        .order_by(accounts.c.user_id)
        .limit(limit)
        .subquery()
    )
    last = connection.execute(select(func.max(found.c.user_id))).scalar_one()
    return None if last is None else int(last)


def list_changed(
    connection: Connection, store_id: int, *, after: int, last: int, since: date, now: datetime
) -> list[tuple[Any, ...]]:
    """Return the rows of the users with ids in (after, last] that differ from the stored rows."""
    values = {"store": store_id, "after": after, "last": last, "since": since, "now": now}
    live, kept = _live().cte("live"), account_figures
    differs = or_(kept.c.account_id.is_(None), *(kept.c[name] != live.c[name] for name in _COPIED))
    joined = live.outerjoin(kept, kept.c.account_id == live.c.account_id)
    statement = select(*(live.c[name] for name in ("account_id", "store_id", *_COPIED))).select_from(joined)
    return [tuple(row) for row in connection.execute(statement.where(differs), values)]


def write(connection: Connection, rows: Iterable[Sequence[Any]]) -> None:
    """Write rows that `list_changed` returned."""
    _WRITE.write(connection, rows)


def add_up(connection: Connection, store_id: int) -> tuple[int, int, int, int]:
    """Return the users, the users with tokens, the balance and the debt of a store; reads every user."""
    row = connection.execute(
        select(
            func.count().label("users"),
            func.coalesce(func.sum(case((accounts.c.balance > 0, 1), else_=0)), 0).label("with_tokens"),
            *halves(accounts.c.balance, "balance"),
            *halves(accounts.c.debt, "debt"),
        ).where(accounts.c.store_id == store_id, accounts.c.user_id.is_not(None), accounts.c.merged_into.is_(None))
    ).one()
    return row.users, int(row.with_tokens), whole(row, "balance"), whole(row, "debt")


def _live() -> Select[*tuple[Any, ...]]:
    """Return the current rows of the users of a batch."""
    batch = (
        select(accounts)
        .where(
            accounts.c.store_id == bindparam("store", type_=BigInteger()),
            accounts.c.user_id > bindparam("after", type_=BigInteger()),
            accounts.c.user_id <= bindparam("last", type_=BigInteger()),
            # A merged account is in no list; its figures were deleted with the merge.
            accounts.c.merged_into.is_(None),
        )
        .cte("batch")
    )
    used = (
        select(capped_sum(usage_days.c.tokens))
        .where(
            usage_days.c.account_id == batch.c.id, usage_days.c.day >= bindparam("since", type_=usage_days.c.day.type)
        )
        .scalar_subquery()
    )
    held = (
        select(func.sum(holds.c.from_balance))
        .where(
            holds.c.account_id == batch.c.id,
            holds.c.state == "open",
            holds.c.expires_at > bindparam("now", type_=holds.c.expires_at.type),
        )
        .scalar_subquery()
    )
    return select(
        batch.c.id.label("account_id"),
        batch.c.store_id,
        batch.c.balance,
        cast(func.coalesce(held, 0), BigInteger).label("held"),
        batch.c.debt,
        cast(func.coalesce(used, 0), BigInteger).label("used"),
        batch.c.updated_at.label("active_at"),
        func.coalesce(batch.c.name_key, "").label("name"),
        func.coalesce(batch.c.email_key, "").label("email"),
        cast(batch.c.roles, Text).label("roles"),
        func.coalesce(batch.c.search_key, "").label("search_key"),
        batch.c.user_id,
        batch.c.purchased,
    )
