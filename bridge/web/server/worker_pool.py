"""The threads that run the app for an event loop, with a bounded queue before them."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from queue import SimpleQueue
from typing import Generic, TypeVar

from bridge.domain.errors import Overloaded

log = logging.getLogger(__name__)

QUEUE_SECONDS = 15
"""The longest time a call waits for a thread; after it, the caller has probably given up."""

R = TypeVar("R")


class _Call(Generic[R]):
    __slots__ = ("error", "function", "future", "queued_at", "result")

    def __init__(self, function: Callable[[], R], future: asyncio.Future[R]) -> None:
        self.function = function
        self.future = future
        self.queued_at = time.monotonic()
        self.result: R | None = None
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            if time.monotonic() - self.queued_at > QUEUE_SECONDS:
                raise Overloaded()
            self.result = self.function()
        except BaseException as error:  # noqa: BLE001 -- raised again where the result is awaited
            self.error = error

    def settle(self) -> None:
        if self.future.done():
            return
        if self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.result)  # type: ignore[arg-type]


class WorkerPool:
    """Up to `threads` threads, with a queue of up to `waiting` calls.

    `run` belongs to one event loop. Threads start when they are first needed.
    Calls that finish together wake the loop once.
    """

    def __init__(self, threads: int, waiting: int, *, name: str) -> None:
        self._size = threads
        self._capacity = threads + waiting
        self._name = name
        self._calls: SimpleQueue[_Call[object] | None] = SimpleQueue()
        self._finished: deque[_Call[object]] = deque()
        self._threads: list[threading.Thread] = []
        self._in_flight = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_waking = False

    @property
    def in_flight(self) -> int:
        """The calls that run or wait now."""
        return self._in_flight

    async def run(self, function: Callable[[], R]) -> R:
        """Return what `function` returns, called in a thread; raises `Overloaded` when too many wait."""
        if self._in_flight >= self._capacity:
            raise Overloaded()
        self._loop = loop = asyncio.get_running_loop()
        self._in_flight += 1
        if self._in_flight > len(self._threads) < self._size:
            self._start_thread()
        call: _Call[R] = _Call(function, loop.create_future())
        self._calls.put(call)  # type: ignore[arg-type]
        return await call.future

    def close(self) -> None:
        """Let the threads finish their calls, and wait for them."""
        for _ in self._threads:
            self._calls.put(None)
        for thread in self._threads:
            thread.join()
        self._threads.clear()

    def _start_thread(self) -> None:
        thread = threading.Thread(target=self._work, name=f"{self._name}-{len(self._threads) + 1}", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _work(self) -> None:
        while (call := self._calls.get()) is not None:
            call.run()
            self._finished.append(call)
            del call
            if not self._is_waking:
                self._is_waking = True
                self._wake()

    def _wake(self) -> None:
        try:
            if self._loop is not None:
                self._loop.call_soon_threadsafe(self._settle)
        except RuntimeError:
            log.warning("a call finished after the server had stopped")

    def _settle(self) -> None:
        self._is_waking = False
        while self._finished:
            self._in_flight -= 1
            self._finished.popleft().settle()
