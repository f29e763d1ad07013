"""One shop over HTTP: a request goes out, and a JSON document or one of the shop's faults comes back.

The `woocommerce` library builds the address, the headers and the body. What it
gets wrong is contained here: it opens a connection for each call, looks at no
status, and over plain http signs what it does not send.
"""

from __future__ import annotations

import ipaddress
import json
import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from http.cookiejar import DefaultCookiePolicy
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase
from urllib3.exceptions import HTTPError, InvalidHeader, ReadTimeoutError
from urllib3.util import Retry
from woocommerce import API
from woocommerce import api as library

from bridge.clients import shop_faults
from bridge.clients.oauth import OAuth1
from bridge.domain.errors import ShopUnreachable
from bridge.domain.shop_errors import BadShopAddress, ShopBroken, ShopSilent

RETRIES = 3
MAX_WAIT_SECONDS = 60
"""The longest all waits of one read may take together; a shop that wants more is asked another time."""
BODY_SECONDS = 60
"""The longest an answer may take from its first byte to its last, however slowly the shop drips."""
MAX_BODY_BYTES = 32 * 2**20

log = logging.getLogger(__name__)

_BUSY = frozenset({429, 502, 503, 504})
_CHUNK = 2**16
_RETRY_AFTER = Retry()


@dataclass(frozen=True, slots=True)
class Answer:
    """What the shop sent: the JSON, its headers, and how far its clock is ahead; None where it told no time."""

    document: Any
    headers: Mapping[str, str]
    offset_seconds: int | None


class _Passing(Exception):
    """A fault that may be over in a moment; `wait` is how long the shop asked for, None where it did not say."""

    def __init__(self, fault: ShopUnreachable, wait: int | None = None) -> None:
        super().__init__()
        self.fault = fault
        self.wait = wait


class ShopSession:
    """Connections to one shop, kept open between requests, of which one goes out at a time whoever sends it."""

    def __init__(
        self,
        url: str,
        *,
        consumer_key: str,
        consumer_secret: str,
        timeout: tuple[float, float],
        sleep: Callable[[float], object],
    ) -> None:
        url = _usable(url)
        for key in (consumer_key, consumer_secret):
            if not (key and key.isascii() and key.isprintable()):
                raise BadShopAddress("the consumer key or secret is empty, or holds characters that no key has")
        self._host = urlsplit(url).netloc
        self._sleep = sleep
        self._session = _open_session()
        self._turn = threading.Lock()
        self._api = API(url, consumer_key, consumer_secret, timeout=timeout, user_agent="TokenBridge")
        if not url.startswith("https:"):
            # The library is told to leave the address alone; `_send` then signs what really goes out.
            self._api.is_ssl = True
            self._session.auth = OAuth1(consumer_key, consumer_secret)
            # What is meant for this very machine goes to no proxy.
            self._session.trust_env = False

    def close(self) -> None:
        """Close the connections; the session can be used again."""
        self._session.close()

    def read(self, path: str, params: Mapping[str, str | int] | None = None) -> Answer | None:
        """What the shop has under a path; None where it says that there is no such thing.

        Asked again up to three times where that can help: no connection, or a
        429, 502, 503 or 504. Each time is signed anew, which a retry below
        this floor would not be. `Retry-After` is kept to, or not waited for.
        """
        waited = 0.0
        for attempt in range(RETRIES + 1):
            try:
                with self._turn:
                    return self._request("GET", path, params=params)
            except _Passing as passing:
                wait = 2**attempt if passing.wait is None else passing.wait
                if attempt == RETRIES or waited + wait > MAX_WAIT_SECONDS:
                    raise passing.fault from None
            self._sleep(wait)
            waited += wait
        raise AssertionError("the last attempt returns or raises")

    def write(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        params: Mapping[str, str | int] | None = None,
    ) -> Answer | None:
        """Change something, once: what becomes of a request nobody answered is not known; None as in `read`."""
        try:
            with self._turn:
                return self._request(method, path, body=body, params=params)
        except _Passing as passing:
            raise passing.fault from None

    def _request(
        self,
        method: str,
        path: str,
        *,
        body: Mapping[str, Any] | None = None,
        params: Mapping[str, str | int] | None = None,
    ) -> Answer | None:
        started, status = time.monotonic(), "-"
        sent_at = time.time()
        try:
            call = getattr(self._api, method.lower())
            arguments = {"data": dict(body)} if body is not None else {}
            with call(
                path,
                params=dict(params or {}),
                session=self._session,
                stream=True,
                **arguments,
            ) as response:
                status = str(response.status_code)
                offset = _offset(response.headers.get("Date"), (sent_at + time.time()) / 2)
                return _answer(method, response, _read_body(response), offset)
        except requests.ReadTimeout:
            raise ShopSilent(f"the shop did not answer within {self._api.timeout[1]} seconds") from None
        except requests.RequestException as error:
            fault = ShopSilent(f"the shop could not be reached: {shop_faults.reason_of(error)}")
            if isinstance(error, requests.exceptions.SSLError) or not isinstance(error, requests.ConnectionError):
                raise fault from None
            raise _Passing(fault) from None
        except ReadTimeoutError:
            raise ShopSilent("the shop fell silent in the middle of its answer") from None
        except (HTTPError, OSError):
            # Neither whole nor readable: cut off, or not compressed as it says.
            raise ShopBroken("the shop's answer was cut off or garbled") from None
        finally:
            milliseconds = (time.monotonic() - started) * 1000
            log.debug("%s %s /%s: %s, %.0f ms", method, self._host, path, status, milliseconds)


