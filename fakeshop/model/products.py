"""Actions on products: add, price, set tokens, delete."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from fakeshop.model.catalog import Product, Refused
from fakeshop.model.state import ShopState


class ProductActions(ShopState):
    """The product actions of a shop's owner."""

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
        """Add a simple product; its first variation makes it variable."""
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
        """Add a variation; without tokens of its own it uses its parent's."""
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
        """Change the token amount of a product or variation; with None it stops being a package."""
        product = self.product(product_id)
        others = [entry for entry in product.meta if entry.key not in ("_is_token_package", "_tokens_granted")]
        token_meta: dict[str, Any] = {} if tokens is None else {"_tokens_granted": tokens}
        if product.type != "variation" and tokens is not None:
            token_meta = {"_is_token_package": "yes", **token_meta}
        product.meta = [*others, *(self.meta(key, value) for key, value in token_meta.items())]
        self.save_product(product_id)

    def set_price(self, product_id: int, price: str | Decimal) -> None:
        """Change a price; existing orders keep theirs."""
        self.product(product_id).price = Decimal(price)
        self.save_product(product_id)

    def save_product(self, product_id: int) -> None:
        """Press Update on a product's page."""
        self.product(product_id).modified_at = self.now()
        self.announce(["product.updated"], product_id)

    def delete_product(self, product_id: int) -> None:
        """Delete a product and its variations permanently: orders then show it as product 0 without a SKU."""
        if self.product(product_id).type == "variation":
            raise Refused("delete the whole product")
        for variation in self.variations_of(product_id):
            del self.products[variation.id]
        del self.products[product_id]
        self.announce(["product.deleted"], product_id)
