"""The clock of this host, compared with what is in the database."""

from __future__ import annotations

from datetime import datetime

from bridge.domain.clock import ClockCheck, check_clock
from bridge.storage import clock
from bridge.storage.database import Connection


def check(connection: Connection, *, now: datetime) -> ClockCheck:
    """Compare `now` with the newest row and with the clock of the database server."""
    newest, offset = clock.newest_moment(connection), clock.server_offset(connection, now)
    return check_clock(now, newest=newest, server_offset=offset)
