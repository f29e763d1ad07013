"""The leader of the scheduler, and the last run of each job."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, func, insert, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from bridge.storage.jobs.tables import leases, runs


@dataclass(frozen=True, slots=True)
class Run:
    """The last run of a job; `finished_at` is None while it runs, or if it was interrupted."""

    job: str
    started_at: datetime
    finished_at: datetime | None
    outcome: str


def take_lease(
    connection: Connection, name: str, *, holder: str, span: timedelta, tolerance: timedelta, now: datetime
) -> bool:
    """Take or renew a lease; False while another holder has it.

    A lease that ends later than `span` plus `tolerance` from now was written with a
    wrong clock, and is ignored.
    """
    values = {"holder": holder, "expires_at": now + span}
    is_free = or_(leases.c.expires_at <= now, leases.c.expires_at > now + span + tolerance)
    mine = update(leases).where(leases.c.name == name, or_(leases.c.holder == holder, is_free))
    if connection.execute(mine.values(**values)).rowcount:
        return True
    new = sqlite.insert(leases) if connection.dialect.name == "sqlite" else postgresql.insert(leases)
    added = new.values(name=name, **values).on_conflict_do_nothing(index_elements=["name"]).returning(leases.c.name)
    return connection.execute(added).first() is not None


def drop_lease(connection: Connection, name: str, *, holder: str) -> None:
    """Release a lease, so that the next holder does not have to wait for its end."""
    connection.execute(leases.delete().where(leases.c.name == name, leases.c.holder == holder))


def write_and_remove(connection: Connection, name: str, *, now: datetime) -> None:
    """Write and remove one small row; the commit proves that the database accepts writes."""
    connection.execute(insert(leases).values(name=name, holder="", expires_at=now))
    connection.execute(leases.delete().where(leases.c.name == name))


def start(connection: Connection, job: str, *, now: datetime) -> None:
    """Record that a job started."""
    changed = connection.execute(update(runs).where(runs.c.job == job).values(started_at=now, finished_at=None))
    if changed.rowcount == 0:
        connection.execute(insert(runs).values(job=job, started_at=now))


def finish(connection: Connection, job: str, *, outcome: str, now: datetime) -> None:
    """Record that a job ended, and its outcome."""
    connection.execute(update(runs).where(runs.c.job == job).values(finished_at=now, outcome=outcome[:500]))


def find(connection: Connection, job: str) -> Run | None:
    """Return the last run of a job; None if it never ran."""
    row = connection.execute(select(runs).where(runs.c.job == job)).one_or_none()
    return None if row is None else Run(row.job, row.started_at, row.finished_at, row.outcome)


def list_ends(connection: Connection) -> dict[str, datetime]:
    """Return when each job last ended; a job whose first run has not ended is left out."""
    rows = connection.execute(select(runs.c.job, runs.c.finished_at).where(runs.c.finished_at.is_not(None)))
    return {row.job: row.finished_at for row in rows}


def last_tick(connection: Connection) -> datetime | None:
    """Return when any job last ended."""
    return connection.execute(select(func.max(runs.c.finished_at))).scalar()
