"""Merging: two accounts of one person become one."""

from __future__ import annotations

from typing import NamedTuple

from bridge.domain.accounts.ledger import Movement, credit, reverse
from bridge.domain.errors import BridgeError

REASON = "Passed on: this user was merged"
"""The reason of the entries that pass on what arrives for a merged account later."""


class AlreadyMerged(BridgeError):
    """This user was already merged; everything that arrives for them belongs to the user they were merged into."""

    code = "already_merged"


class UserErased(BridgeError):
    """The data of this user was erased; a merge would connect it to a person again."""

    code = "user_erased"


class Transfer(NamedTuple):
    """The movements of a merge: of the account that gives, and of the one that receives."""

    given: Movement
    received: Movement


def transfer_of(*, balance: int, debt: int, into_balance: int, into_debt: int) -> Transfer:
    """Return the movements that empty an account and add it to another one.

    As if everything had happened on one account: tokens that arrive pay debt
    first, and debt that arrives takes tokens first. Raises `OverflowError` if the
    balance would exceed 2^53-1.
    """
    arrived = credit(tokens=balance, balance=into_balance, debt=into_debt)
    after = into_balance + arrived.tokens
    owed = reverse(tokens=debt, balance=after)
    return Transfer(Movement(-balance, -debt), Movement(arrived.tokens + owed.tokens, arrived.debt + owed.debt))


def transfer_reference(merge_id: int) -> str:
    """Return the reference of the entries of a merge."""
    return f"merge:{merge_id}"


def is_merge(reference: str | None) -> bool:
    """Return whether an entry with this reference moved tokens between two accounts of one person."""
    return reference is not None and reference.startswith("merge:")
