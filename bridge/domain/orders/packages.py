"""Packages: the products that grant tokens, and their amounts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bridge.domain.accounts.amounts import Reason, Unreadable

MAX_MONTHS = 120
"""The most months of a plan that one piece of a product grants."""
MAX_PLAN_NAME = 100


@dataclass(frozen=True, slots=True)
class Amount:
    """The grant of one unit: tokens or, with `months`, tokens of each month; 0 for a product that is no package."""

    tokens: int
    months: int | None = None


@dataclass(frozen=True, slots=True)
class Package:
    """The grant of one product or variation.

    `shop_tokens` is the amount in the shop's own product (0: it is no
    package; None: the shop never stated one), `unreadable` an unclear amount
    of the shop, `admin_tokens` the amount an admin or the API set, which wins over both.
    `variation_id` is 0 for a whole product. A plan lasts `shop_months` or, by an
    admin, `admin_months` for each piece, and its tokens are those of each month. A product that is
    `is_per_variation` is marked and leaves the amount to its variations. `late` is the owner's decision
    about orders that bought it before it was a package: `grant`, `leave`, or None.
    """

    product_id: int
    variation_id: int = 0
    admin_tokens: int | None = None
    shop_tokens: int | None = None
    name: str = ""
    sku: str = ""
    admin_plan: str | None = None
    admin_months: int | None = None
    unreadable: Unreadable | None = None
    is_per_variation: bool = False
    late: str | None = None
    shop_months: int | None = None

    @property
    def tokens(self) -> int | None:
        """The amount that counts, in whole tokens per unit; None if it is missing or not clear."""
        return self.shop_tokens if self.admin_tokens is None else self.admin_tokens

    @property
    def months(self) -> int | None:
        """The months that one piece of a plan lasts; None for tokens that do not expire."""
        return self.shop_months if self.admin_tokens is None else self.admin_months

    @property
    def plan(self) -> str | None:
        """The name of the plan: the admin's, else that of the product; None without a plan."""
        if self.months is None:
            return None
        return self.admin_plan or self.name[:MAX_PLAN_NAME] or None

    @property
    def is_stated(self) -> bool:
        """Return whether the shop or an admin stated an amount, clear or not."""
        return self.tokens is not None or self.unreadable is not None or self.is_per_variation

    @property
    def state(self) -> str:
        """The state: `package`, `per_variation`, `no_package`, `unreadable` or `unknown`."""
        if self.tokens is not None:
            return "package" if self.tokens else "no_package"
        if self.is_per_variation:
            return "per_variation"
        return "unknown" if self.unreadable is None else "unreadable"

    @property
    def open_fault(self) -> Unreadable | None:
        """The unclear amount for which order lines wait; None once an admin has set one."""
        return self.unreadable if self.admin_tokens is None else None


PackageMap = Mapping[tuple[int, int], Package]
"""The packages of one store by (product, variation)."""


def package_of(packages: PackageMap, *, product_id: int, variation_id: int) -> Package | None:
    """Return the entry that decides the tokens per unit: the variation's own, else the product's.

    None if neither states anything. The entry's `tokens` is None if its amount is
    not clear: the order line then waits. A variation with the amount 0 counts as its
    product if that is not a package.
    """
    product = packages.get((product_id, 0))
    for package in (packages.get((product_id, variation_id)), product):
        if package is None or not package.is_stated:
            continue
        if package is not product and _is_zero(package) and product is not None and product.tokens == 0:
            return product
        return package
    return None


def _is_zero(package: Package) -> bool:
    return package.open_fault is not None and package.open_fault.reason is Reason.ZERO
