"""Packages: the products that grant tokens, and their amounts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bridge.domain.accounts.amounts import Reason, Unreadable


@dataclass(frozen=True, slots=True)
class Package:
    """The grant of one product or variation.

    `shop_tokens` is the amount in the shop's own product (0: it is no
    package; None: the shop never stated one), `unreadable` an unclear amount
    of the shop, `admin_tokens` the amount an admin or the API set, which wins over both.
    `variation_id` is 0 for a whole product. A plan has a name and the months one
    piece lasts; its tokens are those of each month. A product that is
    `is_per_variation` is marked and leaves the amount to its variations. `late` is the owner's decision
    about orders that bought it before it was a package: `grant`, `leave`, or None.
    """

    product_id: int
    variation_id: int = 0
    admin_tokens: int | None = None
    shop_tokens: int | None = None
    name: str = ""
    sku: str = ""
    plan: str | None = None
    months: int | None = None
    unreadable: Unreadable | None = None
    is_per_variation: bool = False
    late: str | None = None

    @property
    def tokens(self) -> int | None:
        """The amount that counts, in whole tokens per unit; None if it is missing or not clear."""
        return self.shop_tokens if self.admin_tokens is None else self.admin_tokens

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
