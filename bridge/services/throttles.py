"""Throttles: counts of failures per client, and the pause that follows too many of them."""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta

MAX_CLIENTS = 10_000
"""How many clients one throttle remembers; past it the one unused for longest is forgotten."""


@dataclass(slots=True)
class _Record:
    failures: int
    last_at: datetime
    paused_until: datetime


class Throttle:
    """Counts failures per client in this process; safe for any number of threads.

    The first `free` failures cost nothing. Each further one starts a pause,
    which doubles from `first_pause` up to `longest_pause`. A client without a
    failure for `forget_after` starts again.
    """

    def __init__(
        self,
        *,
        free: int,
        first_pause: timedelta,
        longest_pause: timedelta,
        forget_after: timedelta,
        max_clients: int = MAX_CLIENTS,
    ) -> None:
        self._free = free
        self._first_pause = first_pause
        self._longest_pause = longest_pause
        self._forget_after = forget_after
        self._max_clients = max_clients
        self._records: OrderedDict[str, _Record] = OrderedDict()
        self._lock = threading.Lock()

    def wait_seconds(self, client: str, *, now: datetime) -> int:
        """Seconds until this client may try again; 0 when it may try now."""
        with self._lock:
            return self._wait(client, now)

    def begin(self, client: str, *, now: datetime) -> int:
        """Count an attempt as failed before it is made; call `clear` when it succeeds.

        Returns the seconds to wait, and counts nothing, while the client pauses.
        """
        with self._lock:
            wait = self._wait(client, now)
            if not wait:
                self._count(client, now)
            return wait

    def count_failure(self, client: str, *, now: datetime) -> None:
        """Count one failure of this client."""
        with self._lock:
            self._count(client, now)

    def clear(self, client: str) -> None:
        """Forget the failures of this client."""
        with self._lock:
            self._records.pop(client, None)

    def __len__(self) -> int:
        """How many clients are remembered."""
        return len(self._records)

    def _wait(self, client: str, now: datetime) -> int:
        record = self._records.get(client)
        if record is None or record.paused_until <= now:
            return 0
        # A clock that was set back never makes a pause longer than the longest.
        left = min(record.paused_until - now, self._longest_pause)
        return max(1, math.ceil(left.total_seconds()))

    def _count(self, client: str, now: datetime) -> None:
        record = self._records.pop(client, None)
        if record is None or now - record.last_at >= self._forget_after:
            record = _Record(0, now, now)
        record.failures += 1
        record.last_at = now
        over = record.failures - self._free
        if over > 0:
            record.paused_until = now + min(self._longest_pause, self._first_pause * (1 << min(over - 1, 16)))
        self._records[client] = record
        while len(self._records) > self._max_clients:
            self._records.popitem(last=False)


def sign_in_throttle() -> Throttle:
    """The throttle of wrong passwords, per address and account."""
    return Throttle(
        free=10,
        first_pause=timedelta(seconds=5),
        longest_pause=timedelta(seconds=60),
        forget_after=timedelta(minutes=15),
    )


def unknown_id_throttle() -> Throttle:
    """The throttle of linked-site keys that name spends and holds that are not their own."""
    return Throttle(
        free=20,
        first_pause=timedelta(seconds=10),
        longest_pause=timedelta(minutes=5),
        forget_after=timedelta(minutes=15),
    )
