"""The context of a job, and the run of one job."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from bridge.metrics.recorder import Metrics
from bridge.services.ops import job_runs
from bridge.services.transactions import in_transaction
from bridge.storage.engine.database import Database

log = logging.getLogger(__name__)

_LONGEST_PAUSE = 0.1


@dataclass(frozen=True, slots=True)
class JobContext:
    """The database, the clock, the metrics, and whether to continue: False once this process ends or no longer leads.

    A job checks this before each item. It does no harm if a job runs a moment too
    long, because every job may run twice.
    """

    database: Database
    clock: Callable[[], datetime]
    may_go_on: Callable[[], bool] = lambda: True
    metrics: Metrics = field(default_factory=Metrics)


@dataclass(frozen=True, slots=True)
class Job:
    """One job of the timetable; `work` returns its result as a short text."""

    name: str
    every_seconds: int
    work: Callable[[JobContext], str]


def pause(began: float) -> None:
    """Pause for as long as the batch took since this monotonic moment, at most `_LONGEST_PAUSE` seconds.

    SQLite has one writer at a time and no queue: a job that starts its next batch
    immediately could block every spend until the job is done.
    """
    time.sleep(min(time.monotonic() - began, _LONGEST_PAUSE))


def run(job: Job, context: JobContext) -> None:
    """Run a job once and record its start and end; an exception is logged and does not stop later runs."""
    if not context.may_go_on():
        return
    transaction = context.database.transaction
    began, is_ok = time.monotonic(), False
    try:
        in_transaction(transaction, lambda connection: job_runs.begin(connection, job.name, now=context.clock()))
        outcome = job.work(context)
        is_ok = True
    except Exception as error:
        log.exception("job %s failed; it runs again in %d s", job.name, job.every_seconds)
        outcome = f"failed: {type(error).__name__}"
    context.metrics.note_job(job.name, time.monotonic() - began, is_ok=is_ok)
    try:
        in_transaction(
            transaction, lambda connection: job_runs.end(connection, job.name, outcome=outcome, now=context.clock())
        )
    except Exception:
        log.exception("the end of job %s could not be recorded", job.name)
