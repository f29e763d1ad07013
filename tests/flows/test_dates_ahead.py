"""Orders dated far in the future, as a shop with a wrong clock sends them without REST keys to ask it."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

import pytest

from tests import factories
from tests.factories import balance_of, deliver, order, put_package
from tests.support import ledger_sql

FAR = timedelta(days=3650)


def dated(document, moment):
    text = moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds")
    return document | {"date_modified_gmt": text, "date_modified": text}


@pytest.fixture
def store(shop, database):
    put_package(shop, 10, 1000)
    factories.put_user(shop, 2)
    yield shop
    assert ledger_sql.faults(database) == []


@pytest.mark.parametrize("copies", [1, 2])
@pytest.mark.parametrize("ended", ["refunded", "cancelled"])
@pytest.mark.parametrize("ahead", [timedelta(0), timedelta(minutes=5), timedelta(hours=23), timedelta(days=2)], ids=str)
def test_document_after_one_dated_years_ahead_still_counts(store, ended, copies, ahead):
    now = datetime.now(UTC)
    for document in (dated(order(1), now + FAR), dated(order(1, ended), now + ahead)):
        for _ in range(copies):
            assert deliver(store, document).status_code == 200
    assert balance_of(store, 2) == 0


def test_repetition_of_a_document_dated_years_ahead_does_not_undo_a_refund(store):
    now = datetime.now(UTC)
    first = dated(order(1), now + FAR)
    for document in (first, dated(order(1, "refunded"), now + timedelta(seconds=1)), first):
        deliver(store, document)
    assert balance_of(store, 2) == 0


def test_documents_of_a_clock_that_is_years_ahead_count_as_they_come(store):
    now = datetime.now(UTC) + FAR
    balances = []
    for place, status in enumerate(("processing", "completed", "refunded")):
        deliver(store, dated(order(1, status), now + timedelta(seconds=place)))
        balances.append(balance_of(store, 2))
    assert balances == [0, 1000, 0]


@pytest.mark.parametrize("arrival", list(itertools.permutations(range(3))), ids=str)
def test_dates_a_few_hours_ahead_are_ordered_as_they_say(store, arrival):
    now = datetime.now(UTC) + timedelta(hours=14)
    documents = [
        dated(order(1, status), now + timedelta(seconds=place))
        for place, status in enumerate(("processing", "cancelled", "completed"))
    ]
    for place in arrival:
        deliver(store, documents[place])
    assert balance_of(store, 2) == 1000
