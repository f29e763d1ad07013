"""The connections to a shop: which addresses they may lead to, and the data sent with each request."""

from __future__ import annotations

import base64
import ipaddress
import logging
from http.cookiejar import DefaultCookiePolicy
from typing import Any
from urllib.parse import quote, urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase
from woocommerce import api as library

from bridge.clients.woocommerce import answers
from bridge.domain.shop.errors import BadShopAddress

PAGE_HEADERS = {"User-Agent": "TokenBridge", "Accept": "text/html,*/*"}
"""The headers for the request of a page, to which no key is sent."""


class Session(requests.Session):
    """Looks at no redirect, which even one that is not followed makes requests do: it reads all of it, unbounded."""

    address = ""
    """The URL of the API; the path of each request is appended."""

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """None: there is nowhere to go on to."""
        return None


def _send(*, session: Session, auth: AuthBase | None, url: str, **request: Any) -> requests.Response:
    """Stands in for the library's own `request`, so that each client's connections stay open.

    The session comes with each call, and with it the address of the API and the
    signature that replaces the library's Basic authentication over plain http.
    """
    endpoint = url.partition("/wp-json/wc/v3/")[2]
    request["headers"]["Cache-Control"] = "no-cache"
    # Without an authentication of its own, requests would take one out of a file of the user.
    return session.request(
        url=f"{session.address}{endpoint}", auth=session.auth or auth or (lambda sent: sent), **request
    )


library.request = _send


class _Redacting(logging.Filter):
    """Takes keys out of what the HTTP library logs of addresses."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Keep every record, redacted."""
        record.msg, record.args = answers.redact(record.getMessage()), ()
        # A traceback repeats what the shop sent.
        record.exc_info = None
        return True


for _name in ("urllib3.connectionpool", "urllib3.connection", "urllib3.util.retry", "urllib3.response"):
    logging.getLogger(_name).addFilter(_Redacting())


def open_session() -> Session:
    """Return a session that keeps its connection, follows no redirect and remembers no cookie."""
    session = Session()
    adapter = HTTPAdapter(pool_connections=1, pool_maxsize=1)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    # A visitor's cookie makes the shop think of a visitor; the bridge is none.
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    return session


def spellings(key: str, secret: str) -> tuple[str, ...]:
    """Return the forms in which an answer may echo the keys."""
    plain = (secret, key)
    basic = base64.b64encode(f"{key}:{secret}".encode()).decode()
    return (basic, *plain, *(quote(text, safe="") for text in plain))


def usable(url: str) -> str:
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
