"""The shop on a loopback port: REST, the page that issues keys, and faults."""

from __future__ import annotations

import html
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from fakeshop.model.catalog import Refused
from fakeshop.model.shop import FakeShop
from fakeshop.model.site import error_document
from fakeshop.php import json_bytes
from fakeshop.rest import wc_auth
from fakeshop.rest.api import Rest
from fakeshop.rest.auth import Authenticator, Denied, Request, parse_query
from fakeshop.rest.faults import Fault, Faults, Kind
from fakeshop.rest.responses import Answer

_HTML = "text/html; charset=UTF-8"
_ERROR_PAGE = b"<!DOCTYPE html><html><body><p>There has been a critical error on this website.</p></body></html>"


@dataclass(slots=True)
class Served:
    """A running shop: its address, the faults to come, and its requests as (method, path with query)."""

    shop: FakeShop
    rest: Rest
    faults: Faults = field(default_factory=Faults)
    requests: list[tuple[str, str]] = field(default_factory=list)
    closing: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        """Return the shop's address without a slash at its end."""
        return self.shop.site.url


@contextmanager
def serve(shop: FakeShop, *, port: int = 0, oauth_clock: Callable[[], float] = time.time) -> Iterator[Served]:
    """Serve the shop over real HTTP, on a free port unless one is named; the address becomes the shop's own.

    A request with `X-Forwarded-Proto: https` counts as sent over TLS. OAuth
    timestamps are compared with `oauth_clock`, in seconds.
    """
    rest = Rest(shop, Authenticator(lambda: shop.site.url, oauth_clock))
    served = Served(shop, rest)
    server = ThreadingHTTPServer(("127.0.0.1", port), _handler(served))
    server.daemon_threads = True
    shop.site.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield served
    finally:
        served.closing.set()
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(served: Served) -> type[BaseHTTPRequestHandler]:
    class Handler(_Handler):
        shown = served

    return Handler


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "Apache"
    sys_version = ""
    shown: Served
    skew = timedelta()

    def do_GET(self) -> None:
        self._answer()

    do_POST = do_PUT = do_PATCH = do_DELETE = do_GET  # noqa: N815 -- the names http.server calls

    def log_message(self, *_parts: Any) -> None:
        """Log nothing."""

    def date_time_string(self, timestamp: float | None = None) -> str:
        """Return the shop's clock, not the machine's."""
        return format_datetime(self.shown.shop.now() + self.skew, usegmt=True)

    def _answer(self) -> None:
        served = self.shown
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        served.requests.append((self.command, self.path))
        fault = served.faults.take(self.path)
        self.skew = timedelta(seconds=fault.seconds) if fault and fault.kind is Kind.SKEW else timedelta()
        if fault is not None and self._goes_wrong(fault):
            return
        sickness = served.rest.sickness
        if sickness.seconds:
            served.closing.wait(sickness.seconds)
        if (reply := sickness.reply(self.path)) is not None:
            self._send(*reply)
            return
        parts = urlsplit(self.path)
        if parts.path.startswith("/wc-auth/v1/"):
            self._authorize(parts.path, dict(parse_query(parts.query)))
            return
        headers = {name.casefold(): value for name, value in self.headers.items()}
        sent = Request(self.command, parts.path, parse_query(parts.query), headers, body)
        signed = sickness.signed(sent, self.path)
        parts = urlsplit(sickness.target(self.path))
        request = Request(self.command, parts.path, parse_query(parts.query), headers, body, signed)
        if fault is not None and fault.kind is Kind.SHRINKING:
            served.rest.shrinking = fault.rows
        is_cut = fault is not None and fault.kind is Kind.TRUNCATED
        answer = sickness.answer(request, self._answer_of(request))
        if answer is None:
            self._send(500, [("Content-Type", _HTML)], _ERROR_PAGE)
            return
        self._write(request, answer, is_cut=is_cut)

    def _answer_of(self, request: Request) -> Answer:
        try:
            return self.shown.rest.answer(request)
        except Refused as refused:
            return Answer(400, error_document("rest_invalid_param", str(refused), 400))

    def _write(self, request: Request, answer: Answer, *, is_cut: bool) -> None:
        scheme = "https" if request.is_https else "http"
        home = f"{scheme}{self.shown.url.removeprefix('http')}"
        headers = [
            ("Content-Type", "application/json; charset=UTF-8"),
            *([] if any(name == "Link" for name, _ in answer.headers) else [_api_link(home)]),
            ("Access-Control-Expose-Headers", "X-WP-Total, X-WP-TotalPages, Link"),
            *answer.headers,
            *([("Allow", ", ".join(answer.allow))] if answer.status != 401 else []),
            ("Cache-Control", "no-cache, must-revalidate, max-age=0, no-store, private"),
        ]
        sickness = self.shown.rest.sickness
        body = sickness.before + json_bytes(answer.document) + sickness.after
        self._send(answer.status, headers, body, is_cut=is_cut)

    def _send(self, status: int, headers: list[tuple[str, str]], body: bytes, *, is_cut: bool = False) -> None:
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if is_cut else body)

    def _goes_wrong(self, fault: Fault) -> bool:
        """Send the fault alone, where it does not depend on the answer."""
        match fault.kind:
            case Kind.UNAUTHORIZED:
                denied = Denied("woocommerce_rest_cannot_view", "Sorry, you cannot list resources.")
                self._refuse(401, denied.document)
            case Kind.NOT_FOUND:
                self._send(404, [("Content-Type", _HTML)], b"<html><title>Page not found</title></html>")
            case Kind.TOO_MANY:
                headers = [("Content-Type", _HTML), ("Retry-After", str(fault.seconds))]
                self._send(429, headers, b"<html><h1>Too Many Requests</h1></html>")
            case Kind.ERROR_PAGE:
                self._send(500, [("Content-Type", _HTML)], _ERROR_PAGE)
            case Kind.SILENCE:
                self.shown.closing.wait(fault.seconds)
                self.close_connection = True
            case Kind.REDIRECT:
                self._send(301, [("Location", fault.location)], b"")
            case _:
                return False
        return True

    def _refuse(self, status: int, document: Any) -> None:
        self._send(status, [("Content-Type", "application/json; charset=UTF-8")], json_bytes(document))

    def _authorize(self, path: str, query: dict[str, str]) -> None:
        try:
            if path.rstrip("/") == "/wc-auth/v1/authorize":
                self._send(200, [("Content-Type", _HTML)], wc_auth.page(query).encode())
            elif path.rstrip("/") == "/wc-auth/v1/access_granted":
                self._send(302, [("Location", wc_auth.approve(self.shown.shop, query))], b"")
            else:
                self._send(404, [("Content-Type", _HTML)], b"<html><title>Page not found</title></html>")
        except Refused as refused:
            # The real page says the same in a sentence, with status 401.
            self._send(
                401, [("Content-Type", _HTML)], f"<html><p>Error: {html.escape(str(refused))}.</p></html>".encode()
            )


def _api_link(home: str) -> tuple[str, str]:
    return "Link", f'<{home}/wp-json/>; rel="https://api.w.org/"'
