"""The catalog: which products bring tokens, by the shop's word and by the admin's."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from bridge.clients.payloads import Product
from bridge.domain.errors import UnknownPackage
from bridge.domain.packages import Package
from bridge.storage import packages
from bridge.storage.database import Connection


def set_package(
    connection: Connection,
    store_id: int,
    *,
    product_id: int,
    variation_id: int,
    tokens: int,
    plan: str | None = None,
    months: int | None = None,
    name: str | None = None,
    sku: str | None = None,
    now: datetime,
) -> Package:
    """Say by hand how many tokens a piece of a product brings; this wins over what the shop says.

    With `plan` and `months` a piece brings that many tokens a month for so long.

    Orders already placed keep the amount they were given; those that waited for
    one are settled by whoever calls, outside this transaction.
    """
    before = packages.find(connection, store_id, product_id=product_id, variation_id=variation_id)
    package = before or Package(product_id, variation_id)
    package = replace(
        package,
        admin_tokens=tokens,
        plan=plan,
        months=months,
        name=package.name if name is None else name,
        sku=package.sku if sku is None else sku,
    )
    packages.put(connection, store_id, package, now=now)
    return package


def learn_product(connection: Connection, store_id: int, product: Product, *, now: datetime) -> bool:
    """Take over what the shop says of a product; whether an amount is known for it now."""
    product_id, variation_id = (product.parent_id, product.id) if product.parent_id else (product.id, 0)
    before = packages.find(connection, store_id, product_id=product_id, variation_id=variation_id)
    # A variation without an amount of its own has its parent's: there is nothing to keep.
    if before is None and not product.tokens and product.parent_id:
        return False
    package = before or Package(product_id, variation_id)
    package = replace(package, name=product.name or package.name, sku=product.sku or package.sku)
    if product.tokens is not None:
        package = replace(package, shop_tokens=product.tokens)
    packages.put(connection, store_id, package, now=now)
    return package.tokens is not None


def get_package(connection: Connection, store_id: int, *, product_id: int, variation_id: int) -> Package:
    """The package of exactly this product or variation; raises `UnknownPackage`."""
    package = packages.find(connection, store_id, product_id=product_id, variation_id=variation_id)
    if package is None or package.tokens is None:
        raise UnknownPackage()
    return package


def list_packages(connection: Connection, store_id: int, *, after: tuple[int, int] | None, limit: int) -> list[Package]:
    """The store's products as far as they are known, by product and variation."""
    return packages.list_page(connection, store_id, after=after, limit=limit)


def drop_package(connection: Connection, store_id: int, *, product_id: int, variation_id: int, now: datetime) -> None:
    """Take back what was said by hand; the shop's own word counts again. Raises `UnknownPackage`."""
    package = get_package(connection, store_id, product_id=product_id, variation_id=variation_id)
    if package.shop_tokens is None:
        packages.remove(connection, store_id, product_id=product_id, variation_id=variation_id)
    else:
        packages.put(connection, store_id, replace(package, admin_tokens=None, plan=None, months=None), now=now)
