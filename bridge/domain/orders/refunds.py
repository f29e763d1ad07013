"""Refunds of an order: with their lines, all together, and as a person has reviewed them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class RefundedLine:
    """A refund's effect on one line: pieces given back, or money alone if `quantity` is 0; neither is negative."""

    line_id: int
    quantity: int | Decimal
    total: Decimal


@dataclass(frozen=True, slots=True)
class RefundDetail:
    """A refund with its lines, as only the shop's REST API reports them.

    `amount` is all its money and `tied` what of it belongs to lines of any
    kind, taxes, shipping and fees included; the rest is tied to no line.
    """

    id: int
    amount: Decimal
    tied: Decimal
    lines: tuple[RefundedLine, ...] = ()


@dataclass(frozen=True, slots=True)
class Refunds:
    """The refunds of an order so far: those that stand, their ids ascending, and all their money."""

    ids: tuple[int, ...]
    total: Decimal


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """Refunds that an owner has reviewed, with the admin and the time."""

    refunds: Refunds
    by: str
    at: datetime
