"""Packages: the tokens of products and variations."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    and_,
    bindparam,
    case,
    delete,
    func,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from bridge.domain.accounts.amounts import Reason, Unreadable
from bridge.domain.orders.packages import Package
from bridge.storage.engine.bulk import Writer, among
from bridge.storage.orders.tables import packages

_KEY = ("store_id", "product_id", "variation_id")
_STATED = (
    *("admin_tokens", "shop_tokens", "plan", "months", "shop_months", "name", "sku", "unreadable", "is_per_variation"),
    "updated_at",
)
_DECISION = ("late", "late_by", "late_at")
_PUT = Writer(packages, (*_KEY, *_STATED), keys=_KEY, replace=_STATED)
_PUT_UNDECIDED = Writer(packages, (*_KEY, *_STATED, *_DECISION), keys=_KEY, replace=(*_STATED, *_DECISION))
_TOKENS = func.coalesce(packages.c.admin_tokens, packages.c.shop_tokens)
_MOST_SAME = 5000
"""The most packages read in one search by SKU."""


def find(connection: Connection, store_id: int, *, product_id: int, variation_id: int) -> Package | None:
    """Return the package of exactly this product or variation."""
    row = connection.execute(select(packages).where(*_at(store_id, product_id, variation_id))).one_or_none()
    return None if row is None else _to_package(row)


_OF_PRODUCTS = select(packages).where(
    packages.c.store_id == bindparam("store"), among(packages.c.product_id, "products")
)


def find_by_product(connection: Connection, store_id: int, product_ids: list[int]) -> dict[tuple[int, int], Package]:
    """Return the packages of these products and all their variations, by (product, variation)."""
    rows = connection.execute(_OF_PRODUCTS, {"store": store_id, "products": product_ids})
    found = [_to_package(row) for row in rows]
    return {(package.product_id, package.variation_id): package for package in found}


def find_by_sku(connection: Connection, store_id: int, skus: Sequence[str]) -> dict[str, list[Package]]:
    """Return the packages that grant tokens and have one of these SKUs, by SKU; `_MOST_SAME` at most."""
    tokens = func.coalesce(packages.c.admin_tokens, packages.c.shop_tokens)
    statement = (
        select(packages)
        .where(packages.c.store_id == store_id, among(packages.c.sku, "skus"), text("packages.sku <> ''"), tokens > 0)
        .limit(_MOST_SAME)
    )
    found: dict[str, list[Package]] = {}
    # Sorted here: with an order in the statement, SQLite would read all packages by number.
    rows = connection.execute(statement, {"skus": list(skus)})
    for row in sorted(rows, key=lambda row: (row.product_id, row.variation_id)):
        found.setdefault(row.sku, []).append(_to_package(row))
    return found


def find_namesakes(connection: Connection, store_id: int, *, sku: str, name: str) -> list[Package]:
    """Return the packages with this SKU or, if there are none, with this name; at most a few."""
    for column, value in ((packages.c.sku, sku), (packages.c.name, name)):
        if value:
            statement = select(packages).where(packages.c.store_id == store_id, column == value).limit(5)
            found = [_to_package(row) for row in connection.execute(statement)]
            if any(package.tokens for package in found):
                return [package for package in found if package.tokens]
    return []


def list_page(
    connection: Connection,
    store_id: int,
    *,
    after: tuple[int, int] | None,
    limit: int,
    query: str = "",
    is_open_only: bool = False,
) -> list[Package]:
    """Return the store's products by product and variation, at most `limit`, after the one named.

    `query` is a part of the name or the SKU, or the number of a product or
    variation. `is_open_only` leaves out those with a clear amount.
    """
    statement = select(packages).where(packages.c.store_id == store_id)
    if query:
        statement = statement.where(_matches(query))
    if is_open_only:
        statement = statement.where(_is_open())
    if after is not None:
        product, variation = after
        statement = statement.where(
            (packages.c.product_id > product)
            | ((packages.c.product_id == product) & (packages.c.variation_id > variation))
        )
    rows = connection.execute(statement.order_by(packages.c.product_id, packages.c.variation_id).limit(limit))
    return [_to_package(row) for row in rows]


def list_offered(connection: Connection, store_id: int, *, limit: int) -> list[tuple[Package, Decimal | None]]:
    """Return the packages that the shop does not withhold from sale, with their prices; the smallest first."""
    statement = (
        select(packages)
        .where(packages.c.store_id == store_id, _TOKENS > 0, packages.c.is_for_sale.is_not(False))
        .order_by(_TOKENS, packages.c.product_id, packages.c.variation_id)
        .limit(limit)
    )
    return [(_to_package(row), row.price) for row in connection.execute(statement)]


def set_offer(
    connection: Connection,
    store_id: int,
    *,
    product_id: int,
    variation_id: int,
    price: Decimal | None,
    is_for_sale: bool | None,
) -> None:
    """Store what the shop says about buying a product, if the product is stored."""
    at = _at(store_id, product_id, variation_id)
    connection.execute(update(packages).where(*at).values(price=price, is_for_sale=is_for_sale))


def count_open(connection: Connection, store_id: int, *, most: int) -> int:
    """Return how many products have no clear amount, counted up to `most`."""
    some = select(packages.c.product_id).where(packages.c.store_id == store_id, _is_open()).limit(most)
    return int(connection.execute(select(func.count()).select_from(some.subquery())).scalar_one())


def list_unreadable(connection: Connection, store_id: int, *, limit: int) -> list[Package]:
    """Return the products whose amount is not clear and for which no admin has set one."""
    statement = (
        select(packages)
        .where(packages.c.store_id == store_id, packages.c.unreadable.is_not(None), packages.c.admin_tokens.is_(None))
        .order_by(packages.c.product_id, packages.c.variation_id)
        .limit(limit)
    )
    return [_to_package(row) for row in connection.execute(statement)]


def decide_late(
    connection: Connection, store_id: int, package: Package, decision: str, *, actor: str, now: datetime
) -> None:
    """Store the owner's decision about orders of a product from before it was a package."""
    values = {"late": decision, "late_by": actor[:340], "late_at": now}
    at = _at(store_id, package.product_id, package.variation_id)
    connection.execute(update(packages).where(*at).values(**values))


