"""The shop's requests to others: real HTTP, to this machine only."""

from __future__ import annotations

import http.client
from collections.abc import Callable, Sequence
from typing import Any, Protocol
from urllib.parse import urljoin, urlsplit

Headers = Sequence[tuple[str, str]]
Send = Callable[[str, Headers, bytes], int]
"""A function that POSTs a body with exactly these headers and returns the status, or raises `OSError`."""

DELIVERY_TIMEOUT_SECONDS = 60
PING_TIMEOUT_SECONDS = 5
_REDIRECTS = frozenset({300, 301, 302, 303, 307, 308})
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


class Client(Protocol):
    """A client that can POST in process, such as Flask's test client."""

    def post(self, path: str, *, data: bytes, headers: list[tuple[str, str]]) -> Any:
        """Return the response, with a `status_code`."""


def send_into(client: Client) -> Send:
    """Return a sender into an app of this process, whatever the host of the address."""

    def send(url: str, headers: Headers, body: bytes) -> int:
        parts = urlsplit(url)
        path = parts.path + (f"?{parts.query}" if parts.query else "")
        return int(client.post(path, data=body, headers=list(headers)).status_code)

    return send


def send_over_http(url: str, headers: Headers, body: bytes) -> int:
    """Send as WordPress does: it does not follow a delivery's redirect, and follows a ping's up to five times.

    Raises `OSError` where no answer comes in time, `ValueError` for an address
    outside this machine.
    """
    is_ping = ("Content-Type", "application/x-www-form-urlencoded") in headers
    timeout = PING_TIMEOUT_SECONDS if is_ping else DELIVERY_TIMEOUT_SECONDS
    method = "POST"
    for _ in range(6):
        status, location = _exchange(method, url, headers, body, timeout=timeout)
        if not (is_ping and status in _REDIRECTS and location):
            return status
        # 302 and 303 become a GET that still carries the body.
        method = "GET" if status in (302, 303) else method
        url = urljoin(url, location)
    raise OSError("too many redirects")


def _exchange(method: str, url: str, headers: Headers, body: bytes, *, timeout: float) -> tuple[int, str | None]:
    parts = urlsplit(url)
    if parts.scheme != "http" or parts.hostname not in _LOOPBACK:
        raise ValueError(f"the fake shop sends to this machine over http only, not to {url}")
    connection = http.client.HTTPConnection(parts.hostname, parts.port or 80, timeout=timeout)
    try:
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        for name, value in headers:
            connection.putheader(name, parts.netloc if name == "Host" else value)
        connection.endheaders(body)
        response = connection.getresponse()
        response.read()
        return response.status, response.getheader("Location")
    except http.client.HTTPException as error:
        raise OSError(f"no proper answer: {error}") from error
    finally:
        connection.close()
