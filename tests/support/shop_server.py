"""A shop on loopback: a real HTTP server with set answers, recorded ones or faulty ones."""

from __future__ import annotations

import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

KEY = "ck_1111111111111111111111111111111111111111"
SECRET = "cs_2222222222222222222222222222222222222222"

_RECORDINGS = Path(__file__).resolve().parent.parent / "recordings" / "rest"


@dataclass(frozen=True)
class ReceivedRequest:
    """One received request; `connection` is its source port."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    connection: int

    @property
    def path(self) -> str:
        """Return the path below `/wp-json/wc/v3/`."""
        return urlsplit(self.target).path.removeprefix("/wp-json/wc/v3/")

    @property
    def params(self) -> dict[str, str]:
        """Return the query as PHP reads it: the last of two parameters with one name."""
        query = parse_qs(urlsplit(self.target).query, keep_blank_values=True)
        return {name: values[-1] for name, values in query.items()}


@dataclass(frozen=True)
class Reply:
    """An answer: whole, unless `length` announces more; a `body` that is not bytes is sent as JSON."""

    body: Any = b""
    status: int = 200
    headers: tuple[tuple[str, str], ...] = (("Content-Type", "application/json; charset=UTF-8"),)
    length: int | None = None

    @property
    def octets(self) -> bytes:
        """Return the body as it is sent."""
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


def recorded(name: str) -> Reply:
    """Return the real shop's recorded answer."""
    response = json.loads((_RECORDINGS / f"{name}.json").read_text())["response"]
    return Reply(response["body"], response["status"], tuple((key, value) for key, value in response["headers"]))


def listed(*ids: int, total: int | None = None, pages: int = 1) -> Reply:
    """Return a page of documents that have an id and nothing else."""
    count = ("X-WP-Total", str(len(ids) if total is None else total))
    return Reply([{"id": number} for number in ids], headers=(count, ("X-WP-TotalPages", str(pages))))


Answering = Callable[[ReceivedRequest], "Reply | Callable[[Any], None]"]
"""An answer to a request: a reply, or a function that writes to the open connection itself."""


@dataclass
class ShopServer:
    """A shop; its requests are in `asked`; `replies` are used up first, then `answer` is called."""

    answer: Answering = lambda _asked: Reply({"id": 1})
    replies: list[Any] = field(default_factory=list)
    asked: list[ReceivedRequest] = field(default_factory=list)
    url: str = ""
    ahead_seconds: int = 0
    """How far its clock is ahead."""

    def next(self, asked: ReceivedRequest) -> Any:
        """Return the answer to this request."""
        self.asked.append(asked)
        return self.replies.pop(0) if self.replies else self.answer(asked)


@contextmanager
def shop_serving(*, certificate: Path | None = None) -> Iterator[ShopServer]:
    """Yield a shop on a free port, with a certificate over https."""
    shop = ShopServer()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            length = int(self.headers.get("content-length") or 0)
            headers = {name.lower(): value for name, value in self.headers.items()}
            body = self.rfile.read(length)
            reply = shop.next(ReceivedRequest(self.command, self.path, headers, body, self.client_address[1]))
            if not isinstance(reply, Reply):
                self.close_connection = True
                reply(self.wfile)
                return
            self.send_response(reply.status)
            for name, value in reply.headers:
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(reply.octets) if reply.length is None else reply.length))
            self.end_headers()
            self.wfile.write(reply.octets)
            self.close_connection = self.close_connection or reply.length is not None

        do_POST = do_PUT = do_DELETE = do_GET

        def date_time_string(self, timestamp: float | None = None) -> str:
            return super().date_time_string((timestamp or time.time()) + shop.ahead_seconds)

        def log_message(self, *_parts: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.handle_error = lambda *_request: None  # type: ignore[method-assign]
    scheme = "http"
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        scheme = "https"
    shop.url = f"{scheme}://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield shop
    server.shutdown()
    server.server_close()
    thread.join()
