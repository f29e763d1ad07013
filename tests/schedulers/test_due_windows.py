"""Opened windows are stored and announced once, whenever and however often the job runs."""

import contextlib
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from bridge.domain.accounts.accounts import Profile, Visitor
from bridge.domain.metering.commands import SpendRequest
from bridge.domain.metering.idempotency import Answer
from bridge.domain.stores.principals import Caller
from bridge.services.metering import opened_windows
from bridge.services.metering.execute import spend_many
from schedulers import jobs
from tests.support import ledger_sql
from tests.support.clock import shift_at

DAY = {"period": "daily", "rules": {"user": 100, "role:vip": 500, "role:free": "unlimited", "guest": 10}}


@pytest.fixture
def limited(shop):
    """Give the shop a time zone and a limit for its chat."""

    def put(time_zone="Europe/Paris", limit=DAY):
        shop.client.put("/v1/store", json={"time_zone": time_zone}, headers=shop.headers)
        response = shop.client.put("/v1/limits/chat", json=limit, headers=shop.headers)
        assert response.status_code == 200, response.text

    return put


@pytest.fixture
def use(shop, database):
    """Use a part of a user's allowance at a moment."""

    def spend(user_id, tokens, moment, *, roles=(), guest=None):
        ask = SpendRequest(
            caller=Caller(shop.id, "key"),
            who=Visitor(guest) if guest else Profile(user_id, roles=roles),
            module="chat",
            tokens=tokens,
            key=f"{user_id} {guest} {tokens} {moment.isoformat()}",
            fingerprint="f",
        )
        with database.transaction() as connection:
            assert isinstance(spend_many(connection, [ask], now=moment)[0], Answer)

    return spend


@pytest.fixture
def tick(database):
    """Run the job at a moment."""
    return lambda moment: jobs.due_windows(shift_at(database, moment))


@pytest.fixture
def announced(database):
    """Return the users of the reset events, in their order."""

    def users():
        sql = (
            "select a.user_id from outbox o join accounts a on a.id = o.account_id"
            " where o.type = 'allowance.reset' order by o.id"
        )
        return [row["user_id"] for row in ledger_sql.rows(database, sql)]

    return users


def runs(database):
    return ledger_sql.rows(database, "select * from window_runs order by starts_at")


@pytest.mark.parametrize(
    ("time_zone", "change"),
    [
        # The moments at which midnight is skipped, doubled, or lies three hours from a change.
        ("Europe/Paris", datetime(2026, 3, 29, 1, tzinfo=UTC)),
        ("Europe/Paris", datetime(2026, 10, 25, 1, tzinfo=UTC)),
        ("America/Santiago", datetime(2026, 4, 5, 3, tzinfo=UTC)),
        ("America/Santiago", datetime(2026, 9, 6, 4, tzinfo=UTC)),
        ("Africa/Cairo", datetime(2026, 4, 23, 22, tzinfo=UTC)),
        ("Africa/Cairo", datetime(2026, 10, 29, 21, tzinfo=UTC)),
    ],
)
def test_each_local_day_is_announced_once_over_a_clock_change(
    limited, use, tick, announced, database, time_zone, change
):
    """A user who exhausts each day, and a run every hour for four days: some twice, some left out."""
    limited(time_zone)
    zone = ZoneInfo(time_zone)
    start = change - timedelta(hours=48)
    moments = [start + timedelta(hours=hour) for hour in range(4 * 24)]
    seen = set()

    for place, moment in enumerate(moments):
        day = moment.astimezone(zone).date()
        if day not in seen:
            seen.add(day)
            use(2, 100, moment)
        if place % 7:
            tick(moment)
        if place % 5 == 0:
            tick(moment)

    days = len(seen)
    assert days in {4, 5}
    assert len(runs(database)) == days
    assert announced() == [2] * (days - 1)


