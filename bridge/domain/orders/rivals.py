"""Rivals: another order that the shop sends under a known number, told apart by its order key."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from bridge.domain.orders.review_items import KEEP, Decision, Question, choice_of
from bridge.domain.orders.state import LineState, Order, OrderState, Rank


def is_rival(known: OrderState, order: Order) -> bool:
    """Return whether a document is of another order than the known one; a missing key states nothing."""
    return bool(known.key) and bool(order.key) and order.key != known.key


def with_rival(known: OrderState, order: Order) -> OrderState:
    """The state with the newest document of the other order beside it, unless a person decided against it."""
    if choice_of(known.decisions, Question.OTHER_ORDER, order.key) == KEEP:
        return known
    rival = known.rival
    if rival is not None and rival.key == order.key and rival.modified_at > order.modified_at:
        return known
    return replace(known, rival=order)


def is_of_another(known: OrderState) -> bool:
    """Whether the shop's order of this number is not the one that is known: a bare number is about the shop's."""
    decided = [one.choice for one in known.decisions if one.kind is Question.OTHER_ORDER]
    return known.rival is not None or (bool(decided) and decided[-1] == KEEP)


def replaced(first: OrderState, *, by: str, at: datetime) -> OrderState:
    """An empty state in place of the first order, whose tokens were taken back; its later documents are ignored.

    Lines keep their count of postings: the shop may hand out line ids again.
    """
    kept = Decision(Question.OTHER_ORDER, first.key, KEEP, by, at)
    *earlier, last = first.decisions
    lines = tuple(
        LineState(
            replace(line.line, quantity=0, stamped=None, unclear_stamp=""),
            granted=line.granted,
            postings=line.postings,
            ranks={"listed": Rank(0, 0, 0, 0)},
        )
        for line in first.lines
    )
    return OrderState(first.store_id, first.number, lines=lines, decisions=(*earlier, kept, last))
