"""The sale behind an order: buyer, prices, taxes and refunds, as one document of the shop states them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

MOST_LINES = 1000
"""How many lines of a sale are stored; the others are counted and added up."""


class SaleKind(StrEnum):
    """The kind of a line."""

    PRODUCT = "product"
    SHIPPING = "shipping"
    FEE = "fee"


@dataclass(frozen=True, slots=True)
class SaleBuyer:
    """The person and address that an order is billed to; an empty text is not stated."""

    name: str = ""
    company: str = ""
    street: str = ""
    street_more: str = ""
    postcode: str = ""
    city: str = ""
    state: str = ""
    country: str = ""
    email: str = ""
    vat_id: str = ""


@dataclass(frozen=True, slots=True)
class SaleLine:
    """One line, without tax: `subtotal` is its price before discounts, `total` the price after them.

    `id` is that of the order line in the shop. `rates` are the percentages of its taxes.
    """

    kind: SaleKind
    id: int
    name: str
    quantity: int | Decimal | None
    subtotal: Decimal
    total: Decimal
    sku: str = ""
    rates: tuple[Decimal, ...] = ()


@dataclass(frozen=True, slots=True)
class SaleTax:
    """One kind of tax of an order; `rate` is in percent, None where it is not stated."""

    label: str
    rate: Decimal | None
    amount: Decimal


@dataclass(frozen=True, slots=True)
class SaleRefund:
    """Money that went back to the buyer; `reason` is empty where none is stated."""

    id: int
    amount: Decimal
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Sale:
    """The sale of an order; `buyer` is None once the person was erased.

    `more_lines` lines, worth `more_subtotal`, are not in `lines`. `tax` is the sum of
    all taxes, and `discount` is without tax. `checkout_url` is the shop's checkout page,
    as the link to pay this order states it.
    """

    buyer: SaleBuyer | None
    lines: tuple[SaleLine, ...]
    taxes: tuple[SaleTax, ...]
    refunds: tuple[SaleRefund, ...]
    discount: Decimal
    tax: Decimal
    total: Decimal
    payment_method: str = ""
    paid_at: datetime | None = None
    more_lines: int = 0
    more_subtotal: Decimal = Decimal(0)
    checkout_url: str = ""

    @property
    def refunded(self) -> Decimal:
        """Return the sum of the refunds."""
        return sum((refund.amount for refund in self.refunds), Decimal(0))

    def without_person(self) -> Sale:
        """Return the sale without the buyer and without texts that were written about them."""
        return replace(self, buyer=None, refunds=tuple(replace(refund, reason="") for refund in self.refunds))
