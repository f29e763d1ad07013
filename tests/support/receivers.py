"""A receiver of events on loopback: a real HTTP server that stores requests and sends set answers."""

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
    """One received event."""

    headers: dict[str, str]
    body: bytes
    path: str = "/"

    @property
    def id(self) -> str:
        """Return its webhook-id."""
        return self.headers["webhook-id"]

    @property
    def document(self) -> Any:
        """Return its body."""
        return json.loads(self.body)

    def verify(self, secret: str) -> None:
        """Raise unless the reference library accepts its signature under this secret and its time."""
        with time_machine.travel(int(self.headers["webhook-timestamp"]), tick=False):
            Webhook(secret).verify(self.body, self.headers)


@dataclass
class Receiver:
    """A receiver; requests are in `received`, `answer` returns the status for each, None closes without one."""

    answer: Callable[[Received], int | None] = lambda _received: 204
    received: list[Received] = field(default_factory=list)
    port: int = 0
    _server: ThreadingHTTPServer | None = None

    @property
    def url(self) -> str:
        """Return its address."""
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
    """Yield a running receiver."""
    receiver = Receiver()
    receiver.start()
    try:
        yield receiver
    finally:
        receiver.stop()
