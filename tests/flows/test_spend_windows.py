"""A free allowance of 1000 a day, spent through clock changes: one window for each local day."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from bridge.domain.accounts.accounts import Profile, Visitor
from bridge.domain.metering.commands import SpendRequest
from bridge.domain.stores.principals import Caller
from bridge.services.metering.execute import spend_many
from tests.support import ledger_sql
from tests.support.spend_replies import status_of

DAY = {"period": "daily", "rules": {"user": 1_000, "guest": 50, "role:editor": "unlimited", "role:barred": "disabled"}}


@pytest.fixture
def limited(shop):
    def put(time_zone, limit=None):
        shop.client.put("/v1/store", json={"time_zone": time_zone}, headers=shop.headers)
        response = shop.client.put("/v1/limits/chat", json=limit or DAY, headers=shop.headers)
        assert response.status_code == 200, response.text
        return shop

    return put


def spend_at(shop, database, moments, *, tokens=100, who=None):
    """Return the status of a spend at each of these moments, each in a transaction of its own."""
    statuses = []
    for moment in moments:
        ask = SpendRequest(
            caller=Caller(shop.connected.store.id, "key"),
            who=who or Profile(2),
            module="chat",
            tokens=tokens,
            key=f"{tokens} at {moment.isoformat()}",
            fingerprint="f",
        )
        with database.transaction() as connection:
            statuses.append(status_of(spend_many(connection, [ask], now=moment)[0]))
    return statuses


@pytest.mark.parametrize(
    ("time_zone", "start", "hours"),
    [
        # The day before, the day of the change and the day after, 24 + 23 + 24 or 24 + 25 + 24 hours.
        ("Europe/Paris", datetime(2026, 3, 27, 23, tzinfo=UTC), (24, 23, 24)),
        ("Europe/Paris", datetime(2026, 10, 23, 22, tzinfo=UTC), (24, 25, 24)),
        ("America/Santiago", datetime(2026, 4, 3, 3, tzinfo=UTC), (24, 25, 24)),
        ("America/Santiago", datetime(2026, 9, 5, 4, tzinfo=UTC), (24, 23, 24)),
        ("Africa/Cairo", datetime(2027, 4, 28, 22, tzinfo=UTC), (24, 23, 24)),
        ("Africa/Cairo", datetime(2027, 10, 26, 21, tzinfo=UTC), (24, 25, 24)),
    ],
)
def test_each_local_day_gives_its_1000_once(limited, database, time_zone, start, hours):
    shop = limited(time_zone)
    moments = [start + timedelta(hours=hour) for hour in range(sum(hours))]

    statuses = spend_at(shop, database, moments)

    # 100 an hour: the first ten hours of each day are paid, all others refused.
    expected = [201 if hour < 10 else 402 for day in hours for hour in range(day)]
    assert statuses == expected
    paid = Counter(
        moment.astimezone(ZoneInfo(time_zone)).date()
        for moment, status in zip(moments, statuses, strict=True)
        if status == 201
    )
    assert list(paid.values()) == [10, 10, 10]
    assert [row["used"] for row in ledger_sql.rows(database, "select used from window_uses")] == [1_000] * 3
    days = ledger_sql.rows(database, "select day, tokens from usage_days order by day")
    assert [(str(row["day"]), row["tokens"]) for row in days] == [(str(day), 1_000) for day in sorted(paid)]
    assert ledger_sql.faults(database) == []


@pytest.mark.parametrize(
    ("period", "end"),
    [
        ("daily", datetime(2026, 3, 29, 22, tzinfo=UTC)),
        ("weekly", datetime(2026, 3, 29, 22, tzinfo=UTC)),
        ("monthly", datetime(2026, 3, 31, 22, tzinfo=UTC)),
    ],
)
def test_just_before_a_windows_end_and_at_it(limited, database, period, end):
    shop = limited("Europe/Paris", DAY | {"period": period})
    tick = timedelta(microseconds=1)

    statuses = spend_at(shop, database, [end - 2 * tick, end - tick, end, end + tick], tokens=1_000)

    assert statuses == [201, 402, 201, 402]


def test_limit_that_never_resets_gives_its_amount_once(limited, database):
    shop = limited("Europe/Paris", DAY | {"period": "never"})
    moments = [datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=200 * step) for step in range(5)]

    assert spend_at(shop, database, moments, tokens=500) == [201, 201, 402, 402, 402]


@pytest.mark.parametrize(
    ("who", "expected"),
    [
        (Profile(2), [201] * 10 + [402] * 2),
        (Profile(2, roles=("editor",)), [201] * 12),
        (Profile(2, roles=("barred",)), [403] * 12),
        (Profile(2, roles=("barred", "editor")), [201] * 12),
        (Visitor("a" * 64), [402] * 12),
    ],
)
def test_rule_of_the_spender_decides(limited, database, who, expected):
    shop = limited("Europe/Paris")
    moments = [datetime(2026, 3, 29, 8, minute, tzinfo=UTC) for minute in range(12)]

    assert spend_at(shop, database, moments, who=who) == expected


def test_guests_have_a_window_each(limited, database):
    shop = limited("Europe/Paris")
    moments = [datetime(2026, 3, 29, 8, minute, tzinfo=UTC) for minute in range(3)]

    assert spend_at(shop, database, moments, tokens=25, who=Visitor("a" * 64)) == [201, 201, 402]
    assert spend_at(shop, database, moments[:1], tokens=50, who=Visitor("b" * 64)) == [201]
