"""Payment and refund by source, as a table: every order of the sources, every limit."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.domain.metering.funding import (
    Decision,
    FundingSource,
    PlanPart,
    Refusal,
    Source,
    decide,
    draw,
    give_back,
    split_plan,
)

PLAN, BALANCE, ALLOWANCE = Source.PLAN, Source.BALANCE, Source.ALLOWANCE
ORDERS = list(itertools.permutations(Source))
LEFTS = [
    # plan, balance, allowance (None: unlimited)
    (0, 0, 0),
    (30, 0, 0),
    (0, 30, 0),
    (0, 0, 30),
    (10, 20, 0),
    (10, 0, 20),
    (0, 10, 20),
    (10, 10, 10),
    (1, 2**53 - 2, 0),
    (0, 0, None),
    (7, 8, None),
]
START = datetime(2026, 1, 31, tzinfo=UTC)


def funding_sources(order, left):
    of = dict(zip(Source, left, strict=True))
    return [FundingSource(source, of[source]) for source in order]


def parts(decision):
    return (decision.plan, decision.balance, decision.allowance)


def paid_by_hand(order, left, price):
    """Token by token, for small prices: each from the first source that has one."""
    of = dict(zip(Source, left, strict=True))
    paid = dict.fromkeys(Source, 0)
    for _ in range(price):
        source = next((one for one in order if of[one] is None or of[one] > paid[one]), None)
        if source is None:
            return None
        paid[source] += 1
    return tuple(paid.values())


@pytest.mark.parametrize("order", ORDERS, ids=lambda order: "-".join(order))
@pytest.mark.parametrize("left", LEFTS, ids=str)
@pytest.mark.parametrize("edge", ["nothing", "one", "exactly enough", "one short", "first alone", "first and one"])
def test_each_order_at_each_edge(order, left, edge):
    of = dict(zip(Source, left, strict=True))
    total = 40 if None in left else min(sum(left), 60)
    first = 5 if of[order[0]] is None else min(of[order[0]], 50)
    price = {"nothing": 0, "one": 1, "exactly enough": total, "one short": total + 1}.get(edge, first)
    price += edge == "first and one"
    if sum(one or 0 for one in left) > 60 and edge == "one short":
        price = sum(left) + 1
        expected = None
    else:
        expected = paid_by_hand(order, left, price)

    decision = decide(price=price, funding_sources=funding_sources(order, left))

    if expected is None:
        assert decision == Decision(refusal=Refusal.INSUFFICIENT_TOKENS, shortfall=price - sum(left))
    else:
        assert (decision.is_accepted, parts(decision), decision.shortfall) == (True, expected, 0)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(("left", "price"), [((0, 0, 0), 1), ((3, 4, 0), 8), ((0, 0, 0), 2**53 - 1)])
def test_disabled_module_that_cannot_be_paid_is_reported(order, left, price):
    decision = decide(price=price, funding_sources=funding_sources(order, left), disabled=True)

    assert decision == Decision(refusal=Refusal.MODULE_DISABLED, shortfall=price - sum(left))


@pytest.mark.parametrize("order", ORDERS)
def test_disabled_module_costs_nothing_where_nothing_is_metered(order):
    """An unmetered operation has the price 0, and 0 is always paid."""
    assert parts(decide(price=0, funding_sources=funding_sources(order, (0, 0, 0)), disabled=True)) == (0, 0, 0)
    assert decide(price=0, funding_sources=funding_sources(order, (0, 0, 0)), disabled=True).is_accepted


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("left", LEFTS, ids=str)
@pytest.mark.parametrize("price", [0, 1, 29, 30, 31, 45])
def test_drawing_takes_what_is_there_and_names_the_rest(order, left, price):
    drawn = draw(price=price, funding_sources=funding_sources(order, left))

    there = price if None in left else min(price, sum(left))
    assert (drawn.paid, drawn.shortfall, drawn.refusal) == (there, price - there, None)
    assert parts(drawn) == paid_by_hand(order, left, there)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("tokens", [0, 1, 4, 5, 9, 10, 14, 15])
def test_refund_goes_back_the_way_the_price_came_the_last_to_pay_first(order, tokens):
    """Five from each: after a partial refund, each source has paid what a spend of the rest would have taken."""
    back = give_back(tokens=tokens, open_=Decision(5, 5, 5), order=order)

    rest = draw(price=15 - tokens, funding_sources=funding_sources(order, (5, 5, 5)))
    assert (5 - back.plan, 5 - back.balance, 5 - back.allowance) == parts(rest)
    assert back.lapsed == 0


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(
    ("open_", "tokens", "expected"),
    [
        # A closed source gets nothing; its part lapses only when the others have theirs again.
        (Decision(0, 5, 5), 10, (0, 5, 5, 0)),
        (Decision(0, 5, 5), 11, (0, 5, 5, 1)),
        (Decision(5, 5, 0), 15, (5, 5, 0, 5)),
        (Decision(0, 5, 0), 3, (0, 3, 0, 0)),
        (Decision(0, 0, 0), 7, (0, 0, 0, 7)),
        (Decision(0, 0, 0), 0, (0, 0, 0, 0)),
    ],
)
def test_what_cannot_go_back_lapses(order, open_, tokens, expected):
    back = give_back(tokens=tokens, open_=open_, order=order)

    assert (back.plan, back.balance, back.allowance, back.lapsed) == expected


@given(
    price=st.integers(0, 100),
    order=st.sampled_from(ORDERS),
    left=st.tuples(st.integers(0, 40), st.integers(0, 40), st.none() | st.integers(0, 40)),
    data=st.data(),
)
def test_refunds_in_any_pieces_give_back_what_was_paid_and_no_more(price, order, left, data):
    paid = draw(price=price, funding_sources=funding_sources(order, left))
    rest, back = paid.paid, [0, 0, 0]
    while rest:
        piece = data.draw(st.integers(1, rest))
        open_ = Decision(paid.plan - back[0], paid.balance - back[1], paid.allowance - back[2])
        given_back = give_back(tokens=piece, open_=open_, order=order)
        back = [
            one + more
            for one, more in zip(back, (given_back.plan, given_back.balance, given_back.allowance), strict=True)
        ]
        rest -= piece

    assert tuple(back) == parts(paid)


def part(product, tokens):
    return PlanPart(product, START, START, tokens)


@pytest.mark.parametrize(
    ("tokens", "expected"),
    [
        (0, []),
        (1, [(1, 1)]),
        (9, [(1, 9)]),
        (10, [(1, 10)]),
        (11, [(1, 10), (3, 1)]),
        (30, [(1, 10), (3, 20)]),
    ],
)
def test_plans_pay_one_after_the_other(tokens, expected):
    taken = split_plan(tokens=tokens, parts=[part(1, 10), part(2, 0), part(3, 20)])

    assert [(one.product_id, one.tokens) for one in taken] == expected