def add_missing(connection: Connection, store_id: int, wanted: Sequence[Package], *, now: datetime) -> None:
    """Add an entry for each product of these orders that has none yet."""
    for package in wanted:
        values = {
            "store_id": store_id,
            "product_id": package.product_id,
            "variation_id": package.variation_id,
            "name": package.name,
            "sku": package.sku,
            "updated_at": now,
        }
        is_sqlite = connection.dialect.name == "sqlite"
        new = sqlite.insert(packages) if is_sqlite else postgresql.insert(packages)
        connection.execute(new.values(**values).on_conflict_do_nothing())


def add_names(connection: Connection, store_id: int, wanted: Sequence[Package], *, now: datetime) -> None:
    """Set the name of each product that has none, and its SKU if it has none."""
    for package in wanted:
        at = (*_at(store_id, package.product_id, package.variation_id), packages.c.name == "")
        sku = case((packages.c.sku == "", package.sku), else_=packages.c.sku)
        connection.execute(update(packages).where(*at).values(name=package.name, sku=sku, updated_at=now))


def put(connection: Connection, store_id: int, wanted: Iterable[Package], *, now: datetime) -> None:
    """Insert or replace packages, each product or variation once; at most two statements."""
    rows: dict[bool, list[tuple[Any, ...]]] = {True: [], False: []}
    for package in wanted:
        rows[bool(package.tokens)].append(
            (
                store_id,
                package.product_id,
                package.variation_id,
                package.admin_tokens,
                package.shop_tokens,
                package.admin_plan,
                package.admin_months,
                package.shop_months,
                package.name,
                package.sku,
                _pack(package.unreadable),
                package.is_per_variation,
                now,
            )
        )
    _PUT.write(connection, rows[True])
    # The decision ends when the product is no longer a package: it is asked for again the next time.
    _PUT_UNDECIDED.write(connection, [(*row, None, None, None) for row in rows[False]])


def remove(connection: Connection, store_id: int, *, product_id: int, variation_id: int) -> None:
    """Delete a package."""
    connection.execute(delete(packages).where(*_at(store_id, product_id, variation_id)))


def _is_open() -> ColumnElement[bool]:
    return and_(packages.c.admin_tokens.is_(None), packages.c.shop_tokens.is_(None), ~packages.c.is_per_variation)


def _matches(query: str) -> ColumnElement[bool]:
    found = [column.icontains(query, autoescape=True) for column in (packages.c.name, packages.c.sku)]
    if query.isascii() and query.isdigit() and len(query) <= 16:
        found += [packages.c.product_id == int(query), packages.c.variation_id == int(query)]
    return or_(*found)


def _at(store_id: int, product_id: int, variation_id: int) -> tuple[Any, ...]:
    return (
        packages.c.store_id == store_id,
        packages.c.product_id == product_id,
        packages.c.variation_id == variation_id,
    )


def _to_package(row: Row[Any]) -> Package:
    return Package(
        product_id=row.product_id,
        variation_id=row.variation_id,
        admin_tokens=row.admin_tokens,
        shop_tokens=row.shop_tokens,
        name=row.name,
        sku=row.sku,
        admin_plan=row.plan,
        admin_months=row.months,
        shop_months=row.shop_months,
        unreadable=_unpack(row.unreadable),
        is_per_variation=row.is_per_variation,
        late=row.late,
    )


def _pack(unreadable: Unreadable | None) -> dict[str, str] | None:
    if unreadable is None:
        return None
    return {"key": unreadable.key, "value": unreadable.value, "reason": unreadable.reason.value}


def _unpack(packed: dict[str, str] | None) -> Unreadable | None:
    return None if not packed else Unreadable(packed["key"], packed["value"], Reason(packed["reason"]))
