"""Rivals: another order that the shop sends under a stored number, distinguished by its order key."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from bridge.domain.orders.dates import capped
from bridge.domain.orders.review_items import KEEP, Decision, Question, choice_of
from bridge.domain.orders.state import LineState, Order, OrderState, Rank


def is_rival(known: OrderState, order: Order) -> bool:
    """Return whether a document belongs to another order than the stored one; a missing key states nothing."""
    return bool(known.key) and bool(order.key) and order.key != known.key


def with_rival(known: OrderState, order: Order, *, received_at: datetime) -> OrderState:
    """Return the state with the other order's newest document beside it, unless a person decided against it."""
    order = replace(order, modified_at=capped(order.modified_at, received_at))
    if choice_of(known.decisions, Question.OTHER_ORDER, order.key) == KEEP:
        return known
    rival = known.rival
    if rival is not None and rival.key == order.key and rival.modified_at > order.modified_at:
        return known
    return replace(known, rival=order)


def is_of_another(known: OrderState) -> bool:
    """Return whether the shop's order of this number is not the stored one: a bare number means the shop's."""
    decided = [one.choice for one in known.decisions if one.kind is Question.OTHER_ORDER]
    return known.rival is not None or (bool(decided) and decided[-1] == KEEP)


def replaced(first: OrderState, *, by: str, at: datetime) -> OrderState:
    """Return an empty state that replaces the first order, whose tokens were reversed.

    Later documents of the first order are ignored. Lines keep their count of postings: the shop may reuse line ids.
    """
    kept = Decision(Question.OTHER_ORDER, first.key, KEEP, by, at)
    *earlier, last = first.decisions
    lines = tuple(
        LineState(
            replace(line.line, quantity=0, stamped=None, stamped_months=None, unclear_stamp=""),
            granted=line.granted,
            postings=line.postings,
            ranks={"listed": Rank(0, 0, 0, 0)},
        )
        for line in first.lines
    )
    return OrderState(first.store_id, first.number, lines=lines, decisions=(*earlier, kept, last))
