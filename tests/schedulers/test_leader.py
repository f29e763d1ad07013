"""One of several schedulers leads; if it stops, another takes over, and never two at once."""

from datetime import UTC, datetime

import pytest

from bridge.services.ops import job_runs
from schedulers.leader import RENEW_SECONDS, STANDBY_SECONDS, Leader
from tests.support import ledger_sql
from tests.support.clock import Clock


@pytest.fixture
def clock():
    return Clock(datetime(2026, 5, 10, 12, tzinfo=UTC))


@pytest.fixture
def contender(database, clock):
    """Return a scheduler that tries to lead; its monotonic clock is the same one."""

    def make(**more):
        return Leader(database, clock=clock, monotonic=lambda: clock.now.timestamp(), **more)

    return make


def test_one_of_three_leads_and_keeps_the_lead(contender, clock):
    contenders = [contender() for _ in range(3)]

    for _ in range(20):
        assert [each.attempt() for each in contenders] == [True, False, False]
        clock.forward(seconds=RENEW_SECONDS)


def test_standby_takes_over_within_15_seconds_after_the_leader_was_killed(contender, clock):
    killed, standby, third = contender(), contender(), contender()
    assert killed.attempt()
    died_at = clock.now
    clock.forward(seconds=0.1)

    while not standby.attempt():
        assert not third.attempt()
        clock.forward(seconds=STANDBY_SECONDS)

    assert (clock.now - died_at).total_seconds() <= 15
    assert not killed.leads
    assert not third.attempt()


def test_leader_that_comes_back_finds_another_one_leading(contender, clock):
    changes = []
    stalled, standby = contender(on_change=changes.append), contender()
    stalled.attempt()
    clock.forward(seconds=job_runs.LEASE_SPAN.total_seconds())
    assert not stalled.leads, "before it is told, by its own clock"
    assert standby.attempt()

    assert not stalled.attempt()

    assert changes == [True, False]


def test_two_never_lead_at_once(contender, clock):
    """Attempts at odd moments, with stalls: the one that leads by its own clock is the only one."""
    contenders = [contender() for _ in range(3)]
    for step in range(300):
        contenders[(step * step + step // 7) % 3].attempt()
        clock.forward(seconds=1 + 7 * (step % 11 == 0))
        assert sum(each.leads for each in contenders) <= 1


def test_leader_that_stops_lets_go_at_once(contender):
    leader, standby = contender(), contender()
    leader.attempt()

    leader.stop()

    assert standby.attempt()
    assert not leader.leads


def test_standby_that_stops_takes_nothing_from_the_leader(contender, database):
    leader, standby = contender(), contender()
    leader.attempt()
    standby.attempt()

    standby.stop()

    assert [row["holder"] for row in ledger_sql.rows(database, "select holder from leases")] == [leader.holder]


def test_leader_without_a_database_leads_until_its_lease_ends(contender, clock, database, monkeypatch):
    leader = contender()
    leader.attempt()

    def gone():
        raise OSError("the database is gone")

    monkeypatch.setattr(database, "transaction", gone)
    assert leader.attempt()
    clock.forward(seconds=job_runs.LEASE_SPAN.total_seconds() + 0.1)

    assert not leader.attempt()
