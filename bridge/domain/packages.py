"""Packages: which products bring tokens, and how many each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Package:
    """What one product or variation brings.

    `shop_tokens` is what the shop's own product says (0: it is no package;
    None: the shop never said), `admin_tokens` what an admin or the API set,
    which wins. `variation_id` is 0 for a whole product. A plan has a name and
    the months one piece lasts; its tokens are those of each month.
    """

    product_id: int
    variation_id: int = 0
    admin_tokens: int | None = None
    shop_tokens: int | None = None
    name: str = ""
    sku: str = ""
    plan: str | None = None
    months: int | None = None

    @property
    def tokens(self) -> int | None:
        """The amount that counts, in whole tokens a piece; None when nobody said."""
        return self.shop_tokens if self.admin_tokens is None else self.admin_tokens


PackageMap = Mapping[tuple[int, int], Package]
"""The packages of one store by (product, variation)."""


def package_of(packages: PackageMap, *, product_id: int, variation_id: int) -> Package | None:
    """What says how many tokens a piece brings: the variation's own word, else the product's; None when unknown."""
    for key in ((product_id, variation_id), (product_id, 0)):
        package = packages.get(key)
        if package is not None and package.tokens is not None:
            return package
    return None
