"""The answer to a spend: the sources that pay, or the missing amount."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.domain.metering.funding import FundingSource, Refusal, Source, decide

PLAN, BALANCE, ALLOWANCE = Source.PLAN, Source.BALANCE, Source.ALLOWANCE
ORDERS = list(itertools.permutations(Source))


def funding_sources(order, *, plan=0, balance=0, allowance: int | None = 0):
    left = {PLAN: plan, BALANCE: balance, ALLOWANCE: allowance}
    return [FundingSource(source, left[source]) for source in order]


def parts(decision):
    return (decision.plan, decision.balance, decision.allowance)


@pytest.mark.parametrize(
    ("price", "plan", "balance", "allowance", "expected"),
    [
        # In the default order: the plan, then the balance, then the allowance.
        (100, 0, 100, 0, (0, 100, 0)),
        (100, 100, 100, 100, (100, 0, 0)),
        (100, 30, 100, 100, (30, 70, 0)),
        (100, 30, 50, 20, (30, 50, 20)),
        (100, 0, 0, 100, (0, 0, 100)),
        (100, 0, 99, 1, (0, 99, 1)),
        (1, 0, 1, 0, (0, 1, 0)),
        (0, 0, 0, 0, (0, 0, 0)),
        (0, 5, 5, 5, (0, 0, 0)),
        # An unlimited allowance pays whatever the others cannot.
        (100, 0, 0, None, (0, 0, 100)),
        (2**53 - 1, 10, 10, None, (10, 10, 2**53 - 21)),
        (2**53 - 1, 0, 2**53 - 1, 0, (0, 2**53 - 1, 0)),
    ],
)
def test_sources_pay_in_the_default_order(price, plan, balance, allowance, expected):
    decision = decide(
        price=price, funding_sources=funding_sources(Source, plan=plan, balance=balance, allowance=allowance)
    )

    assert decision.is_accepted
    assert parts(decision) == expected
    assert (decision.refusal, decision.shortfall) == (None, 0)


@pytest.mark.parametrize(
    ("price", "plan", "balance", "allowance", "shortfall"),
    [(100, 0, 99, 0, 1), (100, 30, 50, 19, 1), (100, 0, 0, 0, 100), (1, 0, 0, 0, 1), (2**53 - 1, 0, 2**53 - 2, 0, 1)],
)
def test_what_cannot_be_paid_in_full_takes_nothing_and_names_what_is_missing(
    price, plan, balance, allowance, shortfall
):
    decision = decide(
        price=price, funding_sources=funding_sources(Source, plan=plan, balance=balance, allowance=allowance)
    )

    assert not decision.is_accepted
    assert parts(decision) == (0, 0, 0)
    assert (decision.refusal, decision.shortfall) == (Refusal.INSUFFICIENT_TOKENS, shortfall)


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        # 100 tokens from 40 of each: the first two pay 40, the last one the remaining 20.
        ((PLAN, BALANCE, ALLOWANCE), (40, 40, 20)),
        ((PLAN, ALLOWANCE, BALANCE), (40, 20, 40)),
        ((BALANCE, PLAN, ALLOWANCE), (40, 40, 20)),
        ((BALANCE, ALLOWANCE, PLAN), (20, 40, 40)),
        ((ALLOWANCE, PLAN, BALANCE), (40, 20, 40)),
        ((ALLOWANCE, BALANCE, PLAN), (20, 40, 40)),
    ],
)
def test_each_order_of_the_sources(order, expected):
    decision = decide(price=100, funding_sources=funding_sources(order, plan=40, balance=40, allowance=40))

    assert parts(decision) == expected


@pytest.mark.parametrize("order", ORDERS)
def test_each_order_of_the_sources_pays_to_the_last_token_and_not_one_more(order):
    enough, short = (
        decide(price=price, funding_sources=funding_sources(order, plan=1, balance=2, allowance=3)) for price in (6, 7)
    )

    assert parts(enough) == (1, 2, 3)
    assert (short.refusal, short.shortfall) == (Refusal.INSUFFICIENT_TOKENS, 1)


@pytest.mark.parametrize("order", ORDERS)
def test_disabled_module_refuses_only_those_who_cannot_pay_otherwise(order):
    paying = decide(price=10, funding_sources=funding_sources(order, balance=10), disabled=True)
    short = decide(price=10, funding_sources=funding_sources(order, balance=9), disabled=True)

    assert parts(paying) == (0, 10, 0)
    assert (short.refusal, short.shortfall) == (Refusal.MODULE_DISABLED, 1)


def test_allowance_without_end_that_pays_first_spares_the_balance():
    decision = decide(
        price=10, funding_sources=funding_sources((ALLOWANCE, PLAN, BALANCE), plan=5, balance=5, allowance=None)
    )

    assert parts(decision) == (0, 0, 10)


@given(
    price=st.integers(0, 200),
    order=st.sampled_from(ORDERS),
    plan=st.integers(0, 100),
    balance=st.integers(0, 100),
    allowance=st.none() | st.integers(0, 100),
)
def test_all_or_nothing_and_never_more_than_a_source_has(price, order, plan, balance, allowance):
    decision = decide(
        price=price, funding_sources=funding_sources(order, plan=plan, balance=balance, allowance=allowance)
    )

    paid = sum(parts(decision))
    assert paid == (price if decision.is_accepted else 0)
    assert decision.plan <= plan
    assert decision.balance <= balance
    assert allowance is None or decision.allowance <= allowance
    if not decision.is_accepted:
        assert allowance is not None
        assert decision.shortfall == price - plan - balance - allowance
