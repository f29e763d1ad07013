"""What about an order is not certain, and what an owner answers to it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from enum import StrEnum

from bridge.domain.order_errors import LineHasAmount, NoOpenRefunds, RefundsChanged, UnknownLine
from bridge.domain.orders import Effect, Known, KnownLine, Refunds, Seen


class Question(StrEnum):
    """What about an order is not certain, and worth an owner's look."""

    NONE = ""
    NO_BUYER = "no_buyer"
    UNKNOWN_PRODUCT = "unknown_product"
    UNREAD_REFUNDS = "unread_refunds"
    LOOSE_REFUND = "loose_refund"


def question_of(known: Known, *, is_parked: bool) -> Question:
    """The one thing about an order that most wants an owner's look, if there is any.

    A line of a deleted product may have been a package. Refunds are asked about
    until an owner has seen them, and again when they are no longer what he saw.
    """
    if known.effect is not Effect.GRANTS:
        return Question.NONE
    if open_lines(known):
        return Question.UNKNOWN_PRODUCT
    if is_parked:
        return Question.NO_BUYER
    return Question.NONE if _are_seen(known) else _refund_question(known)


def open_lines(known: Known) -> tuple[KnownLine, ...]:
    """The lines of deleted products of which nobody has said what a piece brings."""
    return tuple(
        line for line in known.lines if line.tokens is None and line.line.is_of_deleted_product and line.line.quantity
    )


def with_amount(known: Known, line_id: int, *, tokens: int, by: str, at: datetime) -> Known:
    """The order with one line's amount fixed by hand, in whole tokens a piece; 0 for a line of no package.

    The amount is the line's for good, as if its package had said it. Said again
    it changes nothing, whoever said it first. Raises `UnknownLine`, and
    `LineHasAmount` where another amount is fixed.
    """
    line = next((line for line in known.lines if line.line.id == line_id), None)
    if line is None:
        raise UnknownLine(f"order {known.number} has no line {line_id}")
    if line.tokens is None:
        told = replace(line, tokens=tokens, set_by=by, set_at=at)
        return replace(known, lines=tuple(told if one is line else one for one in known.lines))
    if line.tokens != tokens or line.months is not None:
        brings = f"{line.tokens} tokens" + (f" a month, for {line.months} months" if line.months is not None else "")
        raise LineHasAmount(
            f"a piece of line {line_id} of order {known.number} brings {brings} already;"
            " correct the balance if that is wrong"
        )
    return known


def with_refunds_seen(known: Known, refunds: Refunds, *, by: str, at: datetime) -> Known:
    """The order with its refunds seen by an owner, who names what he saw; seen again they stay as they were.

    Raises `RefundsChanged` where they are no longer those, and `NoOpenRefunds`
    where nothing is asked about them.
    """
    if refunds != known.refunds:
        raise RefundsChanged(
            f"the refunds of order {known.number} are not the ones that were named; look at them again"
        )
    if _are_seen(known):
        return known
    if known.effect is not Effect.GRANTS or _refund_question(known) is Question.NONE:
        raise NoOpenRefunds(f"nothing is open about the refunds of order {known.number}")
    return replace(known, seen=Seen(refunds, by, at))


def _are_seen(known: Known) -> bool:
    return known.seen is not None and known.seen.refunds == known.refunds


def _refund_question(known: Known) -> Question:
    """Money refunded on no line, or on lines that could not be read, was taken back by share."""
    if not any(line.tokens for line in known.lines):
        return Question.NONE
    if known.unread_refunds:
        return Question.UNREAD_REFUNDS
    return Question.LOOSE_REFUND if known.loose_money > 0 else Question.NONE
