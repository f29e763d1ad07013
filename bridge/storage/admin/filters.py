"""The accounts that may match a filter of the user list."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, func, select, text

from bridge.domain.admin.user_list import INACTIVE_DAYS, Filter, Listing
from bridge.storage.accounts.tables import accounts
from bridge.storage.admin.tables import EXHAUSTED, account_figures
from bridge.storage.metering.tables import limit_overrides, plan_terms, window_uses
from bridge.storage.orders.tables import WAITING, orders

_INDEXES = {
    Filter.EXHAUSTED: "ix_account_figures_exhausted",
    Filter.IN_DEBT: "ix_account_figures_debt",
    Filter.INACTIVE: "ix_account_figures_active",
    Filter.HAS_BALANCE: "ix_account_figures_balance",
}
KEPT = frozenset(_INDEXES)
"""The filters that a large store answers by its kept figures."""
_ROLE_SETS = 1_000
"""How many different sets of roles are looked through for one role."""
# Written as in the partial indexes, which an engine would not use with parameters.
_IS_EXHAUSTED = text(EXHAUSTED)
_WAITS = text(WAITING)


def is_kept(listing: Listing) -> bool:
    """Return whether a listing has a filter that a large store answers by its kept figures."""
    return listing.role is not None or bool(listing.filters & KEPT)


def answers(listing: Listing) -> bool:
    """Return whether the kept figures alone tell which users a listing leaves out."""
    return is_kept(listing) and not listing.search and listing.filters <= KEPT


def kept_conditions(listing: Listing, *, now: datetime) -> list[ColumnElement[bool]]:
    """Return the conditions on the kept figures of these filters."""
    kept = account_figures.c
    conditions: dict[Filter, ColumnElement[bool]] = {
        Filter.HAS_BALANCE: kept.balance > 0,
        Filter.EXHAUSTED: and_(kept.balance == 0, kept.purchased > 0),
        Filter.IN_DEBT: kept.debt > 0,
        Filter.INACTIVE: kept.active_at < now - timedelta(days=INACTIVE_DAYS),
    }
    found = [conditions[each] for each in sorted(listing.filters & KEPT)]
    # Roles are a JSON list: a role is found as a quoted string in its text.
    return found if listing.role is None else [*found, kept.roles.contains(json.dumps(listing.role), autoescape=True)]


def find_few(connection: Connection, store_id: int, listing: Listing, *, most: int, now: datetime) -> set[int] | None:
    """Return the users that the filters of kept figures find, if one of them finds at most `most`; None otherwise.

    Users who have matched only since the figures were kept are not among them.
    """
    found: set[int] | None = None
    for statement in _each_kept(connection, store_id, listing, now=now):
        part = set[int](connection.execute(statement.limit(most + 1)).scalars())
        if len(part) <= most:
            found = part if found is None else found & part
    return found


def count_kept(connection: Connection, store_id: int, listing: Listing, *, most: int, now: datetime) -> int:
    """Return how many users the filters of kept figures find, counted up to `most`."""
    first = next(_each_kept(connection, store_id, listing, now=now), None)
    some = select(account_figures.c.account_id).where(account_figures.c.store_id == store_id)
    some = (some if first is None else first).where(*kept_conditions(listing, now=now)).limit(most)
    return connection.execute(select(func.count()).select_from(some.subquery())).scalar_one()


def _each_kept(connection: Connection, store_id: int, listing: Listing, *, now: datetime) -> Iterator[Select[Any]]:
    """Yield a query for each filter, which reads no user that the filter leaves out."""
    kept = account_figures.c
    of_store = select(kept.account_id).where(kept.store_id == store_id)
    for each, index in _INDEXES.items():
        if each in listing.filters:
            (condition,) = kept_conditions(Listing(filters=frozenset({each})), now=now)
            found = of_store.where(_IS_EXHAUSTED if each is Filter.EXHAUSTED else condition)
            # SQLite would read every user of the store in the index that has all values.
            yield found.with_hint(account_figures, f"INDEXED BY {index}", "sqlite")
    if listing.role is not None:
        sets = _role_sets(connection, store_id, listing.role)
        if sets is not None:
            found = of_store.where(kept.roles.in_(sets))
            yield found.with_hint(account_figures, "INDEXED BY ix_account_figures_roles", "sqlite")


def _role_sets(connection: Connection, store_id: int, role: str) -> list[str] | None:
    """Return the different sets of roles that have a role, as text; None if the store has too many sets.

    Each set is found by the index behind the one before it, so users with the same roles are not read.
    """
    kept, following = account_figures.c, account_figures.alias()
    first = select(func.min(kept.roles).label("roles")).where(kept.store_id == store_id)
    sets = first.cte("sets", recursive=True)
    after = (
        select(func.min(following.c.roles))
        .where(following.c.store_id == store_id, following.c.roles > sets.c.roles)
        .scalar_subquery()
    )
    sets = sets.union_all(select(after).where(sets.c.roles.is_not(None)))
    found = list(connection.execute(select(sets.c.roles).limit(_ROLE_SETS + 1)).scalars())
    if len(found) > _ROLE_SETS:
        return None
    quoted = json.dumps(role)
    return [roles for roles in found if roles is not None and quoted in roles]


def find_waiting(connection: Connection, store_id: int, *, most: int) -> set[int] | None:
    """Return the users with an order that needs attention or is not paid; None if there are more than `most` orders.

    An order that has granted nothing yet has a customer and no account.
    """
    rows = connection.execute(
        select(orders.c.account_id, orders.c.customer_id, orders.c.question)
        .where(orders.c.store_id == store_id, _WAITS)
        .limit(most + 1)
    ).all()
    if len(rows) > most:
        return None
    found = {row.account_id for row in rows if row.account_id is not None}
    customers = {row.customer_id for row in rows if row.question and row.customer_id > 0}
    users = select(accounts.c.id).where(accounts.c.store_id == store_id, accounts.c.user_id.in_(sorted(customers)))
    return found.union(connection.execute(users).scalars()) if customers else found


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
