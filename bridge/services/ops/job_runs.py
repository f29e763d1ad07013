"""The leader of the scheduler, and the outcome of its jobs."""

from __future__ import annotations

from datetime import datetime, timedelta

from bridge.domain.ops import clock
from bridge.storage.engine.database import Connection
from bridge.storage.jobs import runs

_LEASE = "scheduler"

LEASE_SPAN = timedelta(seconds=13)
"""How long a lease lasts; with the interval of the standbys, a failed leader is replaced within 15 seconds."""


def take_lead(connection: Connection, *, holder: str, now: datetime) -> bool:
    """Take or renew the lease for `LEASE_SPAN`; False while another process has it."""
    return runs.take_lease(connection, _LEASE, holder=holder, span=LEASE_SPAN, tolerance=clock.TOLERANCE, now=now)


def step_down(connection: Connection, *, holder: str) -> None:
    """Release the lease, so that the next leader does not have to wait."""
    runs.drop_lease(connection, _LEASE, holder=holder)


def begin(connection: Connection, job: str, *, now: datetime) -> None:
    """Record that a job begins."""
    runs.start(connection, job, now=now)


def end(connection: Connection, job: str, *, outcome: str, now: datetime) -> None:
    """Record that a job ended, and its result."""
    runs.finish(connection, job, outcome=outcome, now=now)
