"""The tokens an order owes its buyer: a pure function of its state."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from math import floor

from bridge.domain.orders.currencies import minor_unit
from bridge.domain.orders.review_items import PIECES, Question, choice_of
from bridge.domain.orders.state import Effect, LineState, OrderState, RefundDetail, RefundedLine


@dataclass(frozen=True, slots=True)
class Disagreement:
    """A refund of a line whose quantity and money have different values."""

    refund_id: int
    line_id: int
    pieces: Fraction
    money: Decimal

    @property
    def subject(self) -> str:
        """Return the key of the refund in a decision."""
        return f"{self.refund_id}:{self.line_id}"


def tokens_owed(known: OrderState, line: LineState) -> int:
    """Return the whole tokens a line should have granted: tokens × (quantity − refunded quantity), rounded down.

    Refunds count by their money, which is known with and without REST keys: money on
    a line by its share of the line's total; money on no line, or of refunds with
    unknown lines, by its share of the order's total. A share that is a whole number
    of units reverses these units; any other share is rounded down. Units count
    instead of money on a line that cost nothing, or if a person decided so.
    """
    if known.effect is not Effect.GRANTS or not line.tokens or line.months:
        return 0
    return _less_refunds(known, line, each=line.tokens)


def months_owed(known: OrderState, line: LineState) -> int:
    """Return the plan months a line should have granted, by the same rules; 0 for a line without a plan."""
    if known.effect is not Effect.GRANTS or not line.months:
        return 0
    return _less_refunds(known, line, each=line.months)


def list_disagreements(known: OrderState) -> list[Disagreement]:
    """Return the refunds of package lines whose quantity and money differ by more than one minor unit."""
    if known.is_refunded_whole:
        return []
    return [
        Disagreement(detail.id, line.line.id, Fraction(refunded.quantity), refunded.total)
        for line in known.lines
        if line.tokens and line.quantity
        for detail, refunded in _refunds_of(known, line)
        if refunded.quantity and (line.line.total or 0) > 0 and not _agrees(known, line, refunded)
    ]


def _less_refunds(known: OrderState, line: LineState, *, each: int) -> int:
    """Return the rest of the line's value (`each` per unit) after every refund."""
    if known.is_refunded_whole:
        return 0
    pieces, money, cost = Fraction(0), Decimal(0), line.line.total or Decimal(0)
    for detail, refunded in _refunds_of(known, line):
        decided = choice_of(known.decisions, Question.REFUND_UNCLEAR, f"{detail.id}:{line.line.id}")
        if refunded.quantity and (cost <= 0 or decided == PIECES or _agrees(known, line, refunded)):
            pieces += Fraction(refunded.quantity)
        else:
            money += refunded.total
    lost = 0
    for part, whole in ((money, cost), (known.unallocated_money, known.total)):
        whole_pieces, tokens = _share(line.quantity, part, whole, each=each, unit=minor_unit(known.currency))
        pieces, lost = pieces + whole_pieces, lost + tokens
    return max(0, floor(each * (line.quantity - pieces)) - lost)


def _refunds_of(known: OrderState, line: LineState) -> Iterator[tuple[RefundDetail, RefundedLine]]:
    for detail in known.standing_refunds:
        for refunded in detail.lines:
            if refunded.line_id == line.line.id:
                yield detail, refunded


def _agrees(known: OrderState, line: LineState, refunded: RefundedLine) -> bool:
    """Return whether the refunded money is the price of the refunded units, to one minor unit."""
    if not line.quantity:
        return True
    price = Fraction(line.line.total or 0) / line.quantity
    expected = price * Fraction(refunded.quantity)
    return abs(Fraction(refunded.total) - expected) <= Fraction(minor_unit(known.currency))


def _share(quantity: Fraction, part: Decimal, whole: Decimal, *, each: int, unit: Decimal) -> tuple[int, int]:
    """Return the share of the money: whole units if it differs from their price by rounding only, else tokens."""
    if part <= 0 or whole <= 0 or not quantity:
        return 0, 0
    share = min(Fraction(1), Fraction(part) / Fraction(whole))
    pieces = round(share * quantity)
    is_rounded = abs(pieces / quantity * Fraction(whole) - Fraction(part)) < Fraction(unit)
    return (pieces, 0) if pieces and is_rounded else (0, floor(each * quantity * share))
