"""The catalog: the products that grant tokens, as stated by the shop and by admins."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from bridge.clients.woocommerce.documents import Product
from bridge.domain.errors import UnknownPackage
from bridge.domain.orders.packages import Package
from bridge.domain.stores.stores import Store
from bridge.rendering.packages import amount_document
from bridge.services.orders import apply, late_packages
from bridge.services.stores import changes
from bridge.services.stores.changes import NamedChange, Subject
from bridge.services.transactions import Transaction
from bridge.storage.engine.database import Connection
from bridge.storage.orders import packages, product_orders, purchases, sales

_NAMED = 5
"""The most products with an unclear amount in one message."""


@dataclass(frozen=True, slots=True)
class OfferedPackage:
    """A package for sale: its price in the shop, None where it is not known, and the currency, or an empty text."""

    package: Package
    price: Decimal | None
    currency: str


@dataclass(frozen=True, slots=True)
class WantedPackage:
    """The tokens per unit that a product shall grant; a name or SKU of None stays.

    With `plan` and `months`, they are the tokens of each month. `is_of_shop` means
    that this is the amount in the shop's product, which an admin's amount overrides;
    the product's name is then that of the plan.
    """

    product_id: int
    variation_id: int
    tokens: int
    plan: str | None = None
    months: int | None = None
    name: str | None = None
    sku: str | None = None
    is_of_shop: bool = False

    def applied_to(self, package: Package) -> Package:
        """Return a package with these values."""
        package = replace(
            package,
            name=package.name if self.name is None else self.name,
            sku=package.sku if self.sku is None else self.sku,
        )
        if self.is_of_shop:
            package = replace(package, shop_tokens=self.tokens, shop_months=self.months)
            return replace(package, unreadable=None, is_per_variation=False)
        return replace(package, admin_tokens=self.tokens, admin_plan=self.plan, admin_months=self.months)


@dataclass(frozen=True, slots=True)
class PackageChange:
    """A package before and after a change; None before means that the store did not have the product."""

    before: Package | None
    after: Package

    @property
    def key(self) -> tuple[int, int]:
        """The product and the variation."""
        return self.after.product_id, self.after.variation_id

    @property
    def is_real(self) -> bool:
        """Return whether anything differs."""
        return self.before != self.after


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
    actor: str,
    now: datetime,
) -> Package:
    """Set the tokens per unit of a product by hand; this overrides the shop's amount.

    With `plan` and `months`, one unit grants that many tokens a month for that many
    months.

    Orders that have an amount keep it. The caller processes the waiting orders,
    outside this transaction.
    """
    wanted = WantedPackage(product_id, variation_id, tokens, plan, months, name, sku)
    return set_packages(connection, store_id, [wanted], actor=actor, now=now)[0].after


def set_packages(
    connection: Connection, store_id: int, wanted: Sequence[WantedPackage], *, actor: str, now: datetime
) -> list[PackageChange]:
    """Set the tokens per unit of products, in their order; each is what `set_package` does for one.

    The number of statements does not depend on that of the products.
    """
    known = dict(packages.find_by_product(connection, store_id, sorted({each.product_id for each in wanted})))
    first, done = dict(known), list[PackageChange]()
    for each in wanted:
        key = (each.product_id, each.variation_id)
        before = known.get(key)
        known[key] = each.applied_to(before or Package(*key))
        done.append(PackageChange(before, known[key]))
    changed = {change.key: change.after for change in done}
    packages.put(connection, store_id, changed.values(), now=now)
    _record(connection, store_id, [(first.get(key), after) for key, after in changed.items()], actor=actor, now=now)
    return done


def set_tokens(
    connection: Connection,
    store_id: int,
    *,
    product_id: int,
    variation_id: int,
    tokens: int,
    actor: str,
    now: datetime,
) -> Package:
    """Set the tokens per unit and keep everything else, including a plan and its months."""
    before = packages.find(connection, store_id, product_id=product_id, variation_id=variation_id)
    return set_package(
        connection,
        store_id,
        product_id=product_id,
        variation_id=variation_id,
        tokens=tokens,
        plan=before.plan if before else None,
        months=before.months if before else None,
        actor=actor,
        now=now,
    )


def merge_product(connection: Connection, store_id: int, product: Product, *, now: datetime) -> bool:
    """Store a product as the shop describes it; return whether its amount is known now."""
    product_id, variation_id = (product.parent_id, product.id) if product.parent_id else (product.id, 0)
    before = packages.find(connection, store_id, product_id=product_id, variation_id=variation_id)
    says_nothing = product.unreadable is None and not product.tokens
    # A variation without its own amount has its parent's, so there is nothing to store.
    if before is None and says_nothing and product.parent_id:
        return False
    package = before or Package(product_id, variation_id)
    if product.parent_id and says_nothing and not product.is_partial and package.admin_tokens is None:
        packages.remove(connection, store_id, product_id=product_id, variation_id=variation_id)
        return False
    package = replace(package, name=product.name or package.name, sku=product.sku or package.sku)
    if not product.is_partial:
        package = replace(
            package,
            shop_tokens=product.tokens,
            shop_months=product.months,
            unreadable=product.unreadable,
            is_per_variation=product.is_per_variation,
        )
    packages.put(connection, store_id, [package], now=now)
    if product.price is not None or product.is_for_sale is not None:
        packages.set_offer(
            connection,
            store_id,
            product_id=product_id,
            variation_id=variation_id,
            price=product.price,
            is_for_sale=product.is_for_sale,
        )
    return package.tokens is not None


def settle_waiting(transaction: Transaction, store: Store, package: Package, *, now: datetime) -> int:
    """Process orders that waited for a product's amount; return the number of orders checked.

    At most a few hundred, each in its own transaction; the scheduled job does the rest.
    """
    with transaction() as connection:
        waiting = list_settleable(connection, store, product_id=package.product_id, variation_id=package.variation_id)
    apply.check_all(transaction, store, waiting, now=now)
    return len(waiting)


def find_ordered(connection: Connection, store_id: int, changed: Collection[Package]) -> list[Package]:
    """Return those packages that occur in orders whose tokens may change with them."""
    return product_orders.find_ordered(connection, store_id, changed) if changed else []


def list_settleable(connection: Connection, store: Store, *, product_id: int, variation_id: int) -> list[int]:
    """Return the orders that wait for a product's amount, a few hundred at most; the jobs find the others."""
    found = set(apply.list_waiting_for_product(connection, store, product_id=variation_id or product_id))
    package = packages.find(connection, store.id, product_id=product_id, variation_id=variation_id)
    if package is not None and package.tokens:
        if package.sku:
            found |= set(product_orders.list_with_sku(connection, store.id, package.sku, limit=apply.CLAIM_BATCH))
        found |= set(late_packages.list_decided(connection, store, package, after=0, limit=apply.CLAIM_BATCH))
    return sorted(found)[: apply.CLAIM_BATCH]


