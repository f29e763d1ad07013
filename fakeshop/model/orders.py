"""An order as the shop stores it: lines, refunds and money, without any webhook."""

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
    """Return the amount in whole cents, half a cent rounded away from zero."""
    return Decimal(amount).quantize(_CENT, rounding=ROUND_HALF_UP)


def tax_on(amount: Decimal, *, is_taxed: bool) -> Decimal:
    """Return the tax on an amount of money."""
    return cents(amount * TAX_RATE / 100) if is_taxed else Decimal(0)


@dataclass(frozen=True, slots=True)
class Item:
    """A line to order: product or variation, quantity, and optionally another price or a stamped token amount."""

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
    """One order line. `tokens` is the value of a piece when the order was placed; product changes do not affect it."""

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
        """Return the tax on the line's total."""
        return tax_on(self.total, is_taxed=self.is_taxed)

    @property
    def article_id(self) -> int:
        """Return the id of the variation, or of the product where there is none."""
        return self.variation_id or self.product_id


@dataclass(frozen=True, slots=True)
class RefundedLine:
    """The refunded part of one line; `quantity` 0 is money alone, and neither is negative."""

    id: int
    meta_id: int
    line_id: int
    quantity: int
    total: Decimal
    tax: Decimal


@dataclass(frozen=True, slots=True)
class Refund:
    """A refund of `amount` in total; its lines may account for only a part of it."""

    id: int
    meta_id: int
    created_at: datetime
    amount: Decimal
    reason: str
    is_full: bool
    lines: tuple[RefundedLine, ...] = ()

    @property
    def tied(self) -> Decimal:
        """Return how much of the amount belongs to lines, their taxes included."""
        return sum((line.total + line.tax for line in self.lines), Decimal(0))


@dataclass(slots=True)
class Order:
    """One order; `customer_id` is 0 for a guest.

    Three fields exist for `tests.histories.expected_grants` and appear in no document: `completed_for`,
    the last customer it was completed for; `last_decided`, the order as it was when it left
    a deciding status for one that decides nothing; `version`, which each change
    increases, also those that send no webhook.
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
    completed_for: int = 0
    last_decided: Order | None = None
    version: int = 0

    @property
    def total(self) -> Decimal:
        """Return the order's total, tax included; a quantity edited later does not change it."""
        return sum((line.total + line.tax for line in self.lines), Decimal(0))

    @property
    def total_tax(self) -> Decimal:
        """Return the tax included in the total."""
        return sum((line.tax for line in self.lines), Decimal(0))

    @property
    def remainder(self) -> Decimal:
        """Return the money that has not been refunded."""
        return self.total - sum((refund.amount for refund in self.refunds), Decimal(0))

    @property
    def is_paid(self) -> bool:
        """Return whether the order's status is one of a paid order."""
        return self.status in _PAID

    def line(self, line_id: int) -> Line:
        """Return one line of the order; raises `Refused`."""
        for line in self.lines:
            if line.id == line_id:
                return line
        raise Refused(f"order {self.id} has no line {line_id}")

    def refunded_pieces(self, line_id: int) -> int:
        """Return how many pieces of a line were refunded."""
        return sum(line.quantity for refund in self.refunds for line in refund.lines if line.line_id == line_id)

    def refunded_money(self, line_id: int) -> Decimal:
        """Return how much money of a line, without tax, was refunded."""
        given = (line.total for refund in self.refunds for line in refund.lines if line.line_id == line_id)
        return sum(given, Decimal(0))

    def leaves_free_pieces(self, refunded: Mapping[int, int]) -> bool:
        """Return whether pieces of a free line would remain after a refund of these pieces too.

        WooCommerce then treats a refund of all the money as a partial one.
        """
        if all(line.total for line in self.lines):
            return False
        left = sum(line.quantity - self.refunded_pieces(line.id) for line in self.lines)
        return left - sum(refunded.values()) > 0
