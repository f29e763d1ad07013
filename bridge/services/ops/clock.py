"""The clock of this host, compared with the database, the shops and the monotonic clock."""

from __future__ import annotations

import logging
import time
from collections.abc import Collection
from datetime import datetime, timedelta

from bridge.domain.ops.clock import TOLERANCE, ClockCheck, ClockState, ShopClocks, check_clock, nearest_clock
from bridge.storage.engine import clock
from bridge.storage.engine.database import Connection
from bridge.storage.jobs import runs, service_state

log = logging.getLogger(__name__)

_ACCEPTED = "clock.accepted"
_SHOPS = "shop_clocks"
_FRESH = timedelta(minutes=30)
"""How long the clocks of the shops count: the monitor reads them every 5 minutes."""


class SteadyProgress:
    """Compares the wall clock with the monotonic clock since this process started."""

    def __init__(self, now: datetime) -> None:
        self._started_at, self._started = now, _monotonic()

    def jump(self, now: datetime) -> timedelta:
        """Return how far the wall clock was set forward since; negative where it was set back."""
        return (now - self._started_at) - timedelta(seconds=_monotonic() - self._started)


def _monotonic() -> float:
    # The time a machine sleeps is no jump; only Linux has a clock that counts it.
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


def check(connection: Connection, *, now: datetime, jump: timedelta = timedelta()) -> ClockCheck:
    """Compare `now` with the newest row, the clock of the database server and those of the shops.

    `jump` is how far the clock was set forward while this process ran.
    """
    newest, accepted = clock.newest_moment(connection), runs.find(connection, _ACCEPTED)
    if newest is not None and accepted is not None and newest <= accepted.started_at:
        newest = None
    offset = clock.server_offset(connection, now)
    return check_clock(now, newest=newest, server_offset=offset, shops=_shops(connection, now), jump=jump)


def accept(connection: Connection) -> None:
    """Note that the rows newer than now were written by a clock that was ahead, and that it is right now."""
    newest = clock.newest_moment(connection)
    if newest is not None:
        runs.start(connection, _ACCEPTED, now=newest)


def record_shops(connection: Connection, offsets: Collection[int], *, now: datetime) -> None:
    """Record the clocks of the shops; `offsets` are the seconds by which each is ahead of ours."""
    if not offsets:
        return
    shops = nearest_clock(offsets)
    checked = check_clock(now, newest=None, server_offset=None, shops=shops)
    if checked.state is ClockState.DIFFERS_FROM_SHOPS:
        log.warning("%s", checked.sentence)
    service_state.put(connection, _SHOPS, f"{shops.shops} {shops.offset_seconds}", now=now)


def _shops(connection: Connection, now: datetime) -> ShopClocks | None:
    recorded = service_state.find(connection, _SHOPS)
    if recorded is None or not -TOLERANCE <= now - recorded.recorded_at <= _FRESH:
        return None
    count, _, offset = recorded.value.partition(" ")
    return ShopClocks(int(count), int(offset))
