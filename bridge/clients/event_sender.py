"""Send events to endpoints, and never into a private network.

Each request opens its own connection to the IP address that was looked up and
checked just before, so a name that resolves differently the second time has no
effect.
"""

from __future__ import annotations

import ipaddress
import re
import socket
import ssl
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

from requests.utils import DEFAULT_CA_BUNDLE_PATH
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, Timeout
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError, ReadTimeoutError, SSLError
from urllib3.util.connection import create_connection

CONNECT_SECONDS = 5
READ_SECONDS = 15
TOTAL_SECONDS = 25
"""The longest time one request may take, however slowly the receiver responds."""
MAX_URL_CHARACTERS = 2000

_IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
# Only these are public addresses: all other IPv6 addresses are local, or contain an IPv4 address
# (::/96, ::ffff:0:0:0/96, 64:ff9b::/96) that could lead to a private network.
_GLOBAL_IPV6 = ipaddress.ip_network("2000::/3")
# 6to4, Teredo and related ranges, documentation.
_REFUSED_IPV6 = tuple(map(ipaddress.ip_network, ("2002::/16", "2001::/23", "2001:db8::/32", "3fff::/20")))
# An interface ID that contains an IPv4 address (ISATAP).
_ISATAP = (0x0000_5EFE, 0x0200_5EFE)
# Python treats these as global, at least in some versions.
_REFUSED_IPV4 = tuple(
    map(
        ipaddress.ip_network,
        ("0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.88.99.0/24", "198.18.0.0/15", "240.0.0.0/4"),
    )
)
_NAME = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*", re.ASCII)


class _Refused(Exception):
    """Events must not be sent to this address."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The result of one request: the HTTP status, None without a response, and the seconds it took."""

    status: int | None
    error: str = ""
    seconds: float = 0.0

    @property
    def is_delivered(self) -> bool:
        """Return whether the receiver accepted the event: any 2xx."""
        return self.status is not None and 200 <= self.status < 300

    @property
    def is_gone(self) -> bool:
        """Return whether the receiver wants no more events: 410."""
        return self.status == 410

    @property
    def is_unreachable(self) -> bool:
        """Return whether the endpoint failed, not just this event: no response, or 429."""
        return self.status is None or self.status == 429


class Receivers:
    """Posts events. A service on a loopback address may also post to loopback, but to no other private address."""

    def __init__(self, *, may_loop: bool) -> None:
        self._may_loop = may_loop

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Send the body once; follow no redirect, read only the status, raise nothing."""
        started = monotonic()
        try:
            status = self._post(url, body, {"content-type": "application/json", "user-agent": "TokenBridge", **headers})
        except (HTTPError, OSError, ValueError, _Refused) as error:
            return Answer(None, _sentence(error), monotonic() - started)
        seconds = monotonic() - started
        if seconds >= TOTAL_SECONDS:
            # A truncated response can look complete.
            return Answer(None, f"no response within {TOTAL_SECONDS} seconds", seconds)
        return Answer(status, "" if 200 <= status < 300 else f"HTTP {status}", seconds)

    def _post(self, url: str, body: bytes, headers: Mapping[str, str]) -> int:
        parts = urlsplit(url)
        options: dict[str, Any] = {
            "timeout": Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS),
            "maxsize": 1,
            "may_loop": self._may_loop,
        }
        pool: HTTPConnectionPool
        if parts.scheme == "https":
            pool = _TlsPool(parts.hostname or "", parts.port or 443, ssl_context=_verifying_tls(), **options)
        else:
            pool = _Pool(parts.hostname or "", parts.port or 80, **options)
        target = parts._replace(scheme="", netloc="", fragment="").geturl() or "/"
        try:
            response = pool.urlopen(
                "POST", target, body=body, headers=headers, redirect=False, retries=False, preload_content=False
            )
            # Only the status counts; closing the response unread also ends an endless one.
            response.close()
            return response.status
        finally:
            pool.close()


def is_loopback(url: str) -> bool:
    """Return whether a URL leads to this machine."""
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        return False
    literal = _literal(host)
    return literal.is_loopback if literal is not None else _is_localhost(host)


def fault_of(url: str, *, may_loop: bool) -> str | None:
    """Return what is wrong with the URL of a receiver; None if it is valid.

    Names are not looked up here; their addresses are checked at each request.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return "this is not a URL"
    if parts.scheme not in {"http", "https"} or not parts.hostname or port == 0:
        return "must begin with https:// or http://"
    if parts.username is not None or parts.password is not None or parts.fragment:
        return "must not have a user, password or fragment"
    if not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
        return "use ASCII characters without spaces; percent-encode other characters, and write host names in Punycode"
    host = parts.hostname.rstrip(".")
    literal = _literal(host)
    if "%" in host:
        return "the host must not contain %"
    if literal is None and not _NAME.fullmatch(host):
        return "this is not a valid host name"
    if literal is None and host.rpartition(".")[2].isdigit():
        return "this is not a valid IP address"
    is_refused = (
        _is_localhost(host) and not may_loop if literal is None else not _is_allowed(literal, may_loop=may_loop)
    )
    return "this is an address in a private network" if is_refused else None


