"""The audit: proves that the books agree with themselves. It reports, and never repairs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

from bridge.domain.audit import Extent, Fault
from bridge.services import answers
from bridge.services.pruning import USES_KEPT
from bridge.storage import audit
from bridge.storage.database import Connection

_LONGEST_WINDOW = timedelta(days=32)

Row = Any
"""A row of one of the audit's queries, with the columns its sentence names."""


def list_faults(connection: Connection, *, now: datetime) -> Iterator[Fault]:
    """Every fault, as it is found; none when the books are sound.

    Look at one consistent state: hand over a reading connection. What is in
    memory does not grow with the books, nor with the faults.
    """
    audit.take_time(connection)
    for check in audit.QUERIES:
        values = _VALUES[check](now) if check in _VALUES else {}
        for row in audit.list_faults(connection, check, **values):
            yield Fault(check, _SENTENCES[check](row))
        if check == "balance":
            for row in audit.list_broken_steps(connection):
                yield Fault("chain", _step(row))


def extent(connection: Connection) -> Extent:
    """How much there is to look at."""
    return audit.extent(connection)


def _balance(row: Row) -> str:
    return (
        f"account {row.account} has balance {row.balance}, debt {row.debt} and {row.purchased} purchased;"
        f" its entries make {row.tokens}, {row.owed} and {row.bought}"
    )


def _step(row: Row) -> str:
    return (
        f"entry {row.entry} of account {row.account} leaves balance {row.balance_after} and debt {row.debt_after};"
        f" with {row.tokens:+d} and {row.debt:+d} on {row.balance_before} and {row.debt_before} it should not"
    )


def _spend_parts(row: Row) -> str:
    return f"spend {row.spend} of account {row.account} cost {row.tokens} tokens, its parts make {row.parts}"


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
    start = answers.instant(row.starts_at)
    return (
        f"the {row.module} window of {start} of account {row.account} has {row.used} used, its spends took {row.taken}"
    )


def _plan(row: Row) -> str:
    return f"the plans of account {row.account} have {row.used} used, its spends took {row.taken}"


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
        f"{line} has {row.granted} tokens granted in {row.postings} postings; {row.entries} entries make {row.posted}"
    )


def _holder(row: Row) -> str:
    whose = "nobody's" if row.holder is None else f"account {row.holder}'s"
    return (
        f"account {row.account} has {row.granted} tokens of order {row.number} of store {row.store}, which is {whose}"
    )


def _answer(row: Row) -> str:
    return f"key {row.key} of store {row.store} was answered with spend sp_{row.spend}, which is not there"


_SENTENCES: dict[str, Callable[[Row], str]] = {
    "balance": _balance,
    "spend_parts": _spend_parts,
    "spend_entry": _spend_entry,
    "refunds": _refunds,
    "window": _window,
    "plan": _plan,
    "usage": _usage,
    "order_line": _order_line,
    "holder": _holder,
    "answer": _answer,
}
_VALUES: dict[str, Callable[[datetime], dict[str, Any]]] = {
    "window": lambda now: {"recent": now - USES_KEPT + _LONGEST_WINDOW},
    "answer": lambda now: {"letters": answers.CROCKFORD},
}
