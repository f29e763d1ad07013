"""Families: a parent order and its children, which may carry the same product of one purchase."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from bridge.domain.orders.review_items import GRANT, Question, choice_of
from bridge.domain.orders.state import Effect, LineState, OrderState

Sold = tuple[int, int]
"""A product and its variation."""


def covered_lines(family: Iterable[OrderState]) -> dict[int, dict[int, str]]:
    """Return the package lines of child orders that another family order grants: (order id, line id) to its number.

    Of the orders that carry a product the parent grants it, else the child with
    the lowest id, in any order of arrival. A person can decide to grant a
    line anyway.
    """
    orders = {known.number: known for known in family}
    children: dict[int, list[int]] = {}
    for number in sorted(orders):
        if orders[number].parent_id:
            children.setdefault(orders[number].parent_id, []).append(number)
    return {
        number: covered
        for parent, numbers in children.items()
        for number in numbers
        if (covered := _covered(orders, orders[number], [parent, *(one for one in numbers if one < number)]))
    }


def _covered(orders: Mapping[int, OrderState], child: OrderState, before: Iterable[int]) -> dict[int, str]:
    if child.effect is not Effect.GRANTS:
        return {}
    granted: dict[Sold, str] = {}
    for number in before:
        order = orders.get(number)
        if order is not None and order.parent_id == child.number and child.number < number:
            # Each names the other as its parent: the lower id counts as the parent.
            continue
        for line in order.lines if order is not None and order.effect is Effect.GRANTS else ():
            if _brings(line):
                granted.setdefault(_sold(line), order.shown_number if order else "")
    return {
        line.line.id: granted[_sold(line)]
        for line in child.lines
        if _brings(line)
        and _sold(line) in granted
        and choice_of(child.decisions, Question.RELATED_ORDER, str(line.line.id)) != GRANT
    }


def _brings(line: LineState) -> bool:
    return bool(line.tokens and line.line.quantity)


def _sold(line: LineState) -> Sold:
    return line.line.product_id, line.line.variation_id
