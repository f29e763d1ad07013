"""Ids of rows: ordered by time, and created by the process, so that a batch has them before it writes."""

from __future__ import annotations

import secrets
import threading
import time
from datetime import UTC, datetime

_EPOCH_MS = 1_577_836_800_000
"""1 January 2020: with it 63 bits last until the year 2159."""
_TAIL_BITS = 21
_MOST_MS = 2**42 - 1

_lock = threading.Lock()
_last = -1


def new_ids(count: int) -> list[int]:
    """Return this many new ids, each greater than every id this process created before.

    An id has 42 bits of milliseconds and 21 random bits. Two processes can create
    the same id, about once in two million pairs created in the same millisecond;
    the primary key then refuses it, and the transaction is run again.
    """
    global _last
    moment = _moment()
    with _lock:
        # Random bits only for a new millisecond: within the same one, ids count up.
        fresh = moment > _last
        first = moment + secrets.randbits(_TAIL_BITS) if fresh else _last + 1
        _last = first + count - 1
    return list(range(first, first + count))


def new_id() -> int:
    """Return one new id; see `new_ids`."""
    global _last
    moment = _moment()
    with _lock:
        _last = moment + secrets.randbits(_TAIL_BITS) if moment > _last else _last + 1
        return _last


def first_id_at(moment: datetime) -> int:
    """Return the lowest id that a row created at this moment can have; the highest id for a moment after all ids."""
    return min(max(0, int(moment.timestamp() * 1000) - _EPOCH_MS), _MOST_MS) << _TAIL_BITS


def moment_of(row_id: int) -> datetime:
    """Return the moment at which an id was created, to the millisecond, by the clock of its process."""
    return datetime.fromtimestamp(((row_id >> _TAIL_BITS) + _EPOCH_MS) / 1000, UTC)


def _moment() -> int:
    # A clock before the epoch, as on a machine without a battery, must not make ids count up from the same number.
    return max(0, time.time_ns() // 1_000_000 - _EPOCH_MS) << _TAIL_BITS
