"""The leader of the scheduler, and the outcome of its jobs."""

from __future__ import annotations

from datetime import datetime, timedelta

from bridge.domain.ops import clock
from bridge.storage.engine.database import Connection
from bridge.storage.jobs import runs

_LEASE = "scheduler"

LEASE_SPAN = timedelta(seconds=13)
"""How long a leader that fell silent is waited for; with a standby's own rhythm nobody waits past 15 seconds."""


def take_lead(connection: Connection, *, holder: str, now: datetime) -> bool:
    """Lead, or go on leading, until `LEASE_SPAN` from now; False while another one does."""
    return runs.take_lease(connection, _LEASE, holder=holder, span=LEASE_SPAN, tolerance=clock.TOLERANCE, now=now)


def step_down(connection: Connection, *, holder: str) -> None:
    """Lead no more: the next one need not wait."""
    runs.drop_lease(connection, _LEASE, holder=holder)


def begin(connection: Connection, job: str, *, now: datetime) -> None:
    """Note that a job begins."""
    runs.start(connection, job, now=now)


def end(connection: Connection, job: str, *, outcome: str, now: datetime) -> None:
    """Note that a job ended, and what it did."""
    runs.finish(connection, job, outcome=outcome, now=now)
