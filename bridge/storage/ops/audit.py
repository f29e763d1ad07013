"""Run the queries of the audit, each for one part of the data at a time.

A part is a range of accounts, a span of time, or all orders. Rows that must agree
are in the same part, so each part can be read in its own transaction: no snapshot
is held for minutes, and an audit can be stopped after any part.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import datetime, timedelta
from itertools import groupby, pairwise
from typing import Any

from sqlalchemy import Connection, Row, func, select, text
from sqlalchemy.sql.expression import Executable

from bridge.domain.ops.audit import Extent
from bridge.storage.accounts.tables import accounts, entries
from bridge.storage.engine import postgresql
from bridge.storage.engine.bulk import among
from bridge.storage.engine.key_lookup import Seek
from bridge.storage.metering.tables import holds, idempotency_keys, refunds, spends
from bridge.storage.ops import audit_queries as queries

Range = tuple[int, int]
"""Account ids greater than the first and up to the second."""
Span = tuple[datetime, datetime]
"""Moments after the first and up to the second."""

_LOWEST, _HIGHEST = -(2**63), 2**63 - 1
_MICROSECOND = timedelta(microseconds=1)
_SPENDS = select(spends.c.id, spends.c.store_id, spends.c.account_id, spends.c.tokens).where(among(spends.c.id, "ids"))
_HOLDS = select(holds.c.id, holds.c.store_id, holds.c.account_id, holds.c.tokens).where(among(holds.c.id, "ids"))
_REFUNDS = Seek(refunds, ("account_id", "id", "to_plan", "to_balance", "to_allowance"), keys=("account_id", "id"))


def account_ranges(connection: Connection, *, rows: int) -> list[Range]:
    """Return ranges that cover all accounts, each with about `rows` entries or spends."""
    most = max(
        connection.execute(select(func.count()).select_from(table)).scalar_one()
        for table in (entries, spends, accounts)
    )
    count = connection.execute(select(func.count()).select_from(accounts)).scalar_one()
    parts = min(count, -(-most // rows)) or 1
    bounds = [
        connection.execute(
            select(accounts.c.id).order_by(accounts.c.id).offset(number * count // parts).limit(1)
        ).scalar_one()
        for number in range(1, parts)
    ]
    return list(pairwise([_LOWEST, *bounds, _HIGHEST]))


def answer_spans(connection: Connection, *, rows: int) -> list[Span]:
    """Return spans of time that cover all stored answers, each with about `rows` of them."""
    created_at = idempotency_keys.c.created_at
    first, last, count = connection.execute(select(func.min(created_at), func.max(created_at), func.count())).one()
    if not count:
        return []
    inner = [
        connection.execute(select(created_at).order_by(created_at).offset(place).limit(1)).scalar_one()
        for place in range(rows, count, rows)
    ]
    return list(pairwise(sorted({first - _MICROSECOND, *inner, last})))


def list_faults(connection: Connection, check: str, **values: Any) -> Iterator[Row[Any]]:
    """Yield the rows that a check finds, one by one; `check` is a name in `OF_ACCOUNTS` or `OF_ORDERS`."""
    query = queries.OF_ACCOUNTS.get(check)
    yield from _stream(connection, queries.OF_ORDERS[check] if query is None else query, values)


def list_broken_steps(connection: Connection, low: int, high: int) -> Iterator[Row[Any]]:
    """Yield the entries whose balance does not follow from the previous entry.

    Entries are ordered by id, and ids of two machines with different clocks may be
    out of order. An account is correct if its entries form one chain in some order.
    """
    rows = _stream(connection, queries.STEPS, {"low": low, "high": high})
    for account, steps in groupby(rows, key=lambda row: row.account):
        loose_ends = connection.execute(queries.LOOSE_ENDS, {"account": account}).scalar_one()
        if loose_ends:
            yield from steps


def list_plan_spends(connection: Connection, low: int, high: int) -> Iterator[Row[Any]]:
    """Yield the spends that plans paid for, by account."""
    yield from _stream(connection, queries.PLAN_SPENDS, {"low": low, "high": high})


def list_plan_uses(connection: Connection, low: int, high: int) -> Iterator[Row[Any]]:
    """Yield the use of each window of each plan, by account."""
    yield from _stream(connection, queries.PLAN_USES, {"low": low, "high": high})


def list_carried_plans(connection: Connection, low: int, high: int) -> Iterator[Row[Any]]:
    """Yield the use of plan windows that came with merged accounts, by account."""
    yield from _stream(connection, queries.CARRIED_PLANS, {"low": low, "high": high})


def list_answers(connection: Connection, span: Span) -> Iterator[Row[Any]]:
    """Yield the stored answers of a span that moved tokens."""
    yield from _stream(connection, queries.ANSWERS, {"since": span[0], "until": span[1]})


def find_answered(connection: Connection, kind: str, ids: Collection[int]) -> dict[int, Any]:
    """Return the store, account and tokens of the spends (`sp`) or holds (`ho`) with these ids."""
    statement = _SPENDS if kind == "sp" else _HOLDS
    return {row.id: row for row in connection.execute(statement, {"ids": sorted(ids)})}


def find_refunds(connection: Connection, places: Collection[tuple[int, int]]) -> dict[tuple[int, int], int]:
    """Return the tokens of these refunds by account and refund; refunds that do not exist are left out."""
    return {(account, id_): sum(given) for account, id_, *given in _REFUNDS.find(connection, places)}


def extent(connection: Connection) -> Extent:
    """Return the number of accounts, ledger entries, spends and orders."""
    counts = [
        connection.execute(text(f"select count(*) from {table}")).scalar_one()  # noqa: S608 -- four known names
        for table in ("accounts", "entries", "spends", "orders")
    ]
    return Extent(*counts)


def take_time(connection: Connection) -> None:
    """Give this transaction the time and memory for large tables, so that sorts use the disk less."""
    if connection.dialect.name == "postgresql":
        postgresql.take_time(connection)
        connection.execute(text("set local work_mem = '64MB'"))


def _stream(connection: Connection, query: Executable, values: Mapping[str, Any]) -> Iterator[Row[Any]]:
    result = connection.execute(query.execution_options(stream_results=True, yield_per=500), dict(values))
    try:
        yield from result
    finally:
        result.close()
