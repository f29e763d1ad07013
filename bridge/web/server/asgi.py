"""Run the Flask app under an asynchronous server, so that no caller occupies a thread while bytes travel.

A request takes a thread when its body has arrived, and releases it when the
app has responded. The event loop waits for slow senders and slow readers, each
with a deadline.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any

from bridge.domain.errors import (
    BodyTooLarge,
    BridgeError,
    MalformedBody,
    Overloaded,
    RequestTimedOut,
    UnsupportedBody,
)
from bridge.domain.stores.public_address import path_of
from bridge.web.errors import RETRY_AFTER_SECONDS, document_of, is_for_machines, status_of
from bridge.web.server.request_body import BodyReader, Receive, drain
from bridge.web.server.worker_pool import WorkerPool
from bridge.web.server.wsgi_call import Answer, WsgiApp, WsgiCall, read_headers

log = logging.getLogger(__name__)

Scope = dict[str, Any]
Send = Callable[[dict[str, Any]], Awaitable[None]]
OnAnswer = Callable[[str, str, int, float], None]

LARGE_BODY = 512 * 1024
LARGE_AT_ONCE = 4
"""How many larger bodies are processed at once: when parsed, they take many times their size."""
WAITING_PER_THREAD = 8


class AsgiApp:
    """An ASGI application that runs a WSGI application.

    `threads` process requests. One more thread is reserved for `/healthz` and one
    for `/metrics`, which respond however busy the others are. `seconds` is the
    time a caller has to send a body, and to accept each part of a long response.
    `on_answer` receives the route, method and status of each response, and the
    seconds it took from when the body had arrived.
    """

    def __init__(
        self,
        app: WsgiApp,
        *,
        threads: int,
        seconds: float,
        public_url: str = "",
        on_answer: OnAnswer = lambda *_answer: None,
        on_start: Callable[[], None] = lambda: None,
        on_stop: Callable[[], None] = lambda: None,
    ) -> None:
        self._app = app
        self._seconds = seconds
        self._public_url = public_url
        self._base_path = path_of(public_url)
        self._bodies = BodyReader(seconds=seconds)
        self._pool = WorkerPool(threads, threads * WAITING_PER_THREAD, name="request")
        self._reserved = {
            "/healthz": WorkerPool(1, 1024, name="health"),
            "/metrics": WorkerPool(1, 32, name="metrics"),
        }
        self._large = asyncio.Semaphore(LARGE_AT_ONCE)
        self._on_answer = on_answer
        self._on_start = on_start
        self._on_stop = on_stop

    @property
    def in_flight(self) -> int:
        """The requests that run or wait for a thread now."""
        return self._pool.in_flight

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request, or run the lifespan of the server."""
        if scope["type"] == "http":
            await self._answer(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._live(receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        self._on_start()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        self._pool.close()
        for pool in self._reserved.values():
            pool.close()
        self._on_stop()
        await send({"type": "lifespan.shutdown.complete"})

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        path, method = self._own_path(scope["path"]), scope["method"]
        started = time.monotonic()
        try:
            headers = read_headers(scope)
            async with self._bodies.read(method, path, headers, receive) as body:
                started = time.monotonic()
                call = WsgiCall(self._app, scope, headers, body)
                pool = self._reserved.get(path, self._pool)
                if len(body) > LARGE_BODY:
                    async with self._large:
                        answer = await pool.run(call.start)
                else:
                    answer = await pool.run(call.start)
                self._on_answer(call.route, method, answer.status, time.monotonic() - started)
                await self._send(call, answer, send)
        except BridgeError as error:
            refusal = error
        else:
            return
        self._on_answer("", method, status_of(refusal), time.monotonic() - started)
        # Its traceback would keep the body in memory while the response is sent.
        refusal.__traceback__ = refusal.__cause__ = refusal.__context__ = None
        await self._refuse(refusal, path, receive, send)

    def _own_path(self, path: str) -> str:
        """Return the path without the public URL's own path, which a proxy may have kept."""
        base = self._base_path
        return path[len(base) :] if base and path.startswith(f"{base}/") else path

    async def _send(self, call: WsgiCall, answer: Answer, send: Send) -> None:
        await send({"type": "http.response.start", "status": answer.status, "headers": answer.headers})
        if answer.is_complete:
            await send({"type": "http.response.body", "body": answer.body})
            return
        try:
            part = answer.body
            while part:
                # The next part is produced only after the client has accepted this one.
                async with asyncio.timeout(self._seconds):
                    await send({"type": "http.response.body", "body": part, "more_body": True})
                part = await self._pool.run(call.read_on)
            await send({"type": "http.response.body", "body": b""})
        except TimeoutError:
            log.info("a client reading %s was too slow; its connection is closed", call.path)
        except Overloaded:
            log.warning("the response to %s is cut off: too many requests wait", call.path)
        finally:
            await self._close(call)

    async def _close(self, call: WsgiCall) -> None:
        try:
            await self._pool.run(call.close)
        except Overloaded:
            call.close()

    async def _refuse(self, error: BridgeError, path: str, receive: Receive, send: Send) -> None:
        status = status_of(error)
        document = document_of(error)
        document["type"] = f"{self._public_url}{document['type']}"
        if is_for_machines(path):
            kind, body = b"application/problem+json", json.dumps(document).encode()
        else:
            kind, body = b"text/plain; charset=utf-8", f"{document['detail']}\n".encode()
        headers = [(b"content-type", kind), (b"cache-control", b"no-store")]
        headers.append((b"content-length", str(len(body)).encode()))
        if status == 503:
            headers.append((b"retry-after", str(RETRY_AFTER_SECONDS).encode()))
        if isinstance(error, MalformedBody | RequestTimedOut):
            headers.append((b"connection", b"close"))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})
        if isinstance(error, BodyTooLarge | UnsupportedBody):
            await drain(receive, self._seconds)
