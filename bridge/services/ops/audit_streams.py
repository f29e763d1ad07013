"""The audit's checks that read JSON: plan windows against spends, and stored responses against rows.

They read two streams in parallel, or a batch at a time; only one account's plans,
or one batch, is in memory.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime
from heapq import merge
from itertools import groupby, islice
from typing import Any, NamedTuple

from bridge.domain.metering.funding import left_of_parts
from bridge.rendering import documents
from bridge.rendering.ids import decode_id
from bridge.storage.engine.database import Connection
from bridge.storage.metering.spends import unpack_parts
from bridge.storage.ops import audit

_BATCH = 1000
_LETTERS = 13
"""How many letters of a visible id are its number; the rest is a tag."""

Row = Any


def list_plan_faults(connection: Connection, low: int, high: int) -> Iterator[str]:
    """Windows of plans whose use is not what spends took of them, less what refunds gave back."""
    uses = audit.list_plan_uses(connection, low, high)
    carried = audit.list_carried_plans(connection, low, high)
    spends = audit.list_plan_spends(connection, low, high)
    # An account's windows come first, so that its spends can be compared with them.
    rows = merge(
        ((row.account, 0, number, row) for number, row in enumerate(uses)),
        ((row.account, 1, number, row) for number, row in enumerate(carried)),
        ((row.account, 2, number, row) for number, row in enumerate(spends)),
    )
    for account, found in groupby(rows, key=lambda row: row[0]):
        yield from _plan_faults(account, [row[3] for row in found])


def _plan_faults(account: int, rows: Sequence[Row]) -> Iterator[str]:
    used: dict[tuple[int, datetime], int] = {}
    taken: Counter[tuple[int, datetime]] = Counter()
    for row in rows:
        if hasattr(row, "used"):
            used[row.product, row.starts_at] = row.used
            continue
        if hasattr(row, "carried"):
            taken[row.product, row.starts_at] += row.carried
            continue
        try:
            parts = unpack_parts(row.plan_parts)
        except (TypeError, ValueError):
            parts = ()
        if sum(part.tokens for part in parts) != row.from_plan:
            yield f"spend {row.spend} of account {account} took {row.from_plan} from plans; its parts do not add up"
        for part in left_of_parts(parts, given_back=row.back_plan):
            taken[part.product_id, part.starts_at] += part.tokens
    for window in sorted(used.keys() | taken.keys()):
        if used.get(window, 0) != taken[window]:
            yield (
                f"the window of {documents.format_timestamp(window[1])} of plan {window[0]} of account {account}"
                f" has {used.get(window, 0)} used; spends took {taken[window]}"
            )


class _Answer(NamedTuple):
    """The facts of a stored answer: its row, its tokens, and the spend of a refund."""

    row: Row
    kind: str
    id: int
    tokens: int
    spend_id: int | None

    @property
    def key(self) -> str:
        return f"key {self.row.key} of store {self.row.store}"


def list_answer_faults(connection: Connection, span: audit.Span) -> Iterator[str]:
    """Keys that were answered with a spend, hold or refund that is not there, or has other tokens."""
    rows = audit.list_answers(connection, span)
    while batch := list(islice(rows, _BATCH)):
        read: list[_Answer] = []
        for row in batch:
            try:
                answer = _read(row)
            except (TypeError, ValueError, KeyError):
                yield f"the response under key {row.key} of store {row.store} cannot be read"
                continue
            if answer is not None:
                read.append(answer)
        yield from _answer_faults(connection, read)


def _answer_faults(connection: Connection, read: Sequence[_Answer]) -> Iterator[str]:
    spends = audit.find_answered(
        connection, "sp", {answer.spend_id or answer.id for answer in read if answer.kind != "ho"}
    )
    holds = audit.find_answered(connection, "ho", {answer.id for answer in read if answer.kind == "ho"})
    places = {
        (spends[answer.spend_id].account_id, answer.id)
        for answer in read
        if answer.kind == "rf" and answer.spend_id in spends
    }
    refunds = audit.find_refunds(connection, places)
    for answer in read:
        row = (holds if answer.kind == "ho" else spends).get(answer.spend_id or answer.id)
        tokens = None if row is None or row.store_id != answer.row.store else row.tokens
        if answer.kind == "rf" and row is not None:
            tokens = refunds.get((row.account_id, answer.id))
        named = f"{_NAMES[answer.kind]} {answer.kind}_{_letters(answer)}"
        if tokens is None:
            yield f"{answer.key} has a response with {named}, which does not exist"
        elif tokens != answer.tokens:
            yield f"{answer.key} has a response with {named} of {answer.tokens} tokens; the row has {tokens}"


_NAMES = {"sp": "spend", "ho": "hold", "rf": "refund"}


def _letters(answer: _Answer) -> str:
    return str(json.loads(answer.row.answer)["id"]).partition("_")[2]


def _read(row: Row) -> _Answer | None:
    """Return the row in a response; None if it has no spend, hold or refund. Raises if it cannot be read."""
    document = json.loads(row.answer)
    kind, _, _ = str(document.get("id") or "").partition("_")
    if kind not in _NAMES:
        return None
    spend_id = _number("sp", document["spend"]) if kind == "rf" else None
    return _Answer(row, kind, _number(kind, document["id"]), int(document["tokens"]), spend_id)


def _number(kind: str, visible_id: str) -> int:
    """Return the number in a visible id; the tag is ignored, and may be of another secret key."""
    number = decode_id(kind, visible_id[: len(kind) + 1 + _LETTERS])
    if number is None:
        raise ValueError(visible_id)
    return number
