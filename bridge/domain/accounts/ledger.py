"""The ledger: every movement of a balance, as one signed entry."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from bridge.domain.accounts.accounts import MAX_TOKENS


class Kind(StrEnum):
    """What moved a balance."""

    GRANT = "grant"
    SPEND = "spend"
    REFUND = "refund"
    REVERSAL = "reversal"
    ADJUSTMENT = "adjustment"


class Movement(NamedTuple):
    """What one entry does to the books: signed tokens on the balance, signed tokens on the debt.

    `forgiven` is what a reversal let go by the owner's policy, zero or more.
    """

    tokens: int
    debt: int = 0
    forgiven: int = 0

    @property
    def granted(self) -> int:
        """Return what the movement is worth to the order line behind it: a reversal that became debt counts in full."""
        return self.tokens - self.debt - self.forgiven


class Entry(NamedTuple):
    """One line of the ledger, as it was written and will stay.

    `tokens` is signed; `balance_after` and `debt_after` are what the account
    had once it was written. `actor` says who or what caused it.

    A named tuple: one is made for every token that moves, and a frozen
    dataclass of as many fields takes several times as long to make.
    """

    id: int
    account_id: int
    kind: Kind
    tokens: int
    debt: int
    balance_after: int
    debt_after: int
    actor: str
    reason: str
    created_at: datetime
    order_number: int | None = None
    line_id: int | None = None
    spend_id: int | None = None
    reference: str | None = None
    forgiven: int = 0


def credit(*, tokens: int, balance: int, debt: int) -> Movement:
    """Bring tokens to an account: its debt is paid first, the rest is balance.

    Raises `OverflowError` where the balance would pass 2^53-1.
    """
    paid = min(debt, tokens)
    if balance + tokens - paid > MAX_TOKENS:
        raise OverflowError("the balance would pass 2^53-1 tokens")
    return Movement(tokens=tokens - paid, debt=-paid)


def reverse(*, tokens: int, balance: int, forgives: bool = False) -> Movement:
    """Take tokens from an account: what is no longer there becomes debt, or is let go where the owner forgives."""
    taken = min(balance, tokens)
    if forgives:
        return Movement(tokens=-taken, forgiven=tokens - taken)
    return Movement(tokens=-taken, debt=tokens - taken)