def get_package(connection: Connection, store_id: int, *, product_id: int, variation_id: int) -> Package:
    """Return the package of exactly this product or variation; raises `UnknownPackage`."""
    package = packages.find(connection, store_id, product_id=product_id, variation_id=variation_id)
    if package is None or not package.is_stated:
        raise UnknownPackage()
    return package


def list_packages(
    connection: Connection,
    store_id: int,
    *,
    after: tuple[int, int] | None,
    limit: int,
    query: str = "",
    is_open_only: bool = False,
) -> list[Package]:
    """Return the known products of the store, by product and variation.

    `query` is a part of the name or the SKU, or an id. `is_open_only` leaves out
    those whose amount is known.
    """
    return packages.list_page(connection, store_id, after=after, limit=limit, query=query, is_open_only=is_open_only)


def list_offered(connection: Connection, store_id: int, *, limit: int) -> list[OfferedPackage]:
    """Return the packages for sale, those with the fewest tokens first, at most `limit`.

    The shop states prices without a currency: it is that of the newest order.
    """
    found = packages.list_offered(connection, store_id, limit=limit)
    currency = purchases.latest_currency(connection, store_id) if found else ""
    return [OfferedPackage(package, price, currency) for package, price in found]


def latest_checkout(connection: Connection, store_id: int) -> str:
    """Return the checkout page that the newest of the store's orders stated; empty if none of the last few did."""
    return sales.latest_checkout(connection, store_id)


def has_offers(connection: Connection, store_id: int) -> bool:
    """Return whether any package is for sale."""
    return bool(packages.list_offered(connection, store_id, limit=1))


def list_unreadable(connection: Connection, store_id: int, *, limit: int) -> list[Package]:
    """Return the products whose amount is not clear and for which no admin has set one, at most `limit`."""
    return packages.list_unreadable(connection, store_id, limit=limit)


def drop_package(
    connection: Connection, store_id: int, *, product_id: int, variation_id: int, actor: str, now: datetime
) -> None:
    """Remove the amount set by hand; the shop's own amount counts again. Raises `UnknownPackage`."""
    package = packages.find(connection, store_id, product_id=product_id, variation_id=variation_id)
    if package is None or not package.is_stated:
        raise UnknownPackage()
    if not replace(package, admin_tokens=None).is_stated:
        packages.remove(connection, store_id, product_id=product_id, variation_id=variation_id)
        _record(connection, store_id, [(package, None)], actor=actor, now=now)
    else:
        cleared = replace(package, admin_tokens=None, admin_plan=None, admin_months=None)
        packages.put(connection, store_id, [cleared], now=now)
        _record(connection, store_id, [(package, cleared)], actor=actor, now=now)


def _record(
    connection: Connection,
    store_id: int,
    found: Iterable[tuple[Package | None, Package | None]],
    *,
    actor: str,
    now: datetime,
) -> None:
    changed = [_change(before, after) for before, after in found]
    changes.record_all(connection, store_id, Subject.PACKAGE, changed, actor=actor, now=now)


def _change(before: Package | None, after: Package | None) -> NamedChange:
    documents = [None if package is None else amount_document(package) for package in (before, after)]
    package = next(package for package in (after, before) if package is not None)
    name = f"{package.product_id}/{package.variation_id}" if package.variation_id else str(package.product_id)
    return NamedChange(name, *documents)
