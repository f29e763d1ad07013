"""Group commit: whoever waits is written together, and nobody is answered before the commit."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from datetime import datetime

from bridge.domain.asks import AnyAsk
from bridge.domain.errors import Overloaded, Unavailable
from bridge.services.spending import Reply, spend_many
from bridge.storage.database import Database, TryAgain

log = logging.getLogger(__name__)

BATCH = 512
"""The most asks in one transaction: past this a batch gains nothing and its locks are held longer."""
QUEUE = 10_000
"""The most asks that may wait; one more is refused with 503."""
ATTEMPTS = 5
ANSWER_SECONDS = 30


class GroupCommit:
    """One writer thread that drains the queue of asks, one transaction for all that wait.

    There is no timer: an idle service commits a lone ask at once, a busy one
    commits hundreds together. Safe to call from any thread.
    """

    def __init__(self, database: Database, *, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock
        self._waiting: deque[tuple[AnyAsk, Future[Reply]]] = deque()
        self._changed = threading.Condition()
        self._closing = False
        self._thread: threading.Thread | None = None

    def spend(self, ask: AnyAsk) -> Reply:
        """The reply to one ask, once it is durable.

        Raises `Overloaded` when too many wait and `Unavailable` when the
        database could not take it: then nothing was charged, unless the commit
        itself was cut off, which the same key tells.
        """
        return self.spend_all([ask])[0]

    def spend_all(self, asks: Sequence[AnyAsk]) -> list[Reply]:
        """The replies to several asks, in their order; each stands alone."""
        futures = self._enqueue(asks)
        try:
            return [future.result(timeout=ANSWER_SECONDS) for future in futures]
        except TimeoutError as error:
            raise Unavailable() from error

    def close(self) -> None:
        """Answer everyone who waits, then stop; later asks are refused."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join(timeout=ANSWER_SECONDS)

    def _enqueue(self, asks: Sequence[AnyAsk]) -> list[Future[Reply]]:
        futures: list[Future[Reply]] = [Future() for _ in asks]
        with self._changed:
            if self._closing:
                raise Overloaded("The service is stopping; try again in a moment.")
            if len(self._waiting) + len(asks) > QUEUE:
                raise Overloaded()
            # Started on first use and not at import: a server that forks would leave the thread behind.
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="group-commit", daemon=True)
                self._thread.start()
            self._waiting.extend(zip(asks, futures, strict=True))
            self._changed.notify()
        return futures

    def _run(self) -> None:
        while batch := self._next_batch():
            try:
                self._commit(batch)
            except BaseException as error:
                # The thread outlives whatever happens to a batch, and nobody is left waiting.
                log.exception("a batch of %d asks failed", len(batch))
                _fail(batch, error)

    def _next_batch(self) -> list[tuple[AnyAsk, Future[Reply]]]:
        with self._changed:
            while not self._waiting and not self._closing:
                self._changed.wait()
            return [self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))]

    def _commit(self, batch: list[tuple[AnyAsk, Future[Reply]]]) -> None:
        try:
            replies = self._write([ask for ask, _ in batch])
        except Exception as error:
            if len(batch) == 1 or isinstance(error, Unavailable):
                _fail(batch, error)
                return
            log.exception("a batch of %d asks failed; trying each alone", len(batch))
            for item in batch:
                self._commit([item])
            return
        for (_, future), reply in zip(batch, replies, strict=True):
            future.set_result(reply)

    def _write(self, asks: Sequence[AnyAsk]) -> list[Reply]:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                with self._database.transaction() as connection:
                    return spend_many(connection, asks, now=self._clock())
            except TryAgain:
                if attempt == ATTEMPTS:
                    raise
        raise AssertionError("unreachable")


def _fail(batch: Sequence[tuple[AnyAsk, Future[Reply]]], error: BaseException) -> None:
    for _, future in batch:
        if not future.done():
            future.set_exception(error)
