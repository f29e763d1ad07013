"""The audit: check that balances, orders and spends agree. It reports, and never repairs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from bridge.domain.ops.audit import Extent, Fault
from bridge.services.ops import audit_sentences, audit_streams
from bridge.services.ops.retention import USES_KEPT
from bridge.storage.engine.database import Connection
from bridge.storage.ops import audit
from bridge.storage.ops.audit_queries import OF_ACCOUNTS, OF_ORDERS

ROWS = 2_000_000
"""The approximate number of rows that one part reads from the largest table."""

_LONGEST_WINDOW = timedelta(days=32)

CHECKS = (*OF_ACCOUNTS, "chain", "plan", *OF_ORDERS, "answer")
"""Every check, by the name in its faults."""


@dataclass(frozen=True, slots=True)
class Part:
    """One check of one part of the data; it contains all rows that must agree."""

    check: str
    values: Mapping[str, Any] = field(default_factory=dict)


def list_parts(connection: Connection, *, now: datetime, rows: int = ROWS) -> list[Part]:
    """Return all checks in parts of about `rows` rows; each part may be checked in its own transaction."""
    audit.take_time(connection)
    parts = []
    for low, high in audit.account_ranges(connection, rows=rows):
        values = {"low": low, "high": high}
        for check in (*OF_ACCOUNTS, "chain", "plan"):
            more = {"recent": now - USES_KEPT + _LONGEST_WINDOW} if check == "window" else {}
            parts.append(Part(check, values | more))
    parts += [Part(check) for check in OF_ORDERS]
    parts += [Part("answer", {"span": span}) for span in audit.answer_spans(connection, rows=rows)]
    return parts


def check_part(connection: Connection, part: Part) -> Iterator[Fault]:
    """Yield the faults of one part as they are found, in one consistent state of the database.

    The memory used does not grow with the data or the faults.
    """
    audit.take_time(connection)
    yield from (Fault(part.check, sentence) for sentence in _sentences(connection, part))


def list_faults(connection: Connection, *, now: datetime, rows: int = ROWS) -> Iterator[Fault]:
    """Yield every fault of one consistent state, as it is found."""
    for part in list_parts(connection, now=now, rows=rows):
        yield from check_part(connection, part)


def extent(connection: Connection) -> Extent:
    """Return the number of rows to check."""
    audit.take_time(connection)
    return audit.extent(connection)


def _sentences(connection: Connection, part: Part) -> Iterator[str]:
    if part.check == "answer":
        return audit_streams.list_answer_faults(connection, part.values["span"])
    if part.check == "plan":
        return audit_streams.list_plan_faults(connection, **part.values)
    if part.check == "chain":
        return map(audit_sentences.step, audit.list_broken_steps(connection, **part.values))
    describe = audit_sentences.SENTENCES[part.check]
    return map(describe, audit.list_faults(connection, part.check, **part.values))