def test_scheduler_stopped_for_three_days_announces_the_open_window_alone(limited, use, tick, announced, database):
    limited()
    noon = datetime(2026, 5, 10, 12, tzinfo=UTC)
    tick(noon)
    use(2, 100, noon)
    use(3, 100, noon + timedelta(days=1))
    use(2, 50, noon + timedelta(days=2))

    tick(noon + timedelta(days=3))

    assert [row["ran_dry"] for row in runs(database)] == [0, 1]
    assert announced() == [3], "the other one has used a later window since, so it knows"


def test_late_run_of_a_slow_clock_announces_nothing(limited, use, tick, announced, database):
    limited()
    noon = datetime(2026, 5, 10, 12, tzinfo=UTC)
    use(2, 100, noon)
    tick(noon + timedelta(days=1))

    tick(noon)

    assert len(runs(database)) == 1
    assert announced() == [2]


def test_only_users_who_ran_dry_get_an_event(limited, use, tick, announced):
    limited()
    noon = datetime(2026, 5, 10, 12, tzinfo=UTC)
    use(2, 99, noon)
    use(3, 100, noon)
    use(4, 100, noon, roles=("vip",))
    use(5, 500, noon, roles=("vip",))
    use(6, 5000, noon, roles=("free",))
    use(None, 10, noon, guest="a" * 64)

    tick(noon + timedelta(days=1))

    assert announced() == [3, 5]


def test_rule_of_ones_own_decides(limited, use, tick, announced, shop, database):
    limited()
    noon = datetime(2026, 5, 10, 12, tzinfo=UTC)
    use(2, 40, noon)
    with database.transaction() as connection:
        connection.exec_driver_sql(
            "insert into limit_overrides (account_id, module, allows, tokens, actor, created_at)"
            " select account_id, module, 'amount', 40, 'test', created_at from spends"
        )

    tick(noon + timedelta(days=1))

    assert announced() == [2]


def test_two_schedulers_at_once_announce_each_reset_once(limited, use, announced, database, shop, monkeypatch):
    """Both find the same window due; they take turns, a batch each."""
    limited()
    monkeypatch.setattr(opened_windows, "BATCH", 2)
    noon = datetime(2026, 5, 10, 12, tzinfo=UTC)
    users = list(range(2, 12))
    for user in users:
        use(user, 100, noon)
    later = noon + timedelta(days=1)
    with database.reading() as connection:
        first = opened_windows.list_due(connection, now=later)
        second = opened_windows.list_due(connection, now=later)
    assert first == second == [(shop.id, "chat", 0)]

    finished = False
    for _ in range(20):
        for key in (first[0], second[0]):
            with database.transaction() as connection:
                finished = opened_windows.announce(connection, key, now=later)

    assert finished
    assert announced() == users
    assert [row["ran_dry"] for row in runs(database)] == [len(users)]


def test_cut_off_between_two_batches_goes_on_where_it_was(limited, use, tick, announced, database, shop, monkeypatch):
    limited()
    monkeypatch.setattr(opened_windows, "BATCH", 3)
    noon = datetime(2026, 5, 10, 12, tzinfo=UTC)
    for user in range(2, 10):
        use(user, 100, noon)
    later = noon + timedelta(days=1)
    with database.transaction() as connection:
        assert not opened_windows.announce(connection, (shop.id, "chat", 0), now=later)
    with contextlib.suppress(ZeroDivisionError), database.transaction() as connection:
        opened_windows.announce(connection, (shop.id, "chat", 0), now=later)
        raise ZeroDivisionError

    tick(later)

    assert announced() == list(range(2, 10))


def test_limit_that_never_resets_is_not_announced(limited, use, tick, announced, database):
    limited(limit={"period": "never", "rules": {"user": 100}})
    noon = datetime(2026, 5, 10, 12, tzinfo=UTC)
    use(2, 100, noon)

    assert tick(noon + timedelta(days=400)) == "0 announced"
    assert runs(database) == []


def test_announcing_changes_no_number(limited, use, tick, shop, database):
    limited()
    noon = datetime(2026, 5, 10, 12, tzinfo=UTC)
    use(2, 100, noon)
    before = ledger_sql.rows(database, "select * from window_uses")

    tick(noon + timedelta(days=1))

    assert ledger_sql.rows(database, "select * from window_uses") == before
