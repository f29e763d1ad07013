"""Moments and money are read exactly as they were written, on both engines."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Column, Integer, MetaData, Table, insert, select
from sqlalchemy.exc import StatementError

from bridge.storage.engine.database import Database
from bridge.storage.engine.types import Instant, Money

TABLE = Table(
    "round_trips",
    MetaData(),
    Column("id", Integer, primary_key=True),
    Column("moment", Instant),
    Column("money", Money),
)


@pytest.fixture
def connection(database_url):
    database = Database(database_url)
    with database.transaction() as connection:
        TABLE.create(connection)
        yield connection
    database.close()


def written(connection, **values):
    connection.execute(insert(TABLE).values(id=1, **values))
    return connection.execute(select(TABLE)).one()


@pytest.mark.parametrize(
    "moment",
    [
        datetime(2026, 11, 21, 12, 0, 0, 1, tzinfo=UTC),
        datetime(2026, 11, 21, 12, 0, 0, 999_999, tzinfo=UTC),
        datetime(1970, 1, 1, tzinfo=UTC),
        datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
        datetime(8999, 12, 31, 23, 59, 59, tzinfo=UTC),
        datetime(2026, 3, 29, 3, 30, tzinfo=ZoneInfo("Europe/Paris")),
        datetime(2026, 10, 25, 2, 30, fold=0, tzinfo=ZoneInfo("Europe/Paris")),
        datetime(2026, 10, 25, 2, 30, fold=1, tzinfo=ZoneInfo("Europe/Paris")),
        datetime(2026, 11, 21, 12, tzinfo=timezone(timedelta(hours=-11, minutes=-30))),
    ],
    ids=str,
)
def test_moment_comes_back_in_utc_to_the_microsecond(connection, moment):
    found = written(connection, moment=moment).moment

    assert found == moment.astimezone(UTC)
    assert found.tzinfo is UTC


def test_no_moment_and_no_money_stay_none(connection):
    row = written(connection, moment=None, money=None)

    assert (row.moment, row.money) == (None, None)


def test_moment_without_a_zone_is_refused(connection):
    with pytest.raises(StatementError, match="time zone"), connection.begin_nested():
        written(connection, moment=datetime(2026, 11, 21, 12))  # noqa: DTZ001


@pytest.mark.parametrize(
    "money", ["0", "0.00", "10.00", "-5.00", "123456789012.3456", "0.1", "1E+3", "6.170000000000001"]
)
def test_money_comes_back_to_the_last_digit(connection, money):
    found = written(connection, money=Decimal(money)).money

    assert found == Decimal(money)
    assert str(found) == money


def test_moments_are_compared_as_moments(connection):
    """Half past two in Paris comes twice that night; the database must distinguish the two."""
    zone = ZoneInfo("Europe/Paris")
    first, second = (datetime(2026, 10, 25, 2, 30, fold=fold, tzinfo=zone) for fold in (0, 1))
    connection.execute(insert(TABLE), [{"id": 1, "moment": first}, {"id": 2, "moment": second}])

    later = connection.execute(select(TABLE.c.id).where(TABLE.c.moment > first.astimezone(UTC))).scalars().all()

    assert later == [2]
