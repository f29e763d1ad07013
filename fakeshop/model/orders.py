"""An order as the shop keeps it: lines, refunds, money. What of it is told, and when, is decided elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal

from fakeshop.model.catalog import Meta, Refused

TAX_RATE = Decimal("8.25")
STATUSES = ("pending", "processing", "on-hold", "completed", "cancelled", "refunded", "failed")
_PAID = frozenset({"processing", "completed"})

_CENT = Decimal("0.01")


def cents(amount: Decimal | str | int) -> Decimal:
    """The amount in whole cents, half a cent away from zero."""
    return Decimal(amount).quantize(_CENT, rounding=ROUND_HALF_UP)


def tax_on(amount: Decimal, *, is_taxed: bool) -> Decimal:
    """The tax on an amount of money."""
    return cents(amount * TAX_RATE / 100) if is_taxed else Decimal(0)


@dataclass(frozen=True, slots=True)
class Item:
    """A wish for a line: a product or variation, how many, and if need be another price or a stamped token amount."""

    product_id: int
    quantity: int = 1
    price: Decimal | None = None
    stamped: int | None = None


@dataclass(frozen=True, slots=True)
class Coupon:
    """A percentage off every line."""

    code: str
    percent: int


@dataclass(slots=True)
class Line:
    """One line. `tokens` is what a piece was worth when the order was placed, whatever became of the product since."""

    id: int
    name: str
    product_id: int
    variation_id: int
    quantity: int
    subtotal: Decimal
    total: Decimal
    is_taxed: bool
    tokens: int
    parent_name: str | None = None
    meta: list[Meta] = field(default_factory=list)

    @property
    def tax(self) -> Decimal:
        """The tax on the line's total."""
        return tax_on(self.total, is_taxed=self.is_taxed)

    @property
    def article_id(self) -> int:
        """The variation, or the product where there is none."""
        return self.variation_id or self.product_id


@dataclass(frozen=True, slots=True)
class RefundedLine:
    """What a refund gives back of one line; `quantity` 0 is money alone, and neither is negative."""

    id: int
    meta_id: int
    line_id: int
    quantity: int
    total: Decimal
    tax: Decimal


@dataclass(frozen=True, slots=True)
class Refund:
    """Money given back: `amount` in all, of which the lines say what they know."""

    id: int
    meta_id: int
    created_at: datetime
    amount: Decimal
    reason: str
    is_full: bool
    lines: tuple[RefundedLine, ...] = ()

    @property
    def tied(self) -> Decimal:
        """How much of the amount belongs to lines, their taxes included."""
        return sum((line.total + line.tax for line in self.lines), Decimal(0))


@dataclass(slots=True)
class Order:
    """One order; `customer_id` is 0 for a guest.

    Three fields are kept for `tests.histories.expected_grants` and never told: `keeper_id`, the
    last customer it was completed for; `kept`, the order as it was when it left
    a deciding status for one that decides nothing; `version`, which each change
    moves, silent ones too.
    """

    id: int
    key: str
    status: str
    customer_id: int
    email: str
    first_name: str
    last_name: str
    created_via: str
    method: str
    created_at: datetime
    modified_at: datetime
    lines: list[Line]
    coupon: Coupon | None = None
    coupon_id: int = 0
    tax_line_id: int = 0
    note: str = ""
    meta: list[Meta] = field(default_factory=list)
    refunds: list[Refund] = field(default_factory=list)
    completed_at: datetime | None = None
    paid_at: datetime | None = None
    status_before_trash: str = ""
    keeper_id: int = 0
    kept: Order | None = None
    version: int = 0

    @property
    def total(self) -> Decimal:
        """Return what the order cost, tax included; a quantity edited later does not change it."""
        return sum((line.total + line.tax for line in self.lines), Decimal(0))

    @property
    def total_tax(self) -> Decimal:
        """The tax in it."""
        return sum((line.tax for line in self.lines), Decimal(0))

    @property
    def remainder(self) -> Decimal:
        """Return what of the money was not given back."""
        return self.total - sum((refund.amount for refund in self.refunds), Decimal(0))

    @property
    def is_paid(self) -> bool:
        """Return whether its status is one of a paid order."""
        return self.status in _PAID

    def line(self, line_id: int) -> Line:
        """One of its lines; raises `Refused`."""
        for line in self.lines:
            if line.id == line_id:
                return line
        raise Refused(f"order {self.id} has no line {line_id}")

    def refunded_pieces(self, line_id: int) -> int:
        """How many pieces of a line were given back."""
        return sum(line.quantity for refund in self.refunds for line in refund.lines if line.line_id == line_id)

    def refunded_money(self, line_id: int) -> Decimal:
        """How much money of a line, without tax, was given back."""
        given = (line.total for refund in self.refunds for line in refund.lines if line.line_id == line_id)
        return sum(given, Decimal(0))

    def leaves_free_pieces(self, refunded: Mapping[int, int]) -> bool:
        """Return whether a line that cost nothing is in it and pieces would remain once these were given back too.

        WooCommerce then takes a refund of all the money for a partial one.
        """
        if all(line.total for line in self.lines):
            return False
        left = sum(line.quantity - self.refunded_pieces(line.id) for line in self.lines)
        return left - sum(refunded.values()) > 0
