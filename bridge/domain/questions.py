"""What about an order is not certain, and what an owner answers to it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import datetime

from bridge.domain.order_errors import LineHasAmount, NoOpenRefunds, RefundsChanged, UnknownChoice, UnknownLine
from bridge.domain.orders import Basis, Effect, Known, KnownLine, Refunds, Seen
from bridge.domain.reviews import Decision, Question, ReviewItem, open_items

__all__ = ["Question", "open_lines", "question_of", "review_items", "with_amount", "with_decision", "with_refunds_seen"]

_WAITING: dict[Question, tuple[Basis | None, ...]] = {
    Question.UNKNOWN_PRODUCT: (None,),
    Question.UNCLEAR_AMOUNT: (Basis.UNCLEAR,),
    Question.SAME_SKU: (Basis.SAME_SKU,),
}
"""Why lines have no amount, by kind of review item."""

WANT_AMOUNTS = frozenset(_WAITING)
"""The kinds that an amount on the order's lines answers."""

_NAMED = 5
"""The most products that one review item names."""


def review_items(known: Known, *, is_parked: bool) -> tuple[ReviewItem, ...]:
    """Everything about an order that needs a person, the most urgent first, without what a person decided.

    A pure function of the order. Each kind is found by one function of `_FINDERS`.
    """
    found: list[ReviewItem] = []
    if known.effect is Effect.GRANTS and is_parked:
        found.append(ReviewItem(Question.NO_BUYER))
    for find in _FINDERS:
        found.extend(find(known))
    return open_items(found, known.decisions)


def question_of(known: Known, *, is_parked: bool) -> Question:
    """The kind of an order's most urgent review item."""
    items = review_items(known, is_parked=is_parked)
    return items[0].kind if items else Question.NONE


def _product_items(known: Known) -> Iterator[ReviewItem]:
    """Lines without an amount wait: their product is unknown, its amount not clear, or its SKU that of several."""
    lines = open_lines(known) if known.effect is Effect.GRANTS else ()
    for kind, bases in _WAITING.items():
        waiting = [line for line in lines if line.basis in bases]
        if waiting:
            yield ReviewItem(
                kind,
                parameters={
                    "lines": [line.line.id for line in waiting],
                    "products": [_product_name(line) for line in waiting[:_NAMED]],
                },
            )


def _product_name(line: KnownLine) -> str:
    """The product of a line as a sentence names it, with a stamp that cannot be read."""
    name = line.line.name or f"product {line.line.product_id}"
    return f"{name} ({line.line.unclear_stamp})" if line.line.unclear_stamp else name


def _refund_items(known: Known) -> Iterator[ReviewItem]:
    """Refunds ask until an owner has seen them, and again when they change."""
    if known.effect is Effect.GRANTS and not _are_seen(known) and (kind := _refund_question(known)):
        yield ReviewItem(kind)


_FINDERS: tuple[Callable[[Known], Iterable[ReviewItem]], ...] = (_product_items, _refund_items)


def with_decision(known: Known, item: ReviewItem, choice: str, *, by: str, at: datetime) -> Known:
    """The order with a person's choice about one of its review items; raises `UnknownChoice`."""
    if choice not in item.choices:
        raise UnknownChoice(f"choose one of: {', '.join(item.choices) or 'nothing, another form answers this'}")
    return replace(known, decisions=(*known.decisions, Decision(item.kind, item.subject, choice, by, at)))


def open_lines(known: Known) -> tuple[KnownLine, ...]:
    """The lines without an amount of pieces that were sold."""
    return tuple(line for line in known.lines if line.tokens is None and line.line.quantity)


def with_amount(known: Known, line_id: int, *, tokens: int, by: str, at: datetime) -> Known:
    """The order with one line's amount fixed by hand, in whole tokens a piece; 0 for a line of no package.

    Only a line without an amount takes one, or a line at 0 that no person set.
    The same amount again changes nothing. Raises `UnknownLine`, and
    `LineHasAmount` where another amount is fixed.
    """
    line = next((line for line in known.lines if line.line.id == line_id), None)
    if line is None:
        raise UnknownLine(f"order {known.number} has no line {line_id}")
    if line.tokens is None or (line.tokens == 0 and line.months is None and line.set_by is None):
        told = replace(line, tokens=tokens, basis=Basis.HAND, set_by=by, set_at=at)
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
