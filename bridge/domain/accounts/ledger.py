"""The ledger: every movement of a balance, as one signed entry."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from bridge.domain.accounts.accounts import MAX_TOKENS


class Kind(StrEnum):
    """The kind of a balance movement."""

    GRANT = "grant"
    SPEND = "spend"
    REFUND = "refund"
    REVERSAL = "reversal"
    ADJUSTMENT = "adjustment"


class Movement(NamedTuple):
    """The effect of one entry: signed tokens on the balance, signed tokens on the debt.

    `forgiven` is the part of a reversal that the owner's policy waives, zero or more.
    """

    tokens: int
    debt: int = 0
    forgiven: int = 0

    @property
    def granted(self) -> int:
        """Return the tokens the movement counts for its order line; a reversal that became debt counts in full."""
        return self.tokens - self.debt - self.forgiven


class Entry(NamedTuple):
    """One immutable entry of the ledger.

    `tokens` is signed; `balance_after` and `debt_after` are the account's
    amounts after this entry. `actor` names the cause.

    A named tuple, because one is created for every movement, and creating a frozen
    dataclass with as many fields takes several times as long.
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
    """Add tokens to an account: they pay its debt first, the rest becomes balance.

    Raises `OverflowError` if the balance would exceed 2^53-1.
    """
    paid = min(debt, tokens)
    if balance + tokens - paid > MAX_TOKENS:
        raise OverflowError("the balance would exceed 2^53-1 tokens")
    return Movement(tokens=tokens - paid, debt=-paid)


def reverse(*, tokens: int, balance: int, forgives: bool = False) -> Movement:
    """Remove tokens from an account: a shortfall becomes debt, or is waived if the owner's policy forgives."""
    taken = min(balance, tokens)
    if forgives:
        return Movement(tokens=-taken, forgiven=tokens - taken)
    return Movement(tokens=-taken, debt=tokens - taken)
