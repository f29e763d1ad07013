"""One call of a WSGI app: the environment of a request, and its response in parts."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextvars import copy_context
from dataclasses import dataclass
from io import BytesIO
from typing import Any
from urllib.parse import unquote_to_bytes

from bridge.domain.errors import MalformedBody
from bridge.web.server.routes import ROUTE

WsgiApp = Callable[..., Iterable[bytes]]
Headers = dict[str, str]

PART_BYTES = 256 * 1024
"""Responses up to this size are sent whole; longer ones in parts of about this size."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The status and headers of a response, with its body or the first part of it."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes
    is_complete: bool


def read_headers(scope: dict[str, Any]) -> Headers:
    """Return the headers by their lower-case names; repeated names are joined.

    Names with an underscore are dropped: in a WSGI environment they look like
    those with a dash. Raises `MalformedBody` for a request without exactly one
    host, or with a target that is not a path.
    """
    headers: Headers = {}
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        if "_" in name:
            continue
        if name not in headers:
            headers[name] = value
        elif name == "host":
            raise MalformedBody("The request names more than one host.")
        elif name != "content-length":
            headers[name] = f"{headers[name]}{'; ' if name == 'cookie' else ','}{value}"
    # granian passes a missing host as an empty one.
    if not headers.get("host") and scope["http_version"] == "1.1":
        raise MalformedBody("The request names no host.")
    if not scope["path"].startswith("/"):
        raise MalformedBody("The target of the request is not a path.")
    return headers


class WsgiCall:
    """A request on its way through a WSGI app. Each method runs in a thread, one at a time."""

    def __init__(self, app: WsgiApp, scope: dict[str, Any], headers: Headers, body: bytes) -> None:
        self.path: str = scope["path"]
        self.route = ""
        """The template of the route that matched, once the app was called; empty where none did."""
        self._app = app
        self._scope = scope
        self._headers = headers
        self._body = body
        self._context = copy_context()
        self._status = 500
        self._answer_headers: list[tuple[bytes, bytes]] = []
        self._parts: Iterator[bytes] = iter(())
        self._result: Iterable[bytes] = ()

    def start(self) -> Answer:
        """Run the app to the end of its response, or until the first part is complete."""
        return self._context.run(self._start)

    def read_on(self) -> bytes:
        """Return the next part; empty at the end."""
        return self._context.run(self._next_part)

    def close(self) -> None:
        """Let the app release the resources of its response; a second call does nothing."""
        self._context.run(self._close)

    def _close(self) -> None:
        result, self._result = self._result, ()
        if hasattr(result, "close"):
            result.close()

    def _start(self) -> Answer:
        environ = self._environ()
        self._result = self._app(environ, self._start_response)
        self.route = environ.get(ROUTE, "")
        self._body = b""
        self._parts = iter(self._result)
        try:
            body = self._next_part()
        except BaseException:
            self._close()
            raise
        is_complete = len(body) < PART_BYTES
        if is_complete:
            self._close()
        return Answer(self._status, self._answer_headers, body, is_complete)

    def _next_part(self) -> bytes:
        parts: list[bytes] = []
        size = 0
        for part in self._parts:
            parts.append(part)
            size += len(part)
            if size >= PART_BYTES:
                break
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _start_response(self, status: str, headers: list[tuple[str, str]], _exc_info: Any = None) -> None:
        self._status = int(status[:3])
        self._answer_headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]

    def _environ(self) -> dict[str, Any]:
        scope = self._scope
        raw_path: bytes = scope.get("raw_path") or scope["path"].encode()
        query: bytes = scope["query_string"]
        client, server = scope.get("client") or ("", 0), scope.get("server") or ("127.0.0.1", 0)
        environ: dict[str, Any] = {
            "REQUEST_METHOD": scope["method"],
            "SCRIPT_NAME": "",
            "PATH_INFO": unquote_to_bytes(raw_path.partition(b"?")[0]).decode("latin-1"),
            "QUERY_STRING": query.decode("latin-1"),
            "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
            "SERVER_NAME": server[0],
            "SERVER_PORT": str(server[1]),
            "REMOTE_ADDR": client[0],
            "REMOTE_PORT": str(client[1]),
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": scope["scheme"],
            "wsgi.input": BytesIO(self._body),
            "wsgi.input_terminated": True,
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": True,
            "wsgi.multiprocess": True,
            "wsgi.run_once": False,
        }
        for name, value in self._headers.items():
            if name not in {"content-length", "content-type", "transfer-encoding"}:
                environ[f"HTTP_{name.upper().replace('-', '_')}"] = value
        if "content-type" in self._headers:
            environ["CONTENT_TYPE"] = self._headers["content-type"]
        # The app always reads a body of known length, whatever the framing of the request.
        if self._body or "content-length" in self._headers or "transfer-encoding" in self._headers:
            environ["CONTENT_LENGTH"] = str(len(self._body))
        return environ