def _send(*, session: requests.Session, auth: AuthBase, **request: Any) -> requests.Response:
    """Stands in for the library's own `request`, so that each client's connections stay open.

    The session comes with each call, and with it the signature that replaces
    the library's Basic authentication over plain http.
    """
    return session.request(auth=session.auth or auth, **request)


library.request = _send


class _Session(requests.Session):
    """Looks at no redirect, which even one that is not followed makes requests do: it reads all of it, unbounded."""

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """None: there is nowhere to go on to."""
        return None


def _open_session() -> requests.Session:
    session = _Session()
    adapter = HTTPAdapter(pool_connections=1, pool_maxsize=1)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    # A visitor's cookie makes the shop think of a visitor; the bridge is none.
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    return session


def _usable(url: str) -> str:
    """The shop's address as requests start with it; raises `BadShopAddress` where keys must not be sent to it."""
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname, parts.port
    except ValueError:
        raise BadShopAddress("the shop's address is no address") from None
    if parts.scheme not in {"http", "https"} or not host:
        raise BadShopAddress("the shop's address must start with https://")
    if parts.username is not None or parts.query or parts.fragment:
        raise BadShopAddress("the shop's address must be without user, query and fragment")
    if parts.scheme == "http" and not _is_loopback(host):
        raise BadShopAddress("plain http would send what the shop says unencrypted: connect it with https://")
    # Put together again, the scheme is in small letters, which is the only form the library knows.
    return parts.geturl().rstrip("/")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _read_body(response: requests.Response) -> bytes:
    deadline = time.monotonic() + BODY_SECONDS
    body = bytearray()
    # `read1` returns what has come, and so lets the clock be looked at, which waiting for a full chunk does not.
    while chunk := response.raw.read1(_CHUNK, decode_content=True):
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise ShopBroken(f"the shop's answer is longer than {MAX_BODY_BYTES} bytes")
        if time.monotonic() > deadline:
            raise ShopSilent(f"the shop did not finish its answer within {BODY_SECONDS} seconds")
    return bytes(body)


def _answer(method: str, response: requests.Response, body: bytes, offset: int | None) -> Answer | None:
    status = response.status_code
    if 300 <= status < 400:
        raise shop_faults.moved(response.url, response.headers.get("Location", ""))
    document = _parse(body)
    if status < 300:
        if document is None:
            raise shop_faults.not_json(status, response.headers)
        return Answer(document, response.headers, offset)
    code = shop_faults.code_of(document)
    # Updating a webhook that is gone is answered with 400, everything else that is gone with 404.
    if status in {400, 404} and code.endswith("_invalid_id"):
        return None
    wait = _wait_wanted(response.headers.get("Retry-After"))
    fault = shop_faults.fault_of(method, status, code, response.headers, retry_after_seconds=wait)
    if status in _BUSY:
        raise _Passing(fault, wait)
    raise fault


def _parse(body: bytes) -> Any:
    """The JSON of a body whatever type it is announced as; None where it is none."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _wait_wanted(header: str | None) -> int | None:
    if header is None:
        return None
    try:
        return round(_RETRY_AFTER.parse_retry_after(header))
    except (InvalidHeader, ValueError, OverflowError):
        return None


def _offset(header: str | None, now: float) -> int | None:
    try:
        # A Date is cut to the second; on average half of one is missing.
        return round(parsedate_to_datetime(header or "").timestamp() + 0.5 - now)
    except (ValueError, OverflowError):
        return None
