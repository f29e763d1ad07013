"""The clock of this host, compared with what is in the database."""

from __future__ import annotations

from datetime import datetime

from bridge.domain.clock import ClockCheck, check_clock
from bridge.storage import clock, runs
from bridge.storage.database import Connection

_ACCEPTED = "clock.accepted"


def check(connection: Connection, *, now: datetime) -> ClockCheck:
    """Compare `now` with the newest row and with the clock of the database server."""
    newest, accepted = clock.newest_moment(connection), runs.find(connection, _ACCEPTED)
    if newest is not None and accepted is not None and newest <= accepted.started_at:
        newest = None
    return check_clock(now, newest=newest, server_offset=clock.server_offset(connection, now))


def accept(connection: Connection) -> None:
    """Note that the rows newer than now were written by a clock that was ahead, and that it is right now."""
    newest = clock.newest_moment(connection)
    if newest is not None:
        runs.start(connection, _ACCEPTED, now=newest)
