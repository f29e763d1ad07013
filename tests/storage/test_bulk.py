"""Rows written in bulk are read back unchanged, whatever their values, method and engine."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from bridge.domain.metering.idempotency import Answer, Outcome
from bridge.domain.metering.spends import Spend
from bridge.storage.metering import idempotency, spends
from bridge.storage.metering.tables import spends as spend_rows
from tests.factories import put_user
from tests.support import ledger_sql

NOW = datetime(2026, 3, 10, 15, tzinfo=UTC)
TRICKY = [
    "plain",
    "tab\there",
    "line\nfeed",
    "carriage\rreturn",
    "back\\slash",
    r"\N",
    r"\.",
    r"ends with \ ".strip(),
    "quote \" and ' and ,",
    "Ünïcode 漢字 🙂",
    "",
]


@pytest.mark.parametrize("rows", [1, len(TRICKY)])
def test_text_reads_back_as_it_was(shop, database, rows):
    """Few rows are sent in a statement, many as a stream, where a tab or a backslash has a meaning."""
    given = {(shop.id, 0, f"{number}{text}"): Answer("f", Outcome.CREATED, text) for number, text in enumerate(TRICKY)}
    parts = [dict(list(given.items())[first : first + rows]) for first in range(0, len(given), rows)]

    with database.transaction() as connection:
        for part in parts:
            idempotency.add_answers(connection, part, now=NOW)

    with database.reading() as connection:
        assert idempotency.find_answers(connection, given) == given


@pytest.mark.parametrize("rows", [1, len(TRICKY)])
def test_columns_alike_and_columns_with_gaps_read_back_as_they_were(shop, database, rows):
    put_user(shop, 2)
    (account,) = ledger_sql.rows(database, "select id from accounts")
    given = [
        Spend(
            id=number + 1,
            account_id=account["id"],
            store_id=shop.id,
            module="chat",
            operation=None,
            units=1,
            tokens=number,
            from_plan=0,
            from_balance=number,
            from_allowance=0,
            window_starts_at=NOW + timedelta(hours=number) if number % 2 else None,
            source=None if number % 3 else text,
            reference=text,
            created_at=NOW,
        )
        for number, text in enumerate(TRICKY)
    ]

    with database.transaction() as connection:
        for first in range(0, len(given), rows):
            spends.add(connection, given[first : first + rows])

    with database.reading() as connection:
        found = spends.find_many(connection, [one.id for one in given])
        assert connection.execute(select(spend_rows.c.plan_parts)).scalars().all() == [None] * len(given)
    assert [found[one.id] for one in given] == given