class _Guarded(HTTPConnection):
    """A connection that checks its address before it opens, and closes when its time is up."""

    def __init__(self, *args: Any, may_loop: bool = False, **options: Any) -> None:
        super().__init__(*args, **options)
        self._may_loop = may_loop
        self._alarm: threading.Timer | None = None
        self._twin: socket.socket | None = None

    def _new_conn(self) -> socket.socket:
        try:
            address = _look_up(self.host, self.port, may_loop=self._may_loop)
            options = self.socket_options
            opened = create_connection((address, self.port), self.timeout, socket_options=options)
        except TimeoutError as error:
            raise ConnectTimeoutError(self, "no connection in time") from error
        except OSError as error:
            raise NewConnectionError(self, str(error)) from error
        # The read timeout starts again with each byte; the alarm does not. It uses a duplicate: TLS takes the socket.
        self._twin = opened.dup()
        self._alarm = threading.Timer(TOTAL_SECONDS, _cut, (self._twin,))
        self._alarm.daemon = True
        self._alarm.start()
        return opened

    def close(self) -> None:
        """Close the connection and cancel the alarm."""
        if self._alarm is not None:
            self._alarm.cancel()
        if self._twin is not None:
            self._twin.close()
        super().close()


class _GuardedTls(_Guarded, HTTPSConnection):
    """The same over TLS, verified for the requested host name."""


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Guarded


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _GuardedTls


@cache
def _verifying_tls() -> ssl.SSLContext:
    # Loading the certificate authorities takes a tenth of a second or more, so it is done once.
    context = ssl.create_default_context()
    context.load_verify_locations(DEFAULT_CA_BUNDLE_PATH)
    return context


def _cut(twin: socket.socket) -> None:
    try:
        twin.shutdown(socket.SHUT_RDWR)
    except OSError:
        # The connection was already closed.
        return
    finally:
        twin.close()


def _look_up(host: str, port: int, *, may_loop: bool) -> str:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = [str(entry[4][0]) for entry in found]
    for address in addresses:
        if not _is_allowed(ipaddress.ip_address(address.partition("%")[0]), may_loop=may_loop):
            raise _Refused("the address is in a private network")
    return addresses[0]


def _is_allowed(address: _IPAddress, *, may_loop: bool) -> bool:
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return _is_allowed(address.ipv4_mapped, may_loop=may_loop)
        if address.is_loopback:
            return may_loop
        if address not in _GLOBAL_IPV6 or any(address in network for network in _REFUSED_IPV6):
            return False
        if (int(address) >> 32) & 0xFFFF_FFFF in _ISATAP:
            return False
    elif address.is_loopback:
        return may_loop
    elif any(address in network for network in _REFUSED_IPV4):
        return False
    return address.is_global and not address.is_multicast


def _literal(host: str) -> _IPAddress | None:
    """Return the IP address in a host, in any form that resolvers accept; None for a name."""
    host = host.rstrip(".")
    try:
        return ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        pass
    try:
        # Resolvers also read 127.1, 0x7f000001 and 2130706433 as addresses.
        return ipaddress.IPv4Address(socket.inet_aton(host))
    except (OSError, ValueError):
        return None


def _is_localhost(host: str) -> bool:
    name = host.rstrip(".").casefold()
    return name == "localhost" or name.endswith(".localhost")


def _sentence(error: Exception) -> str:
    match error:
        case _Refused():
            return str(error)
        # It is also a ConnectTimeoutError, so it is checked first.
        case NewConnectionError():
            return f"no connection: {error.__cause__}"[:500]
        case ConnectTimeoutError():
            return f"no connection within {CONNECT_SECONDS} seconds"
        case ReadTimeoutError():
            return f"no response within {READ_SECONDS} seconds"
        case SSLError():
            return f"TLS: {error}"[:500]
    return f"no response: {type(error).__name__}"
