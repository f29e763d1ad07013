"""The audit's sentences: each fault as one line that names the rows and what they say."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from bridge.rendering import documents

Row = Any
"""A row of one of the audit's queries, with the columns its sentence names."""


def _balance(row: Row) -> str:
    return (
        f"account {row.account} has balance {row.balance}, debt {row.debt} and {row.purchased} purchased;"
        f" its entries make {row.tokens}, {row.owed} and {row.bought}"
    )


def step(row: Row) -> str:
    """Return the sentence for an entry that does not follow from the one before."""
    return (
        f"entry {row.entry} of account {row.account} leaves balance {row.balance_after} and debt {row.debt_after};"
        f" with {row.tokens:+d} and {row.debt:+d} on {row.balance_before} and {row.debt_before} it should not"
    )


def _spend_parts(row: Row) -> str:
    return (
        f"spend {row.spend} of account {row.account} cost {row.tokens} tokens, its parts make {row.parts};"
        f" {row.back} of {row.paid} paid were given back"
    )


def _spend_entry(row: Row) -> str:
    if row.spends != 1:
        return f"account {row.account} has an entry for spend {row.spend}, which is not there"
    return (
        f"spend {row.spend} of account {row.account} took {row.paid} from the balance and gave {row.back} back;"
        f" {row.payments} entries took {row.moved} and gave {row.returned} back"
    )


def _refunds(row: Row) -> str:
    if row.spends != 1:
        return f"account {row.account} has a refund of spend {row.spend}, which is not there"
    return (
        f"spend {row.spend} of account {row.account} gave {row.stated} back, its refunds {row.given}, source by source"
    )


def _window(row: Row) -> str:
    start = documents.format_timestamp(row.starts_at)
    return (
        f"the {row.module} window of {start} of account {row.account} has {row.used} used, its spends took {row.taken}"
    )


def _usage(row: Row) -> str:
    act = f"{row.module} {row.operation}".strip()
    return (
        f"the history of account {row.account} has {row.units} units and {row.tokens} tokens of {act};"
        f" its spends make {row.spent_units} and {row.spent}"
    )


def _order_line(row: Row) -> str:
    line = f"line {row.line} of order {row.number} of store {row.store}"
    if row.lines != 1:
        return f"there are entries for {line}, which is not there"
    return (
        f"{line} has {row.granted} tokens granted in {row.postings} postings;"
        f" {row.entries} entries make {row.posted}, the last is posting {row.last}"
    )


def _holder(row: Row) -> str:
    whose = "no account's" if row.holder is None else f"account {row.holder}'s"
    return (
        f"account {row.account} has {row.granted} tokens of order {row.number} of store {row.store}, which is {whose}"
    )


def _entry(row: Row) -> str:
    return (
        f"entry {row.entry} of account {row.account} is no sound {row.kind}: {row.tokens:+d} tokens,"
        f" {row.debt:+d} debt, {row.forgiven} forgiven, or it names the wrong things"
    )


def _hold(row: Row) -> str:
    hold = f"hold {row.hold} of account {row.account}"
    if row.holds != 1:
        return f"spend {row.spend} of account {row.account} captured hold {row.hold}, which is not there"
    if row.captured != row.spends or row.named != row.spend:
        return f"{hold} names spend {row.named or 'none'}; {row.spends} spends captured it, the last is {row.spend}"
    return f"{hold} contradicts itself: its parts do not make its tokens, or its state and its end do not agree"


def _site_use(row: Row) -> str:
    return f"site {row.site} has {row.used} used; its spends took {row.gross}, of which {row.net} were not given back"


def _owner(row: Row) -> str:
    site = f" and of site {row.site}" if row.site else ""
    return f"{row.kind} {row.row} of store {row.store}{site} stands on account {row.account}, which is not theirs"


def _posting(row: Row) -> str:
    return (
        f"posting {row.posting} of line {row.line} of order {row.number} of store {row.store}"
        f" was posted {row.entries} times"
    )


def _worth(row: Row) -> str:
    return (
        f"line {row.line} of order {row.number} of store {row.store} has {row.granted} tokens granted;"
        f" {row.quantity} of {row.tokens} are not worth that"
    )


def _plan_term(row: Row) -> str:
    line = f"line {row.line} of order {row.number} of store {row.store}"
    if row.sold is None:
        return f"account {row.account} has a plan of {line}, which is not there"
    whose = "no account's" if row.holder is None else f"account {row.holder}'s"
    return f"account {row.account} has a plan of {line}, which is {whose}"


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
}
"""The sentence of each check about a row it found."""
