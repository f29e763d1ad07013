"""The ticker: a thread for each job, only while it leads, whatever the wall clock does."""

from __future__ import annotations

import threading
import time
from datetime import timedelta

import pytest
import time_machine

from bridge.services.ops import job_runs
from bridge.web.context import utcnow
from schedulers.context import Job
from schedulers.ticker import Scheduler
from tests.support import ledger_sql

YEAR = timedelta(days=365)


class Counter:
    """A job that counts its runs, and the most that ran at the same time."""

    def __init__(self, seconds=0.0):
        self.runs = self.most = self._running = 0
        self._seconds = seconds
        self._changed = threading.Condition()

    def __call__(self, shift):
        with self._changed:
            self.runs += 1
            self._running += 1
            self.most = max(self.most, self._running)
            self._changed.notify_all()
        time.sleep(self._seconds)
        with self._changed:
            self._running -= 1
        return "done"

    def wait_for(self, count, seconds=10):
        with self._changed:
            reached = self._changed.wait_for(lambda: self.runs >= count, seconds)
        assert reached, f"{self.runs} of {count} runs"


@pytest.fixture
def run_jobs(database):
    """Return a function that starts a scheduler with these jobs: intervals and functions."""
    started = []

    def start(*jobs):
        timetable = [Job(f"job{number}", seconds, work) for number, (seconds, work) in enumerate(jobs)]
        scheduler = Scheduler(database, clock=utcnow, timetable=timetable)
        started.append(scheduler)
        scheduler.start()
        return scheduler

    yield start
    for scheduler in started:
        scheduler.stop()


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
@pytest.mark.parametrize("jump", [YEAR, -YEAR, timedelta(minutes=2)])
def test_a_wall_clock_that_jumps_and_returns_neither_stops_a_job_nor_runs_it_twice(run_jobs, jump):
    often, seldom = Counter(), Counter()
    with time_machine.travel(utcnow()) as wall:
        run_jobs((0.05, often), (60, seldom))
        often.wait_for(2)
        for _ in range(2):
            wall.shift(jump)
            often.wait_for(often.runs + 3)
            wall.shift(-jump)
            often.wait_for(often.runs + 3)

    assert seldom.runs == 1


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_an_interval_is_observed(run_jobs):
    began, often = time.monotonic(), Counter()
    run_jobs((0.2, often))

    often.wait_for(6)

    # One at once, and five intervals: no fewer, and no run between.
    assert time.monotonic() - began >= 5 * 0.2


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_long_job_delays_no_other_and_never_overtakes_itself(run_jobs):
    long, quick = Counter(seconds=0.5), Counter()
    run_jobs((0.05, long), (0.05, quick))

    long.wait_for(3)

    assert long.most == 1
    assert quick.runs > long.runs


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_run_that_is_due_while_the_last_one_goes_on_follows_it(run_jobs):
    long, began = Counter(seconds=1.2), time.monotonic()
    run_jobs((1, long))

    long.wait_for(3)

    # Twice 1.2 seconds, and not two intervals each.
    assert time.monotonic() - began < 3.8


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_job_that_fails_runs_again(run_jobs, database):
    tried = Counter()

    def fail(shift):
        tried(shift)
        raise SystemExit

    run_jobs((0.05, fail))

    tried.wait_for(3)


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_jobs_rest_while_another_leads_and_missed_runs_are_one(run_jobs, database):
    with database.transaction() as connection:
        assert job_runs.take_lead(connection, holder="another", now=utcnow())
    often, seldom = Counter(), Counter()
    run_jobs((0.05, often), (60, seldom))
    time.sleep(0.5)
    assert often.runs == seldom.runs == 0

    with database.transaction() as connection:
        job_runs.step_down(connection, holder="another")

    seldom.wait_for(1)
    often.wait_for(3)
    assert seldom.runs == 1

    with database.transaction() as connection:
        connection.exec_driver_sql("update leases set holder = 'another'")
    deadline = time.monotonic() + 10
    while _is_running(often):
        assert time.monotonic() < deadline
    with database.transaction() as connection:
        job_runs.step_down(connection, holder="another")
    often.wait_for(often.runs + 2)
    assert seldom.runs == 1


def _is_running(work):
    before = work.runs
    time.sleep(0.5)
    return work.runs != before


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_stop_waits_for_the_item_and_gives_the_lead_back(run_jobs, database):
    began, items = threading.Event(), []

    def work(shift):
        while shift.may_go_on():
            began.set()
            time.sleep(0.1)
            items.append("done")
        return f"{len(items)} items"

    scheduler = run_jobs((60, work))
    assert began.wait(10)

    scheduler.stop()

    assert (
        ledger_sql.rows(database, "select outcome from runs where job = 'job0'")[0]["outcome"] == f"{len(items)} items"
    )
    assert ledger_sql.count(database, "leases") == 0
