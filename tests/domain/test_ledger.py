"""Entries: a debt is paid first, and missing tokens become one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.domain.accounts.accounts import MAX_TOKENS
from bridge.domain.accounts.ledger import Movement, credit, reverse


@pytest.mark.parametrize(
    ("tokens", "balance", "debt", "expected"),
    [
        (100, 0, 0, Movement(100, 0)),
        (100, 50, 0, Movement(100, 0)),
        (100, 0, 30, Movement(70, -30)),
        (100, 0, 100, Movement(0, -100)),
        (100, 0, 130, Movement(0, -100)),
        (MAX_TOKENS, 0, 0, Movement(MAX_TOKENS, 0)),
        (1, MAX_TOKENS, 1, Movement(0, -1)),
    ],
)
def test_credit_pays_the_debt_first(tokens, balance, debt, expected):
    movement = credit(tokens=tokens, balance=balance, debt=debt)

    assert movement == expected
    assert movement.granted == tokens


def test_credit_past_the_largest_balance_is_refused():
    with pytest.raises(OverflowError):
        credit(tokens=1, balance=MAX_TOKENS, debt=0)


@pytest.mark.parametrize(
    ("tokens", "balance", "expected"),
    [
        (100, 100, Movement(-100, 0)),
        (100, 101, Movement(-100, 0)),
        (100, 99, Movement(-99, 1)),
        (100, 0, Movement(0, 100)),
    ],
)
def test_take_back_turns_what_is_gone_into_debt(tokens, balance, expected):
    movement = reverse(tokens=tokens, balance=balance)

    assert movement == expected
    assert movement.granted == -tokens


@given(st.integers(0, 1_000), st.integers(0, 1_000), st.integers(1, 1_000))
def test_taking_back_and_crediting_again_leaves_everything_as_it_was(balance, debt, tokens):
    taken = reverse(tokens=tokens, balance=balance)
    given_back = credit(tokens=tokens, balance=balance + taken.tokens, debt=debt + taken.debt)

    net = (balance - debt) + taken.granted + given_back.granted
    assert net == balance - debt
    assert balance + taken.tokens >= 0
    assert debt + taken.debt + given_back.debt >= 0
