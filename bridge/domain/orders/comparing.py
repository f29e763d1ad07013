"""Compare an order in the shop with the books: the values that differ, and how much it matters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction

from bridge.domain.orders.state import Order, OrderState

MAX_DIFFERENCES = 20
"""The most differences of one order that are stored."""


class SyncState(StrEnum):
    """The result of a comparison: a mismatch is about tokens, a warning about other values or tokens that wait."""

    IN_SYNC = "in_sync"
    WARNING = "warning"
    MISMATCH = "mismatch"


class Compared(StrEnum):
    """The values that are compared."""

    EXISTS = "exists"
    STATUS = "status"
    CUSTOMER = "customer"
    TOTAL = "total"
    REFUNDED = "refunded"
    QUANTITY = "quantity"
    TOKENS = "tokens"


@dataclass(frozen=True, slots=True)
class Difference:
    """A value that differs, in the shop and in the books, as text; `line` is its order line, 0 for none."""

    value: Compared
    shop: str
    stored: str
    line: int = 0


@dataclass(frozen=True, slots=True)
class Comparison:
    """A comparison: its result, its time, and the differences; the result is None once the order has changed."""

    state: SyncState | None
    compared_at: datetime
    differences: tuple[Difference, ...] = ()


@dataclass(frozen=True, slots=True)
class DifferingOrder:
    """An order that differs from the shop, with the number shown to people."""

    number: int
    shown_number: str
    status: str
    comparison: Comparison


def compare(order: Order, known: OrderState, expected: Mapping[int, int]) -> tuple[Difference, ...]:
    """Return the values of an order that the shop states otherwise than the books.

    `expected` is the tokens that the shop's document alone grants, by line. A value
    that the document does not state is not compared.
    """
    pairs: list[tuple[Compared, int, object, object]] = [
        (Compared.STATUS, 0, order.status, known.status),
        (Compared.CUSTOMER, 0, order.customer_id, known.customer_id),
        (Compared.TOTAL, 0, order.total, known.total),
        (Compared.REFUNDED, 0, order.refunded, known.refunded),
    ]
    if order.lines is not None and order.lines_are_complete:
        sold = {line.id: line.quantity for line in order.lines}
        merged = {line.line.id: line.line.quantity or 0 for line in known.lines}
        pairs += [
            (Compared.QUANTITY, line, sold.get(line, 0), merged.get(line, 0))
            for line in sorted(sold.keys() | merged.keys())
        ]
    granted = {line.line.id: line.granted for line in known.lines}
    pairs += [(Compared.TOKENS, line, tokens, granted.get(line, 0)) for line, tokens in sorted(expected.items())]
    found = [
        Difference(value, _text(shop), _text(stored), line)
        for value, line, shop, stored in pairs
        if shop is not None and _differs(shop, stored)
    ]
    # Tokens first: they are what a reader looks for, and the list is cut.
    return tuple(sorted(found, key=lambda each: each.value is not Compared.TOKENS)[:MAX_DIFFERENCES])


def state_of(differences: Sequence[Difference], *, is_waiting: bool) -> SyncState:
    """Return the state of an order with these differences.

    `is_waiting` means that the order waits for its buyer or a decision, so that its
    tokens are known to be missing.
    """
    if not differences:
        return SyncState.IN_SYNC
    has_tokens = any(each.value is Compared.TOKENS for each in differences)
    return SyncState.MISMATCH if has_tokens and not is_waiting else SyncState.WARNING


def _differs(shop: object, stored: object) -> bool:
    if isinstance(shop, int | Decimal) and isinstance(stored, int | Decimal):
        return Fraction(shop) != Fraction(stored)
    return shop != stored


def _text(value: object) -> str:
    return "" if value is None else str(value)
