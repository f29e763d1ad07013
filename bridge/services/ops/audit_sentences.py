"""The audit's messages: each fault as one line with the rows and their values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from bridge.rendering import documents

Row = Any
"""A row of one of the audit's queries, with the columns that its message needs."""


def _balance(row: Row) -> str:
    return (
        f"account {row.account} has balance {row.balance}, debt {row.debt} and {row.purchased} purchased;"
        f" its entries sum up to {row.tokens}, {row.owed} and {row.bought}"
    )


def step(row: Row) -> str:
    """Return the message for an entry that does not follow from the one before."""
    return (
        f"entry {row.entry} of account {row.account} leaves balance {row.balance_after} and debt {row.debt_after};"
        f" with {row.tokens:+d} and {row.debt:+d} after {row.balance_before} and {row.debt_before}, that is wrong"
    )


def _spend_parts(row: Row) -> str:
    return (
        f"spend {row.spend} of account {row.account} cost {row.tokens} tokens, but its parts sum up to {row.parts};"
        f" {row.back} of {row.paid} paid were returned"
    )


def _spend_entry(row: Row) -> str:
    if row.spends != 1:
        return f"account {row.account} has an entry for spend {row.spend}, which does not exist"
    return (
        f"spend {row.spend} of account {row.account} took {row.paid} from the balance and returned {row.back};"
        f" {row.payments} entries took {row.moved} and returned {row.returned}"
    )


def _refunds(row: Row) -> str:
    if row.spends != 1:
        return f"account {row.account} has a refund of spend {row.spend}, which does not exist"
    return (
        f"spend {row.spend} of account {row.account} returned {row.stated}, its refunds {row.given}, source by source"
    )


def _window(row: Row) -> str:
    start = documents.format_timestamp(row.starts_at)
    # Which of two windows it is: they may begin at the same moment.
    which = f" (counter {row.counter})" if row.counter else ""
    return (
        f"the {row.module} window of {start}{which} of account {row.account} has {row.used} used;"
        f" spends took {row.taken}"
    )


def _usage(row: Row) -> str:
    act = f"{row.module} {row.operation}".strip()
    return (
        f"the history of account {row.account} has {row.units} units and {row.tokens} tokens of {act};"
        f" its spends sum up to {row.spent_units} and {row.spent}"
    )


def _order_line(row: Row) -> str:
    line = f"line {row.line} of order {row.number} of store {row.store}"
    if row.lines != 1:
        return f"there are entries for {line}, which does not exist"
    return (
        f"{line} has {row.granted} tokens granted in {row.postings} postings;"
        f" {row.entries} entries sum up to {row.posted}, the last is posting {row.last}"
    )


def _holder(row: Row) -> str:
    whose = "no account's" if row.holder is None else f"account {row.holder}'s"
    return (
        f"account {row.account} has {row.granted} tokens of order {row.number} of store {row.store}, which is {whose}"
    )


def _entry(row: Row) -> str:
    return (
        f"entry {row.entry} of account {row.account} is not a valid {row.kind}: {row.tokens:+d} tokens,"
        f" {row.debt:+d} debt, {row.forgiven} forgiven, or it refers to the wrong rows"
    )


def _hold(row: Row) -> str:
    hold = f"hold {row.hold} of account {row.account}"
    if row.holds != 1:
        return f"spend {row.spend} of account {row.account} captured hold {row.hold}, which does not exist"
    if row.captured != row.spends or row.named != row.spend:
        return f"{hold} names spend {row.named or 'none'}; {row.spends} spends captured it, the last is {row.spend}"
    return f"{hold} is inconsistent: its parts do not sum up to its tokens, or its state and its end do not agree"


def _site_use(row: Row) -> str:
    return f"site {row.site} has {row.used} used; its spends took {row.gross}, of which {row.net} were not returned"


def _owner(row: Row) -> str:
    site = f" and of site {row.site}" if row.site else ""
    return f"{row.kind} {row.row} of store {row.store}{site} is recorded for account {row.account}, which is not theirs"


def _posting(row: Row) -> str:
    return (
        f"posting {row.posting} of line {row.line} of order {row.number} of store {row.store}"
        f" was posted {row.entries} times"
    )


def _worth(row: Row) -> str:
    return (
        f"line {row.line} of order {row.number} of store {row.store} has {row.granted} tokens granted;"
        f" {row.quantity} units of {row.tokens} tokens do not grant that many"
    )


def _plan_term(row: Row) -> str:
    line = f"line {row.line} of order {row.number} of store {row.store}"
    if row.sold is None:
        return f"account {row.account} has a plan of {line}, which does not exist"
    whose = "no account's" if row.holder is None else f"account {row.holder}'s"
    return f"account {row.account} has a plan of {line}, which is {whose}"


_MERGES = {
    "left": "account {0.account} was merged and still has {0.amount} tokens of balance, debt or purchases",
    "chain": "account {0.account} was merged into account {0.amount}, which cannot pay for it",
    "record": "the merge of account {0.account} into account {0.amount} is not stated by both of them",
    "entries": "merge {0.amount} of account {0.account} has no entry of what it moved",
    "sum": "the entries of the merge of account {0.account} sum up to {0.amount}, not to 0",
    "hold": "account {0.account} was merged and still has the open hold {0.amount}",
    "order": "account {0.account} was merged and still holds order {0.amount}",
    "plan": "account {0.account} was merged and still has a plan of order {0.amount}",
    "site": "account {0.account} was merged and still has the linked site {0.amount}",
}


def _merge(row: Row) -> str:
    return _MERGES[row.fault].format(row)


SENTENCES: Mapping[str, Callable[[Row], str]] = {
    "balance": _balance,
    "entry": _entry,
    "spend_parts": _spend_parts,
    "spend_entry": _spend_entry,
    "refunds": _refunds,
    "hold": _hold,
    "window": _window,
    "usage": _usage,
    "site_use": _site_use,
    "owner": _owner,
    "order_line": _order_line,
    "posting": _posting,
    "worth": _worth,
    "holder": _holder,
    "plan_term": _plan_term,
    "merge": _merge,
}
"""The message of each check about a row it found."""
