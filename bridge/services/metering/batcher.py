"""Group commit: one transaction for all requests that wait, and no reply before its commit."""

from __future__ import annotations

import atexit
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from datetime import datetime

from bridge.domain.errors import Overloaded, Unavailable
from bridge.domain.metering.commands import AnyRequest
from bridge.services.metering.execute import Reply, spend_many
from bridge.services.transactions import waiting_at_most
from bridge.storage.engine.database import Database, TryAgain

log = logging.getLogger(__name__)

BATCH = 512
"""The most requests in one transaction: more gain nothing, and hold its locks longer."""
QUEUE = 10_000
"""The most requests that may wait; one more raises `Overloaded`."""
ATTEMPTS = 5
ANSWER_SECONDS = 9.0
"""The longest a caller waits for the database, counted from the moment of the call."""
_GRACE_SECONDS = 3.0
"""The extra time of a batch, so that a caller receives its result."""
_LEAST_SECONDS = 0.5
CLOSE_SECONDS = 30


_GATHERING_SECONDS = 0.0003
_GATHERING_ROUNDS = 8


Observe = Callable[[Sequence[AnyRequest], "Sequence[Reply] | Exception", float], None]
"""Called with the requests of each batch, their replies or the error of all, and the seconds it took."""


class _Waiting:
    """One request, and a lock that its caller waits for.

    The lock is held until the reply is set. The condition of a future costs
    several times as much on both sides, hundreds of times in a batch.
    """

    __slots__ = ("_error", "_lock", "_reply", "deadline", "request")

    def __init__(self, request: AnyRequest, deadline: float) -> None:
        self.request = request
        self.deadline = deadline
        self._reply: Reply | None = None
        self._error: BaseException | None = None
        self._lock = threading.Lock()
        self._lock.acquire()

    @property
    def is_answered(self) -> bool:
        """Return whether there is a reply or an error."""
        return self._reply is not None or self._error is not None

    def answer(self, reply: Reply) -> None:
        """Set the reply, and let the caller go on."""
        self._reply = reply
        self._lock.release()

    def fail(self, error: BaseException) -> None:
        """Set an error, and let the caller go on; does nothing after a reply or an error."""
        if not self.is_answered:
            self._error = error
            self._lock.release()

    def wait(self) -> Reply:
        """Return the reply; raises its error, and `Unavailable` where none came in time."""
        if not self._lock.acquire(timeout=max(0.0, self.deadline + _GRACE_SECONDS - time.monotonic())):
            raise Unavailable()
        self._lock.release()
        if self._reply is None:
            raise self._error or Unavailable()
        return self._reply


class GroupCommit:
    """One writer thread that takes the queue of requests, in one transaction for all that wait.

    There is no timer: an idle service commits a single request at once, a busy
    one commits hundreds together. Safe to call from any thread.
    """

    def __init__(
        self, database: Database, *, clock: Callable[[], datetime], on_batch: Observe = lambda *_batch: None
    ) -> None:
        self._database = database
        self._clock = clock
        self._on_batch = on_batch
        self._waiting: deque[_Waiting] = deque()
        self._changed = threading.Condition()
        self._closing = False
        self._thread: threading.Thread | None = None

    def spend(self, request: AnyRequest) -> Reply:
        """Return the reply to one request, after its commit.

        Raises `Overloaded` when too many wait and `Unavailable` when the
        database could not take it in time: then nothing was charged, unless the
        connection broke during the commit. The same request with the same key
        resolves it.
        """
        return self.spend_all([request])[0]

    def spend_all(self, requests: Sequence[AnyRequest]) -> list[Reply]:
        """Return the replies to several requests, in their order; one that fails does not affect the others."""
        return [waiting.wait() for waiting in self._enqueue(requests)]

    def close(self) -> None:
        """Reply to all requests that wait, then stop; later ones are refused. Runs by itself when the process ends."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join(timeout=CLOSE_SECONDS)
            atexit.unregister(self.close)

    def _enqueue(self, requests: Sequence[AnyRequest]) -> list[_Waiting]:
        deadline = time.monotonic() + ANSWER_SECONDS
        items = [_Waiting(request, deadline) for request in requests]
        with self._changed:
            if self._closing:
                raise Overloaded("The service is stopping; try again in a moment.")
            if len(self._waiting) + len(requests) > QUEUE:
                raise Overloaded()
            # Started on first use and not at import: a server that forks would leave the thread behind.
            if self._thread is None:
                atexit.register(self.close)
                self._thread = threading.Thread(target=self._run, name="group-commit", daemon=True)
                self._thread.start()
            self._waiting.extend(items)
            self._changed.notify()
        return items

    def _run(self) -> None:
        callers = 0
        while batch := self._next_batch(callers):
            try:
                self._commit(batch)
            except BaseException as error:
                # The thread survives a batch that fails, and its callers get the error.
                log.exception("a batch of %d requests failed", len(batch))
                _fail(batch, error)
            callers = len(batch) + len(self._waiting)

    def _next_batch(self, callers: int) -> list[_Waiting]:
        with self._changed:
            while not self._waiting and not self._closing:
                self._changed.wait()
        self._gather(callers)
        with self._changed:
            return [self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))]

    def _gather(self, callers: int) -> None:
        """Wait for the next requests of callers that just got a reply, while more arrive and some are missing.

        Not a timer: after a single request there is nothing to wait for. Without
        it a busy writer takes the first few requests, and the rest wait for
        another commit. `callers` is the number that got a reply last or waited
        meanwhile. With the last batch alone, two halves of the callers would
        alternate for ever.
        """
        seen = 0
        for _ in range(_GATHERING_ROUNDS):
            if not seen < len(self._waiting) < callers:
                return
            seen = len(self._waiting)
            time.sleep(_GATHERING_SECONDS)

    def _commit(self, batch: list[_Waiting]) -> None:
        now = time.monotonic()
        late = [waiting for waiting in batch if waiting.deadline - now < _LEAST_SECONDS]
        if late:
            # Nothing of theirs was tried; the rest need not fail with them.
            error = Unavailable()
            _fail(late, error)
            self._on_batch([waiting.request for waiting in late], error, 0.0)
            batch = [waiting for waiting in batch if not waiting.is_answered]
        if not batch:
            return
        requests = [waiting.request for waiting in batch]
        try:
            # The first to come has waited longest.
            with waiting_at_most(min(waiting.deadline for waiting in batch) - now):
                replies = self._write(requests)
        except Exception as error:
            if len(batch) == 1 or isinstance(error, Unavailable):
                _fail(batch, error)
                self._on_batch(requests, error, time.monotonic() - now)
                return
            log.exception("a batch of %d requests failed; trying each alone", len(batch))
            for item in batch:
                self._commit([item])
            return
        for waiting, reply in zip(batch, replies, strict=True):
            waiting.answer(reply)
        self._on_batch(requests, replies, time.monotonic() - now)

    def _write(self, requests: Sequence[AnyRequest]) -> list[Reply]:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                with self._database.transaction() as connection:
                    return spend_many(connection, requests, now=self._clock())
            except TryAgain:
                if attempt == ATTEMPTS:
                    raise
        raise AssertionError("unreachable")


def _fail(batch: Sequence[_Waiting], error: BaseException) -> None:
    for waiting in batch:
        waiting.fail(error)
