"""A receiver of events on loopback: a real HTTP server that keeps what it was sent, and answers as told."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import time_machine
from standardwebhooks import Webhook


@dataclass(frozen=True)
class Received:
    """One event as it came in."""

    headers: dict[str, str]
    body: bytes
    path: str = "/"

    @property
    def id(self) -> str:
        """Its webhook-id."""
        return self.headers["webhook-id"]

    @property
    def document(self) -> Any:
        """Its body."""
        return json.loads(self.body)

    def verify(self, secret: str) -> None:
        """Raise unless the reference library finds it signed with this secret, at the time it was sent."""
        with time_machine.travel(int(self.headers["webhook-timestamp"]), tick=False):
            Webhook(secret).verify(self.body, self.headers)


@dataclass
class Receiver:
    """Keeps what it gets in `received`; `answer` says the status for each, None hangs up without one."""

    answer: Callable[[Received], int | None] = lambda _received: 204
    received: list[Received] = field(default_factory=list)
    port: int = 0
    _server: ThreadingHTTPServer | None = None

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}/hook?shop=1"

    def start(self) -> None:
        """Listen, on the same port as before."""
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                received = Received({name.lower(): value for name, value in self.headers.items()}, body, self.path)
                status = receiver.answer(received)
                if status is None:
                    self.close_connection = True
                    return
                receiver.received.append(received)
                self.send_response(status)
                self.send_header("location", "http://127.0.0.1:1/elsewhere")
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_parts: Any) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def stop(self) -> None:
        """Refuse connections from now on."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None


@contextmanager
def receiver_running() -> Iterator[Receiver]:
    """A receiver that is up."""
    receiver = Receiver()
    receiver.start()
    try:
        yield receiver
    finally:
        receiver.stop()
