"""Connections to a shop: the permitted addresses, and the data sent with each request."""

from __future__ import annotations

import base64
import hmac
import ipaddress
import json
import logging
from collections.abc import Callable, Mapping
from http.cookiejar import DefaultCookiePolicy
from typing import Any
from urllib.parse import quote, urlsplit

import requests
from oauthlib import oauth1
from requests import PreparedRequest
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase, HTTPBasicAuth
from woocommerce import API

from bridge.clients.woocommerce import answers
from bridge.domain.shop.errors import BadShopAddress

PAGE_HEADERS = {"User-Agent": "TokenBridge", "Accept": "text/html,*/*"}
"""The headers of a request for a page, which is sent without a key."""

_ROUTE_MARK = "&rest_path=/wp-json/wc/"
"""WooCommerce reads keys only where the address has this path in it, also one with the route in the query."""

_Auth = Callable[[PreparedRequest], PreparedRequest]


class ShopApi(API):  # type: ignore[misc]  # the library ships no types
    """The library's client, sending through one session that stays open, to the address that is set.

    The library itself opens a connection for each call, has one path of the API,
    and over plain http signs what it does not send.
    """

    def __init__(self, url: str, consumer_key: str, consumer_secret: str, *, timeout: tuple[float, float]) -> None:
        super().__init__(url, consumer_key, consumer_secret, timeout=timeout, user_agent="TokenBridge")
        self.address = ""
        """The URL of the API; the path of each request is appended."""
        self.session = _open_session()
        self._auth: AuthBase = HTTPBasicAuth(consumer_key, consumer_secret)
        if not self.is_ssl:
            self._auth = OAuth1(consumer_key, consumer_secret)
            # What is meant for this very machine goes to no proxy.
            self.session.trust_env = False

    def _API__request(  # noqa: N802 -- the library's own `__request`, through which all its methods send
        self,
        method: str,
        endpoint: str,
        data: Mapping[str, Any] | None,
        params: Mapping[str, str | int] | None = None,
        **options: Any,
    ) -> requests.Response:
        """Send one request; keys go in the query string only over https, and only where that is set."""
        headers = {"User-Agent": self.user_agent, "Accept": "application/json", "Cache-Control": "no-cache"}
        body = None
        if data is not None:
            headers["Content-Type"] = "application/json;charset=utf-8"
            body = json.dumps(data, ensure_ascii=False).encode()
        sent = dict(params or {})
        auth: _Auth = self._auth
        if self.is_ssl and self.query_string_auth:
            sent |= {"consumer_key": self.consumer_key, "consumer_secret": self.consumer_secret}
            auth = without_keys
        url = f"{self.address}{endpoint}"
        return self.session.request(
            method,
            f"{url}{_ROUTE_MARK}" if "?" in url else url,
            params=sent,
            data=body,
            headers=headers,
            auth=auth,
            timeout=self.timeout,
            **options,
        )


class OAuth1(AuthBase):
    """Signs each request as a shop on plain http asks for it: OAuth 1.0a with one key and no token.

    The address is signed as it is about to be sent, and the signature travels in
    the Authorization header, which WooCommerce reads in the place of the query:
    so no access log contains a key.
    """

    def __init__(self, consumer_key: str, consumer_secret: str) -> None:
        self._signer = _Signer(consumer_key, consumer_secret, signature_method=oauth1.SIGNATURE_HMAC_SHA256)

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        """Return the request with its Authorization header; a JSON body is not part of what is signed."""
        _, headers, _ = self._signer.sign(request.url or "", request.method)  # type: ignore[arg-type]
        request.headers["Authorization"] = headers["Authorization"]
        return request


def without_keys(request: PreparedRequest) -> PreparedRequest:
    """Return the request as it is: without an `auth`, requests takes one from a file of the user."""
    return request


def _sign_with_plain_secret(base: str, signer: oauth1.Client) -> str:
    """Return the signature as WooCommerce computes it, which differs twice from RFC 5849.

    It does not encode the secret, and it signs the address of the home page, to which
    requests with the route in the query go, without the slash at its end.
    """
    method, address, parameters = base.split("&")
    base = "&".join((method, address.removesuffix("%2F"), parameters))
    digest = hmac.digest(f"{signer.client_secret}&".encode(), base.encode(), "sha256")
    return base64.b64encode(digest).decode()


class _Signer(oauth1.Client):
    SIGNATURE_METHODS = {oauth1.SIGNATURE_HMAC_SHA256: _sign_with_plain_secret}  # noqa: RUF012


class _Session(requests.Session):
    """Looks at no redirect, which even one that is not followed makes requests do: it reads all of it, unbounded."""

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """None: there is nowhere to go on to."""
        return None


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
# At DEBUG it logs what it signs, keys and addresses included.
logging.getLogger("oauthlib").setLevel(logging.INFO)


def _open_session() -> requests.Session:
    """Return a session that keeps its connection, follows no redirect and remembers no cookie."""
    session = _Session()
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
