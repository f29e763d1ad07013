"""Products: put on the shelf, given tokens or another price, taken away."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from fakeshop.model.catalog import Product, Refused
from fakeshop.model.state import ShopState


class ProductActions(ShopState):
    """What a shop's owner does with products."""

    def add_product(
        self,
        name: str,
        price: str | Decimal,
        *,
        sku: str = "",
        meta: Mapping[str, Any] | None = None,
        is_virtual: bool = True,
        is_downloadable: bool = False,
        is_taxed: bool = False,
        number: int | None = None,
    ) -> Product:
        """Add a simple product; it turns variable with its first variation."""
        product = Product(
            id=number or self.next_number("post"),
            name=name,
            price=Decimal(price),
            sku=sku,
            created_at=self.now(),
            modified_at=self.now(),
            is_virtual=is_virtual,
            is_downloadable=is_downloadable,
            is_taxed=is_taxed,
            meta=[self.meta(key, value) for key, value in (meta or {}).items()],
        )
        self.products[product.id] = product
        self.announce(["product.created"], product.id)
        return product

    def add_package(self, name: str, price: str | Decimal, tokens: int, *, sku: str = "") -> Product:
        """Add a token package, flagged as the companion plugin does."""
        return self.add_product(name, price, sku=sku, meta={"_is_token_package": "yes", "_tokens_granted": tokens})

    def add_variation(
        self, parent_id: int, option: str, price: str | Decimal, *, tokens: int | None = None, number: int | None = None
    ) -> Product:
        """Add a variation; without tokens of its own it is worth what its parent says."""
        parent = self.product(parent_id)
        parent.type = "variable"
        variation = self.add_product(
            f"{parent.name} - {option}",
            price,
            sku=f"{parent.sku}-{option[:1]}",
            meta={} if tokens is None else {"_tokens_granted": tokens},
            is_virtual=parent.is_virtual,
            is_downloadable=parent.is_downloadable,
            is_taxed=parent.is_taxed,
            number=number,
        )
        variation.type, variation.parent_id, variation.option = "variation", parent_id, option
        parent.price = min(sibling.price for sibling in self.variations_of(parent_id))
        return variation

    def set_product_tokens(self, product_id: int, tokens: int | None) -> None:
        """Change what a product or variation is worth in tokens; None: it is a package no more."""
        product = self.product(product_id)
        kept = [entry for entry in product.meta if entry.key not in ("_is_token_package", "_tokens_granted")]
        told: dict[str, Any] = {} if tokens is None else {"_tokens_granted": tokens}
        if product.type != "variation" and tokens is not None:
            told = {"_is_token_package": "yes", **told}
        product.meta = [*kept, *(self.meta(key, value) for key, value in told.items())]
        self.save_product(product_id)

    def set_price(self, product_id: int, price: str | Decimal) -> None:
        """Change a price; orders placed keep theirs."""
        self.product(product_id).price = Decimal(price)
        self.save_product(product_id)

    def save_product(self, product_id: int) -> None:
        """Press Update on a product's page."""
        self.product(product_id).modified_at = self.now()
        self.announce(["product.updated"], product_id)

    def delete_product(self, product_id: int) -> None:
        """Delete a product for good, with its variations: from now on orders show it as product 0 without a SKU."""
        if self.product(product_id).type == "variation":
            raise Refused("delete the whole product")
        for variation in self.variations_of(product_id):
            del self.products[variation.id]
        del self.products[product_id]
        self.announce(["product.deleted"], product_id)
