"""Ids for rows: time-ordered, made here, so that a batch knows them before it writes."""

from __future__ import annotations

import secrets
import threading
import time

_EPOCH_MS = 1_577_836_800_000
"""1 January 2020: with it 63 bits last until the year 2159."""
_TAIL_BITS = 21

_lock = threading.Lock()
_last = 0


def new_ids(count: int) -> list[int]:
    """This many fresh ids, each above every id this process made before.

    An id is 42 bits of milliseconds and 21 of chance. Two processes can meet
    in one, about once in two million pairs made in the same millisecond; the
    primary key then refuses it and the transaction is run again.
    """
    global _last
    moment = (time.time_ns() // 1_000_000 - _EPOCH_MS) << _TAIL_BITS
    with _lock:
        first = max(moment + secrets.randbelow(1 << _TAIL_BITS), _last + 1)
        _last = first + count - 1
    return list(range(first, first + count))


def new_id() -> int:
    """One fresh id."""
    return new_ids(1)[0]
