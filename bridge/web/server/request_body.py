"""Read request bodies before a thread is taken, within a limit, a deadline and a shared memory budget."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from bridge.domain.errors import BodyTooLarge, MalformedBody, Overloaded, RequestTimedOut
from bridge.web.server.body_limits import KIB, MIB, body_limit, check_body_headers

Receive = Callable[[], Awaitable[dict[str, Any]]]

SMALL_BODY = 64 * KIB
"""Bodies up to this size that arrive at once do not count: the number of waiting requests limits them."""
SLOW_BODY = 4 * KIB
"""Bodies up to this size do not count while they arrive: the number of connections limits them."""
MEMORY = 64 * MIB
"""The most bytes of larger bodies that one process holds."""
DRAIN_BYTES = 4 * MIB
DRAIN_SECONDS = 5.0
"""How much of a refused body is still read, so that the sender gets the response and not a reset."""


class BodyMemory:
    """The memory that all bodies of a process share.

    When it is used up, the body that has been arriving longest is dropped: slow
    senders are dropped, fast ones finish in milliseconds. Used by one event loop
    only.
    """

    def __init__(self, capacity: int = MEMORY) -> None:
        self._capacity = capacity
        self._used = 0
        self._arriving: dict[HeldBody, None] = {}

    @property
    def used(self) -> int:
        """The bytes held now."""
        return self._used

    def hold(self, deadline: asyncio.Timeout) -> HeldBody:
        """Return the record of a body that begins to arrive; it is dropped by ending its deadline."""
        return HeldBody(self, deadline)

    def take(self, body: HeldBody, size: int) -> None:
        """Count more bytes of a body; raises `Overloaded` when only complete bodies fill the memory."""
        self._arriving[body] = None
        self._used += size
        body.size += size
        while self._used > self._capacity:
            slowest = next((each for each in self._arriving if each is not body), None)
            if slowest is None:
                raise Overloaded()
            slowest.is_given_up = True
            if not slowest.deadline.expired():
                slowest.deadline.reschedule(0)
            self.release(slowest)

    def complete(self, body: HeldBody) -> None:
        """Record that a body has arrived; it is not dropped any more."""
        self._arriving.pop(body, None)

    def release(self, body: HeldBody) -> None:
        """Release the bytes of a body; a second call does nothing."""
        self._arriving.pop(body, None)
        self._used -= body.size
        body.size = 0


class HeldBody:
    """The bytes of one body in the shared memory."""

    __slots__ = ("deadline", "is_given_up", "memory", "size")

    def __init__(self, memory: BodyMemory, deadline: asyncio.Timeout) -> None:
        self.memory = memory
        self.deadline = deadline
        self.size = 0
        self.is_given_up = False


class BodyReader:
    """Reads the body of each request of a process."""

    def __init__(self, *, seconds: float, memory: BodyMemory | None = None) -> None:
        self._seconds = seconds
        self._memory = memory or BodyMemory()

    @asynccontextmanager
    async def read(self, method: str, path: str, headers: Mapping[str, str], receive: Receive) -> AsyncIterator[bytes]:
        """Yield the whole body; its memory is held until the block ends.

        Raises `BodyTooLarge`, `UnsupportedBody`, `MalformedBody` for broken
        framing or a sender that left, `RequestTimedOut` and `Overloaded`.
        """
        coding, length = headers.get("transfer-encoding"), headers.get("content-length")
        if coding is None and length in (None, "0"):
            yield b""
            return
        if coding is not None and coding.strip().lower() != "chunked":
            raise MalformedBody("This service accepts no transfer coding but chunked.")
        check_body_headers(path, headers.get("content-type", ""), headers.get("content-encoding", ""))
        limit = body_limit(method, path)
        if length is not None and int(length) > limit:
            raise BodyTooLarge()
        held: HeldBody | None = None
        try:
            try:
                async with asyncio.timeout(self._seconds) as deadline:
                    held = self._memory.hold(deadline)
                    body = await self._collect(receive, limit, held)
            except TimeoutError as error:
                given_up = held is not None and held.is_given_up
                raise (Overloaded() if given_up else RequestTimedOut()) from error
            self._memory.complete(held)
            yield body
        finally:
            if held is not None:
                self._memory.release(held)

    async def _collect(self, receive: Receive, limit: int, held: HeldBody) -> bytes:
        message = await self._next(receive)
        first: bytes = message.get("body", b"")
        if not message.get("more_body", False) and len(first) <= min(limit, SMALL_BODY):
            return first
        # One growing block instead of many parts, so that one block is freed afterwards.
        body = bytearray(first)
        while True:
            if len(body) > limit:
                raise BodyTooLarge()
            if len(body) > SLOW_BODY:
                self._memory.take(held, len(body) - held.size)
            if not message.get("more_body", False):
                return bytes(body)
            message = await self._next(receive)
            body += message.get("body", b"")

    async def _next(self, receive: Receive) -> dict[str, Any]:
        message = await receive()
        if message["type"] != "http.request":
            # The framing is invalid, or the sender disconnected; the bytes so far are not a body.
            raise MalformedBody("The body is incomplete or its framing is invalid.")
        return message


async def drain(receive: Receive, seconds: float = DRAIN_SECONDS) -> None:
    """Read and drop the rest of a refused body, up to a limit; beyond it, the server closes the connection."""
    left = DRAIN_BYTES
    try:
        async with asyncio.timeout(min(seconds, DRAIN_SECONDS)):
            while left > 0:
                message = await receive()
                if message["type"] != "http.request" or not message.get("more_body", False):
                    return
                left -= len(message.get("body", b""))
    except TimeoutError:
        return
