"""Rows that go from one account to another when they are merged; the caller has locked both."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import Connection, delete, func, or_, select, update

from bridge.domain.metering.holds import HoldState
from bridge.domain.metering.limits import WindowKey
from bridge.storage.accounts.tables import accounts
from bridge.storage.admin.tables import account_figures
from bridge.storage.metering.tables import holds, limit_overrides, plan_terms
from bridge.storage.orders.tables import orders
from bridge.storage.sites.tables import link_codes, sites
from bridge.storage.stores.tables import access_keys


def lock_orders(connection: Connection, store_id: int, account_id: int) -> None:
    """Lock the orders that an account holds or claimed, in the order of their numbers, before any account."""
    mine = or_(orders.c.account_id == account_id, orders.c.claimed_by == account_id)
    statement = select(orders.c.number).where(orders.c.store_id == store_id, mine).order_by(orders.c.number)
    connection.execute(statement.with_for_update()).all()


def move_orders(connection: Connection, store_id: int, account_id: int, *, into_id: int) -> int:
    """Let another account hold the orders of this one, with their plans; return how many there were."""
    of_store = orders.c.store_id == store_id
    claimed = update(orders).where(of_store, orders.c.claimed_by == account_id).values(claimed_by=into_id)
    connection.execute(claimed)
    held = update(orders).where(of_store, orders.c.account_id == account_id).values(account_id=into_id)
    count = connection.execute(held).rowcount
    connection.execute(update(plan_terms).where(plan_terms.c.account_id == account_id).values(account_id=into_id))
    return count


def move_holds(connection: Connection, account_id: int, *, into_id: int) -> int:
    """Move the open holds of an account; return how many there were."""
    mine = (holds.c.account_id == account_id, holds.c.state == HoldState.OPEN.value)
    return connection.execute(update(holds).where(*mine).values(account_id=into_id)).rowcount


def move_hold_windows(connection: Connection, window: WindowKey, *, into: datetime) -> None:
    """Let what open holds set aside of one window count in another one of the same account, module and counter."""
    account_id, module, starts_at, counter = window
    start = holds.c.second_window_starts_at if counter else holds.c.window_starts_at
    mine = (
        holds.c.account_id == account_id,
        holds.c.state == HoldState.OPEN.value,
        holds.c.module == module,
        start == starts_at,
    )
    connection.execute(update(holds).where(*mine).values({start: into}))


def move_sites(connection: Connection, account_id: int, *, into_id: int) -> int:
    """Let linked sites, their keys and unused link codes draw on another account; return how many sites."""
    for table in (access_keys, link_codes):
        connection.execute(update(table).where(table.c.account_id == account_id).values(account_id=into_id))
    return connection.execute(update(sites).where(sites.c.account_id == account_id).values(account_id=into_id)).rowcount


def move_overrides(connection: Connection, account_id: int, *, into_id: int) -> list[str]:
    """Move an account's own limits of modules for which the other has none, drop the rest; return those moved."""
    own = select(limit_overrides.c.module).where(limit_overrides.c.account_id == into_id)
    mine = limit_overrides.c.account_id == account_id
    found = select(limit_overrides.c.module).where(mine, limit_overrides.c.module.not_in(own))
    modules = sorted(connection.execute(found).scalars())
    connection.execute(
        update(limit_overrides).where(mine, limit_overrides.c.module.in_(modules)).values(account_id=into_id)
    )
    connection.execute(delete(limit_overrides).where(mine))
    return modules


def drop_figures(connection: Connection, account_ids: Collection[int]) -> None:
    """Delete the figures that the list of a large store keeps of these accounts."""
    connection.execute(delete(account_figures).where(account_figures.c.account_id.in_(list(account_ids))))


def count_owned(connection: Connection, store_id: int, account_id: int) -> dict[str, int]:
    """Return how many orders, open holds, linked sites, own limits and merged accounts an account has."""
    wanted = {
        "orders": (orders, (orders.c.store_id == store_id, orders.c.account_id == account_id)),
        "holds": (holds, (holds.c.account_id == account_id, holds.c.state == HoldState.OPEN.value)),
        "sites": (sites, (sites.c.account_id == account_id, sites.c.unlinked_at.is_(None))),
        "overrides": (limit_overrides, (limit_overrides.c.account_id == account_id,)),
        "merged": (accounts, (accounts.c.merged_into == account_id,)),
    }
    return {
        name: connection.execute(select(func.count()).select_from(table).where(*conditions)).scalar_one()
        for name, (table, conditions) in wanted.items()
    }
