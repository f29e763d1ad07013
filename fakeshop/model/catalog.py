"""Products, variations, users and REST keys of a shop."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

_PACKAGE_KEYS = (("_is_token_package", "_tokens_granted"), ("is_token_package", "tokens_granted"))
_AIPKIT_KEYS = ("_aipkit_is_token_package", "_aipkit_tokens_amount")
_STAFF = frozenset({"administrator", "shop_manager"})


class Refused(Exception):
    """An action the shop rejects: a refund above the remainder, an order in the trash, an unknown id."""


@dataclass(frozen=True, slots=True)
class Meta:
    """One entry of `meta_data`; WordPress stores scalar values as text."""

    id: int
    key: str
    value: Any


@dataclass(slots=True)
class Product:
    """A simple or variable product, or one variation of it with its `option` of the attribute "Size"."""

    id: int
    name: str
    price: Decimal
    sku: str
    created_at: datetime
    modified_at: datetime
    type: str = "simple"
    parent_id: int = 0
    option: str = ""
    is_virtual: bool = True
    is_downloadable: bool = False
    is_taxed: bool = False
    meta: list[Meta] = field(default_factory=list)
    sold: int = 0

    @property
    def needs_processing(self) -> bool:
        """Return whether a paid order of it waits until the owner completes it."""
        return not (self.is_virtual and self.is_downloadable)

    def meta_value(self, key: str) -> Any:
        """Return the value under a key of the product's meta; None where there is none."""
        return next((entry.value for entry in self.meta if entry.key == key), None)


def tokens_of(product: Product, parent: Product | None) -> int:
    """Return the tokens of one piece, 0 where the product is no package.

    The flag is on the product or its parent; a variation's own amount
    overrides the parent's. The plugin's keys override the public ones. Of the AI
    Power plugin's keys only those of the whole product count.
    """
    whole = parent or product
    for flag, amount in _PACKAGE_KEYS:
        if "yes" in (whole.meta_value(flag), product.meta_value(flag)):
            own = product.meta_value(amount)
            return int(own if own is not None else whole.meta_value(amount) or 0)
    aip_flag, aip_amount = _AIPKIT_KEYS
    return int(whole.meta_value(aip_amount) or 0) if whole.meta_value(aip_flag) == "yes" else 0


@dataclass(slots=True)
class User:
    """A WordPress user; `roles` in WordPress' order, of which WooCommerce shows the first."""

    id: int
    username: str
    email: str
    first_name: str
    last_name: str
    roles: tuple[str, ...]
    created_at: datetime
    modified_at: datetime | None = None
    is_paying: bool = False
    has_address: bool = False

    @property
    def may_see_orders(self) -> bool:
        """Return whether a user with these roles may see REST documents of orders."""
        return bool(_STAFF.intersection(self.roles))


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A consumer key of the REST API; `permissions` is read, write or read_write."""

    key_id: int
    user_id: int
    consumer_key: str
    consumer_secret: str
    permissions: str
    description: str = ""
