"""Authentication with consumer keys as in WooCommerce 10.9.1; over plain HTTP only OAuth 1.0a."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from fakeshop.model.catalog import ApiKey
from fakeshop.model.site import Document, error_document

_READING = frozenset({"GET", "HEAD", "OPTIONS"})
_HASHES = {"HMAC-SHA1": hashlib.sha1, "HMAC-SHA256": hashlib.sha256}
_OAUTH = ("oauth_timestamp", "oauth_nonce", "oauth_signature", "oauth_signature_method")
_WINDOW_SECONDS = 15 * 60


@dataclass(frozen=True, slots=True)
class Request:
    """One request as the REST API reads it; header names are in lower case.

    `signed` is the request as it was sent, where its path was another.
    """

    method: str
    path: str
    query: list[tuple[str, str]]
    headers: Mapping[str, str]
    body: bytes = b""
    signed: Request | None = None

    @property
    def is_https(self) -> bool:
        """Return whether WordPress treats the request as sent over TLS."""
        return self.headers.get("x-forwarded-proto", "").casefold() == "https"

    def value(self, name: str) -> str | None:
        """Return the last value of a query parameter."""
        return next((value for key, value in reversed(self.query) if key == name), None)


class Denied(Exception):
    """A request refused before it is handled; `document` is the answer."""

    def __init__(self, code: str, message: str, status: int = 401) -> None:
        """Create a refusal with WordPress's code, sentence and status."""
        super().__init__(message)
        self.status = status
        self.document: Document = error_document(code, message, status)


@dataclass(slots=True)
class Authenticator:
    """The lookup of the key of a request; it remembers the nonces used."""

    url: Callable[[], str]
    clock: Callable[[], float]
    seen: set[tuple[str, str, str]] = field(default_factory=set)

    def key_of(self, request: Request, keys: Mapping[str, ApiKey]) -> ApiKey | None:
        """Return the key, if it may do this; None without a key. Raises `Denied` for a misused key."""
        key = self._over_tls(request, keys) if request.is_https else self._over_plain_http(request, keys)
        if key is None:
            return None
        wanted = "read" if request.method in _READING else "write"
        if wanted not in key.permissions.split("_"):
            raise _failed(f"The API key provided does not have {wanted} permissions.")
        return key

    def _over_tls(self, request: Request, keys: Mapping[str, ApiKey]) -> ApiKey | None:
        name, secret = request.value("consumer_key"), request.value("consumer_secret")
        if not name or not secret:
            name, secret = _basic(request.headers.get("authorization", ""))
        key = keys.get(name)
        if key is not None and not hmac.compare_digest(key.consumer_secret.encode(), secret.encode()):
            raise _failed("Consumer secret is invalid.")
        return key

    def _over_plain_http(self, request: Request, keys: Mapping[str, ApiKey]) -> ApiKey | None:
        parameters = _oauth_parameters(request)
        if "oauth_consumer_key" not in parameters:
            return None
        if missing := [name for name in _OAUTH if not parameters.get(name)]:
            raise Denied(
                "woocommerce_rest_authentication_missing_parameter",
                f"Missing OAuth parameter {', '.join(missing)}",
            )
        key = keys.get(parameters["oauth_consumer_key"])
        if key is None:
            raise _failed("Consumer key is invalid.")
        self._check_signature(request, parameters, key)
        self._check_freshness(parameters)
        return key

    def _check_signature(self, request: Request, parameters: Mapping[str, str], key: ApiKey) -> None:
        method = _HASHES.get(parameters["oauth_signature_method"].upper())
        if method is None:
            raise _failed("Invalid signature - signature method is invalid.")
        others = [(name, value) for name, value in request.query if not name.startswith("oauth_")]
        signed = others + [(name, value) for name, value in parameters.items() if name != "oauth_signature"]
        pairs = sorted((quote(name, safe="~"), quote(value, safe="~")) for name, value in signed)
        # The home page's address is signed without the slash at its end.
        address = (self.url() + urlsplit(request.path).path).removesuffix("/")
        text = "&".join(f"{name}={value}" for name, value in pairs)
        base = "&".join(quote(part, safe="~") for part in (request.method, address, text))
        digest = hmac.new(f"{key.consumer_secret}&".encode(), base.encode(), method).digest()
        if not hmac.compare_digest(base64.b64encode(digest), parameters["oauth_signature"].encode()):
            raise _failed("Invalid signature - provided signature does not match.")

    def _check_freshness(self, parameters: Mapping[str, str]) -> None:
        stamp = parameters["oauth_timestamp"]
        if not stamp.isdecimal() or abs(self.clock() - int(stamp)) > _WINDOW_SECONDS:
            raise _failed("Invalid timestamp.")
        use = (parameters["oauth_consumer_key"], stamp, parameters["oauth_nonce"])
        if use in self.seen:
            raise _failed("Invalid nonce - nonce has already been used.")
        self.seen.add(use)


def _failed(message: str) -> Denied:
    return Denied("woocommerce_rest_authentication_error", message)


def _basic(header: str) -> tuple[str, str]:
    scheme, _, rest = header.partition(" ")
    if scheme.casefold() != "basic":
        return "", ""
    try:
        name, _, secret = base64.b64decode(rest, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return name, secret


def _oauth_parameters(request: Request) -> dict[str, str]:
    """Return the OAuth parameters of the query string or of an `Authorization: OAuth` header."""
    parameters = {name: value for name, value in request.query if name.startswith("oauth_")}
    scheme, _, rest = request.headers.get("authorization", "").partition(" ")
    if not parameters and scheme.casefold() == "oauth":
        pairs = (part.strip().partition("=") for part in rest.split(","))
        parameters = {name: unquote(value.strip('"')) for name, _, value in pairs if name.startswith("oauth_")}
    return parameters


def parse_query(query: str) -> list[tuple[str, str]]:
    """Return the parameters of a query string, in order, empty ones too."""
    return parse_qsl(query, keep_blank_values=True)
