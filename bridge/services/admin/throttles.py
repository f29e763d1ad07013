"""Throttles: counts of failures per client, and the pause that follows too many of them."""

from __future__ import annotations

import hashlib
import math
import threading
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta

from bridge.domain.accounts.accounts import normalize_email

MAX_EMAIL = 320
_FIRST_PAUSE = timedelta(seconds=5)
_LONGEST_PAUSE = timedelta(seconds=60)
_MEMORY = timedelta(minutes=15)
MAX_CLIENTS = 10_000
"""How many clients one throttle stores; beyond it, the one unused for longest is dropped."""


@dataclass(slots=True)
class _Record:
    failures: int
    last_at: datetime
    paused_until: datetime | None = None

    def follow(self, now: datetime) -> None:
        """If the clock was set back, move a pause to `now`, so that it does not last longer than planned."""
        back = self.last_at - now
        if back > timedelta():
            self.last_at = now
            if self.paused_until is not None:
                self.paused_until -= back


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

    def count_failure(self, client: str, *, now: datetime, known: int = 0) -> None:
        """Count one failure of this client, which is at least the `known`th of all processes together."""
        with self._lock:
            self._count(client, now, known)

    def clear(self, client: str) -> None:
        """Forget the failures of this client."""
        with self._lock:
            self._records.pop(client, None)

    def __len__(self) -> int:
        """Return how many clients are stored."""
        return len(self._records)

    def _wait(self, client: str, now: datetime) -> int:
        record = self._records.get(client)
        if record is None:
            return 0
        record.follow(now)
        if record.paused_until is None or record.paused_until <= now:
            return 0
        return max(1, math.ceil((record.paused_until - now).total_seconds()))

    def _count(self, client: str, now: datetime, known: int = 0) -> None:
        record = self._records.pop(client, None)
        if record is not None:
            record.follow(now)
        if record is None or now - record.last_at >= self._forget_after:
            record = _Record(0, now)
        record.failures = max(record.failures + 1, known)
        record.last_at = now
        over = record.failures - self._free
        if over > 0:
            record.paused_until = now + min(self._longest_pause, self._first_pause * (1 << min(over - 1, 16)))
        self._records[client] = record
        while len(self._records) > self._max_clients:
            self._records.popitem(last=False)


@dataclass(frozen=True, slots=True)
class Client:
    """The client of a sign-in: an address, or a browser that signed in to this account before."""

    name: str
    is_known: bool = False


class SignInThrottles:
    """Slows down wrong passwords per client and account, and per address whatever the account.

    A browser that signed in before is its own client, whatever its address, so that
    an attacker with the same address does not block it. No account is ever locked
    for everyone.
    """

    def __init__(self) -> None:
        self._pairs = Throttle(free=10, first_pause=_FIRST_PAUSE, longest_pause=_LONGEST_PAUSE, forget_after=_MEMORY)
        self._clients = Throttle(free=100, first_pause=_FIRST_PAUSE, longest_pause=_LONGEST_PAUSE, forget_after=_MEMORY)

    def begin(self, client: Client, email: str, *, now: datetime) -> int:
        """Count an attempt as failed before it is made; return the seconds to wait if it must not be made yet."""
        wait = 0 if client.is_known else self._clients.wait_seconds(client.name, now=now)
        wait = wait or self._pairs.begin(_pair(client, email), now=now)
        if not wait and not client.is_known:
            self._clients.count_failure(client.name, now=now)
        return wait

    def clear(self, client: Client, email: str) -> None:
        """Forget the failures of this client with this account: the password was right."""
        self._pairs.clear(_pair(client, email))


def _pair(client: Client, email: str) -> str:
    text = f"{client.name}\0{normalize_email(email[:MAX_EMAIL])}"
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def unknown_id_throttle() -> Throttle:
    """Return the throttle of linked-site keys that request spends and holds that are not their own."""
    return Throttle(
        free=20,
        first_pause=timedelta(seconds=10),
        longest_pause=timedelta(minutes=5),
        forget_after=timedelta(minutes=15),
    )
