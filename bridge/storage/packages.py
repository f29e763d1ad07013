"""Packages: the tokens of products and variations."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from bridge.domain.packages import Package
from bridge.storage.schema import packages


def find(connection: Connection, store_id: int, *, product_id: int, variation_id: int) -> Package | None:
    """The package of exactly this product or variation."""
    row = connection.execute(select(packages).where(*_at(store_id, product_id, variation_id))).one_or_none()
    return None if row is None else _to_package(row)


def find_by_product(connection: Connection, store_id: int, product_ids: list[int]) -> dict[tuple[int, int], Package]:
    """The packages of these products and all their variations, by (product, variation)."""
    rows = connection.execute(
        select(packages).where(packages.c.store_id == store_id, packages.c.product_id.in_(product_ids))
    )
    found = [_to_package(row) for row in rows]
    return {(package.product_id, package.variation_id): package for package in found}


def find_namesakes(connection: Connection, store_id: int, *, sku: str, name: str) -> list[Package]:
    """The packages with this SKU or, where there is none, with this name; at most a few."""
    for column, value in ((packages.c.sku, sku), (packages.c.name, name)):
        if value:
            statement = select(packages).where(packages.c.store_id == store_id, column == value).limit(5)
            found = [_to_package(row) for row in connection.execute(statement)]
            if any(package.tokens for package in found):
                return [package for package in found if package.tokens]
    return []


def list_page(connection: Connection, store_id: int, *, after: tuple[int, int] | None, limit: int) -> list[Package]:
    """The store's packages by product and variation, at most `limit`, after the one named."""
    statement = select(packages).where(packages.c.store_id == store_id)
    if after is not None:
        product, variation = after
        statement = statement.where(
            (packages.c.product_id > product)
            | ((packages.c.product_id == product) & (packages.c.variation_id > variation))
        )
    rows = connection.execute(statement.order_by(packages.c.product_id, packages.c.variation_id).limit(limit))
    return [_to_package(row) for row in rows]


def put(connection: Connection, store_id: int, package: Package, *, now: datetime) -> None:
    """Insert or replace a package."""
    values = {
        "admin_tokens": package.admin_tokens,
        "shop_tokens": package.shop_tokens,
        "plan": package.plan,
        "months": package.months,
        "name": package.name,
        "sku": package.sku,
        "updated_at": now,
    }
    at = _at(store_id, package.product_id, package.variation_id)
    if connection.execute(update(packages).where(*at).values(**values)).rowcount == 0:
        connection.execute(
            insert(packages).values(
                store_id=store_id, product_id=package.product_id, variation_id=package.variation_id, **values
            )
        )


def remove(connection: Connection, store_id: int, *, product_id: int, variation_id: int) -> None:
    """Forget a package."""
    connection.execute(delete(packages).where(*_at(store_id, product_id, variation_id)))


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
        plan=row.plan,
        months=row.months,
    )
