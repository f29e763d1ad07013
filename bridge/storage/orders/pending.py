"""Orders that waited for data which is stored by now: the account of the buyer, or the amount of a package."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, and_, false, func, or_, select, text, tuple_

from bridge.domain.orders.merge import Basis, Effect
from bridge.domain.stores.stores import Store
from bridge.storage.accounts.tables import accounts
from bridge.storage.orders.tables import order_lines, orders, packages

Cursor = tuple[int, int]
"""An order: its store and its number."""

# Written as in the partial index: SQLAlchemy would compare with 1, and the index would not be used. Statements name
# the index for SQLite, which would otherwise read all orders by the primary key to get the order of the list.
_IS_PARKED = text("orders.is_parked")


def list_claimable(connection: Connection, *, after: Cursor, limit: int) -> list[Cursor]:
    """Return parked orders whose email exactly one account has by now, by store and number, above `after`."""
    owners = (
        select(func.count())
        .where(accounts.c.store_id == orders.c.store_id, accounts.c.email_key == orders.c.email_key)
        .scalar_subquery()
    )
    statement = (
        select(orders.c.store_id, orders.c.number)
        .where(_IS_PARKED, tuple_(orders.c.store_id, orders.c.number) > tuple_(*after), owners == 1)
        .order_by(orders.c.store_id, orders.c.number)
        .limit(limit)
        .with_hint(orders, "INDEXED BY ix_orders_parked", "sqlite")
    )
    return [(row.store_id, row.number) for row in connection.execute(statement)]


def list_withheld(connection: Connection, store: Store, *, after: int, limit: int) -> list[int]:
    """Return withheld orders from before the store was connected that would grant, with numbers above `after`."""
    statement = (
        select(orders.c.number)
        .where(orders.c.number > after, *_is_withheld(store))
        .order_by(orders.c.number)
        .limit(limit)
    )
    return list(connection.execute(statement).scalars())


def count_withheld(connection: Connection, store: Store) -> int:
    """Return how many withheld orders from before the store was connected would grant."""
    return connection.execute(select(func.count()).select_from(orders).where(*_is_withheld(store))).scalar_one()


def _is_withheld(store: Store) -> tuple[ColumnElement[bool], ...]:
    return (
        orders.c.store_id == store.id,
        orders.c.effect == Effect.KEEPS.value,
        orders.c.status.in_(store.grant_statuses),
        orders.c.placed_at < store.connected_at,
    )


def list_unknown_customers(connection: Connection, store_id: int, numbers: Collection[int]) -> list[int]:
    """Return the users with grants of these orders and without a stored email, in order."""
    statement = (
        select(accounts.c.user_id)
        .join_from(orders, accounts, accounts.c.id == orders.c.account_id)
        .where(
            orders.c.store_id == store_id,
            orders.c.number.in_(numbers),
            accounts.c.user_id.is_not(None),
            accounts.c.email_key.is_(None),
            accounts.c.is_erased == false(),
        )
        .distinct()
        .order_by(accounts.c.user_id)
    )
    return list(connection.execute(statement).scalars())


def list_addresses(
    connection: Connection, store_id: int, numbers: Collection[int], *, only: tuple[datetime, int] | None = None
) -> list[str]:
    """Return the emails of these parked orders that no account has, as they were typed.

    With `only`, a moment and the number of a day, return those of orders stored
    since the moment and of a seventh of the others: a different seventh each day.
    """
    has_customer = (
        select(accounts.c.id)
        .where(accounts.c.store_id == orders.c.store_id, accounts.c.email_key == orders.c.email_key)
        .exists()
    )
    statement = (
        select(orders.c.email)
        .where(
            orders.c.store_id == store_id,
            orders.c.number.in_(numbers),
            orders.c.is_parked,
            orders.c.email != "",
            ~has_customer,
        )
        .distinct()
        .order_by(orders.c.email)
    )
    if only is not None:
        since, day = only
        statement = statement.where(or_(orders.c.created_at >= since, orders.c.number % 7 == day % 7))
    return list(connection.execute(statement).scalars())


def has_parked(connection: Connection, store_id: int, *, more_than: int) -> bool:
    """Return whether a store has more than this many parked orders."""
    some = (
        select(orders.c.number)
        .where(orders.c.store_id == store_id, _IS_PARKED)
        .limit(more_than + 1)
        .with_hint(orders, "INDEXED BY ix_orders_parked", "sqlite")
    )
    return int(connection.execute(select(func.count()).select_from(some.subquery())).scalar_one()) > more_than


def list_parked(connection: Connection, store_id: int, *, limit: int) -> list[tuple[int, int]]:
    """Return the numbers of at most `limit` parked orders of a store, each with its number of lines."""
    some = (
        select(orders.c.number)
        .where(orders.c.store_id == store_id, _IS_PARKED)
        .limit(limit)
        .with_hint(orders, "INDEXED BY ix_orders_parked", "sqlite")
    )
    numbers = sorted(connection.execute(some).scalars())
    counted = (
        select(order_lines.c.order_number, func.count().label("lines"))
        .where(order_lines.c.store_id == store_id, order_lines.c.order_number.in_(numbers))
        .group_by(order_lines.c.order_number)
    )
    lines = {row.order_number: row.lines for row in connection.execute(counted)} if numbers else {}
    return [(number, lines.get(number, 0)) for number in numbers]


def list_priceable(connection: Connection, *, after: Cursor, limit: int) -> list[Cursor]:
    """Return orders with a line without an amount that is available by now, by store and number, above `after`."""
    is_package_of = and_(
        packages.c.store_id == order_lines.c.store_id,
        packages.c.product_id == order_lines.c.product_id,
        or_(packages.c.variation_id == order_lines.c.variation_id, packages.c.variation_id == 0),
    )
    statement = (
        select(order_lines.c.store_id, order_lines.c.order_number)
        .join(packages, is_package_of)
        .where(
            order_lines.c.tokens.is_(None),
            # Without the plus, SQLite would apply the condition to packages and read all of them for each line.
            order_lines.c.product_id + 0 > 0,
            func.coalesce(packages.c.admin_tokens, packages.c.shop_tokens).is_not(None),
            # These lines wait for a change of the order; no package gives them an amount.
            order_lines.c.unclear_stamp == "",
            func.coalesce(order_lines.c.basis, "") != Basis.SAME_SKU.value,
            or_(packages.c.variation_id > 0, ~_is_unclear_variation()),
            tuple_(order_lines.c.store_id, order_lines.c.order_number) > tuple_(*after),
        )
        .distinct()
        .order_by(order_lines.c.store_id, order_lines.c.order_number)
        .limit(limit)
        .with_hint(order_lines, "INDEXED BY ix_order_lines_unpriced", "sqlite")
    )
    return [(row.store_id, row.order_number) for row in connection.execute(statement)]


def list_unpaid(connection: Connection, *, before: datetime, limit: int) -> list[Cursor]:
    """Return granted orders with an unpaid status since before a moment that were not checked for it yet."""
    statement = (
        select(orders.c.store_id, orders.c.number)
        .where(orders.c.unpaid_since.is_not(None), orders.c.unpaid_since <= before)
        .order_by(orders.c.unpaid_since)
        .limit(limit)
    )
    return [(row.store_id, row.number) for row in connection.execute(statement)]


def _is_unclear_variation() -> ColumnElement[bool]:
    """Return whether the line's variation has an unclear amount of its own, which overrides its product's."""
    own = packages.alias()
    return (
        select(own.c.product_id)
        .where(
            own.c.store_id == order_lines.c.store_id,
            own.c.product_id == order_lines.c.product_id,
            own.c.variation_id == order_lines.c.variation_id,
            own.c.variation_id > 0,
            own.c.unreadable.is_not(None),
            own.c.admin_tokens.is_(None),
        )
        .exists()
    )


def list_of_known_skus(connection: Connection, store_id: int, *, limit: int) -> list[int]:
    """Return the numbers of orders with a line of an unknown product that has the SKU of a package, in order."""
    tokens = func.coalesce(packages.c.admin_tokens, packages.c.shop_tokens)
    known = select(packages.c.sku).where(packages.c.store_id == store_id, text("packages.sku <> ''"), tokens > 0)
    statement = (
        select(order_lines.c.order_number)
        .where(
            order_lines.c.store_id == store_id,
            order_lines.c.tokens.is_(None),
            order_lines.c.basis.is_(None),
            order_lines.c.sku.in_(known),
        )
        .distinct()
        .order_by(order_lines.c.order_number)
        .limit(limit)
        .with_hint(order_lines, "INDEXED BY ix_order_lines_unpriced", "sqlite")
    )
    return list(connection.execute(statement).scalars())
