"""Run a job's work for all stores in parallel, so that a slow or failing shop delays no other."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from bridge.domain.stores.stores import Store
from bridge.services.shop import health
from schedulers.context import JobContext

T = TypeVar("T")

QUICK_THREADS = 16
SLOW_THREADS = 4
"""Stores whose last run did not finish share these few threads, so that the others do not wait."""
_SHARE = 0.8
"""The share of the interval that one run may take."""


@dataclass(frozen=True, slots=True)
class Slot:
    """The limits of one store in one run: until when by the monotonic clock, and how many requests."""

    deadline: float
    requests: int

    @property
    def seconds(self) -> float:
        """How many seconds are left."""
        return max(0.0, self.deadline - time.monotonic())


def for_each(
    context: JobContext,
    stores: Sequence[Store],
    work: Callable[[Store, Slot], T],
    *,
    every_seconds: float,
    requests: int,
    seconds: float,
) -> list[T]:
    """Run the work for each store and return the results; raises nothing.

    The run ends before the next one is due. A slow store that was not processed by
    then comes first in the next run.
    """
    end = time.monotonic() + every_seconds * _SHARE
    with context.database.reading() as connection:
        quick, slow = health.in_lanes(connection, stores)

    waiting = {store.id for store in slow}

    def turn(store: Store) -> T | None:
        now = time.monotonic()
        if now >= end or not context.may_go_on():
            return None
        if store.id in waiting:
            health.note_try(context.database.transaction, store, now=context.clock())
        return work(store, Slot(min(end, now + seconds), requests))

    with (
        ThreadPoolExecutor(max(1, min(QUICK_THREADS, len(quick))), thread_name_prefix="shop") as fast_pool,
        ThreadPoolExecutor(max(1, min(SLOW_THREADS, len(slow))), thread_name_prefix="slow-shop") as slow_pool,
    ):
        coming: list[Future[T | None]] = [fast_pool.submit(turn, store) for store in quick]
        coming += [slow_pool.submit(turn, store) for store in slow]
        return [done for future in coming if (done := future.result()) is not None]
