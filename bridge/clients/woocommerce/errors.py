"""Describe failed requests to a shop so that its owner can act.

Messages repeat only a code, a content type, a host and a short redacted excerpt
of the response, because a response may echo the URL, which can contain keys.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any
from urllib.parse import urljoin, urlsplit

from bridge.clients.woocommerce import answers, blockers
from bridge.domain.errors import ShopUnreachable
from bridge.domain.shop.errors import (
    ShopBlocked,
    ShopBroken,
    ShopBusy,
    ShopIgnoresQuery,
    ShopKeysRefused,
    ShopMoved,
    ShopPageBroken,
    ShopRefused,
)

_CODE = re.compile(r"[a-z0-9_-]{1,100}")
_HOST = re.compile(r"[a-z0-9.:-]{1,253}")
_CANNOT = re.compile(r"woocommerce_rest_cannot_[a-z]+")
_NOT_AUTHENTICATED = "woocommerce_rest_authentication"
_SIGNED_SECONDS = 15 * 60
_TOO_HEAVY = frozenset({500, 502, 504, 508, 520, 522, 524})
"""The statuses of a shop in which PHP fails over one document of a page, or over the size of the page."""
_DNS = re.compile(r"name or service not known|no address|name resolution|nodename|getaddrinfo", re.IGNORECASE)


class Hint(Enum):
    """The next attempt after a failure."""

    NONE = 0
    KEYS_UNSEEN = 1
    OTHER_ROOT = 2


@dataclass(frozen=True, slots=True)
class Failure:
    """A request that failed.

    `is_passing` means that the same request may succeed in a moment, `wait` is the
    number of seconds the shop asked for. `has_code` means that WordPress' REST API
    itself responded. `root` is the API path in a redirect.
    """

    fault: ShopUnreachable
    is_passing: bool = False
    wait: int | None = None
    hint: Hint = Hint.NONE
    has_code: bool = False
    root: str = ""


def code_of(document: Any) -> str:
    """Return the code of the shop's own error document; empty for any other document."""
    code = document.get("code") if isinstance(document, dict) else None
    return code if isinstance(code, str) and _CODE.fullmatch(code) else ""


def failure_of(
    method: str,
    status: int,
    code: str,
    headers: Mapping[str, str],
    body: bytes,
    *,
    wait: int | None,
    signed_offset: int | None = None,
) -> Failure:
    """Return the failure for a response with status 400 or more.

    `signed_offset` is how many seconds the shop's clock is ahead, if the request
    was signed with our time; None if it was not.
    """
    # In maintenance mode and similar cases, WordPress sends the page's text in a JSON error document.
    page_fault = None if code and code != blockers.WP_DIE else blockers.fault_of_page(status, headers, body)
    if page_fault is not None:
        page_fault.retry_after_seconds = wait
        return Failure(page_fault, is_passing=status == 503 and isinstance(page_fault, ShopBroken), wait=wait)
    named = f"HTTP {status} {code or answers.type_of(headers)}"
    if status in {401, 403}:
        # A shop that refuses only writing has accepted the signature of the reading before it.
        is_stale = method == "GET" and abs(signed_offset or 0) > _SIGNED_SECONDS
        if code.startswith(_NOT_AUTHENTICATED) and is_stale:
            return Failure(_stale_signature(named, signed_offset or 0), has_code=True)
        refused, hint = _refusal(method, status, code, named)
        return Failure(refused, hint=hint, has_code=bool(code))
    if status == 429:
        return Failure(
            ShopBusy("the shop limits the number of requests (HTTP 429)", retry_after_seconds=wait),
            is_passing=True,
            wait=wait,
        )
    if status == 404:
        return _missing(named, code)
    detail = f"the shop answered {named}"
    if status == 500:
        detail += ": a PHP error in the shop; its host's error log names the plugin"
    kind = ShopPageBroken if status in _TOO_HEAVY else ShopBroken
    if code == "rest_invalid_param":
        kind = ShopIgnoresQuery
    fault = kind(detail, retry_after_seconds=wait)
    return Failure(fault, is_passing=status in {502, 503, 504}, wait=wait, has_code=bool(code))


def not_json(status: int, headers: Mapping[str, str], body: bytes, *, secrets: Collection[str]) -> Failure:
    """Return the failure for a successful response that is not exactly one JSON value."""
    page_fault = blockers.fault_of_page(status, headers, body)
    if page_fault is not None:
        return Failure(page_fault, hint=Hint.OTHER_ROOT if status == 200 else Hint.NONE)
    begins = answers.excerpt(body, secrets=secrets)
    quoted = f'; it begins: "{begins}"' if begins else "; it is empty"
    kind = answers.type_of(headers)
    detail = f"the shop answered HTTP {status} with {kind} that is not JSON or is incomplete{quoted}"
    if answers.is_page(body):
        return Failure(ShopBroken(detail), hint=Hint.OTHER_ROOT)
    return Failure(ShopPageBroken(detail))


def moved(url: str, location: str) -> Failure:
    """Return the failure for a redirect; redirects are not followed, because the keys belong to one address."""
    named = blockers.fault_of_redirect(location)
    if named is not None:
        return Failure(named)
    try:
        here, there = urlsplit(url), urlsplit(urljoin(url, location))
        host = there.hostname or ""
    except ValueError:
        return Failure(ShopMoved())
    if not location or not _HOST.fullmatch(host):
        return Failure(ShopMoved())
    if (here.scheme, there.scheme) == ("http", "https") and here.hostname == host:
        return Failure(ShopMoved(f"the shop redirects from http to https: connect {host} with its https:// address"))
    if (here.scheme, here.netloc.casefold()) == (there.scheme, there.netloc.casefold()):
        return Failure(
            ShopMoved(
                f"the shop redirects to {host}: its REST API is not at the usual path; check Settings, Permalinks in"
                " WordPress, and plugins that rename or redirect /wp-json/"
            ),
            hint=Hint.OTHER_ROOT,
        )
    return Failure(ShopMoved(f"the shop redirects to {host}: connect the shop with that address"))


def other_host(host: str) -> ShopMoved:
    """Return the error for a home page that links to a REST API on another host."""
    shown = host if _HOST.fullmatch(host) else "another host"
    return ShopMoved(
        f"the shop's home page links to a REST API at {shown}, and the keys are not sent to another host: connect the"
        " shop with its real address"
    )


def unreachable(error: BaseException, host: str) -> str:
    """Return why there was no connection to a host, and the remedy."""
    reason = reason_of(error)
    if "certificate" in reason or _is(error, ssl.SSLError):
        return f"{host} could not be reached over TLS: {reason}; the shop's host must repair its certificate or TLS"
    if _DNS.search(reason) or "NameResolution" in reason:
        return f"{host} could not be reached: its name was not found (DNS: {reason}); check the shop's address"
    if "timed out" in reason.casefold() or "Timeout" in reason:
        return f"{host} could not be reached in time ({reason}); check the host and its firewall"
    return f"{host} could not be reached: {reason}"


def reason_of(error: BaseException) -> str:
    """Return the system's reason why there was no connection, without any URL."""
    cause: BaseException | None = error
    name = type(error).__name__
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"its certificate was not accepted: {cause.verify_message}"
        if isinstance(cause, ssl.SSLError) and cause.reason:
            return f"TLS {cause.reason.replace('_', ' ').lower()}"
        # The exceptions of requests are OSErrors too; that says nothing about the cause.
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror
        name = type(cause).__name__
        cause = _inner(cause)
    return name


def _inner(error: BaseException) -> BaseException | None:
    reason = getattr(error.args[0], "reason", None) if error.args else None
    inner = error.__cause__ or error.__context__ or reason
    return inner if isinstance(inner, BaseException) else None


def _is(error: BaseException, kind: type[BaseException]) -> bool:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, kind):
            return True
        cause = _inner(cause)
    return False


def _missing(named: str, code: str) -> Failure:
    if code == "rest_no_route":
        why = "there is no WooCommerce REST API at this address: WordPress responds, but WooCommerce is not active"
    else:
        why = "there is no WooCommerce REST API at this address: the address is wrong, or permalinks are set to plain"
    return Failure(ShopBroken(f"{named}: {why}"), hint=Hint.OTHER_ROOT)


def _stale_signature(named: str, offset: int) -> ShopBroken:
    minutes, side = abs(offset) // 60, "ahead of" if offset > 0 else "behind"
    return ShopBroken(
        f"{named}: the shop's clock is {minutes} minutes {side} the clock of this host, and over plain http it accepts"
        " only requests signed within the last 15 minutes; correct the clock that is wrong"
    )


def _refusal(method: str, status: int, code: str, named: str) -> tuple[ShopRefused, Hint]:
    if code.startswith(_NOT_AUTHENTICATED):
        if method == "GET":
            why = "the consumer secret is wrong, or the key has no read permission"
        else:
            why = "the consumer key has read permission only; it needs read/write"
        return ShopKeysRefused(f"{named}: {why}"), Hint.NONE
    if _CANNOT.fullmatch(code) and status == 401:
        why = (
            "the consumer key is unknown, or the shop does not detect that the request came over https; behind a"
            " proxy, it needs the header X-Forwarded-Proto"
        )
        return ShopKeysRefused(f"{named}: {why}"), Hint.KEYS_UNSEEN
    if _CANNOT.fullmatch(code):
        why = "the user of the consumer key lacks the rights of a shop manager"
        return ShopKeysRefused(f"{named}: {why}"), Hint.NONE
    if code:
        why = "a plugin closes the REST API to visitors; allow the routes wc/v3 in its settings"
        return ShopBlocked(f"{named}: {why}"), Hint.KEYS_UNSEEN if status == 401 else Hint.NONE
    why = (
        "something in front of WooCommerce blocks the request, such as a security plugin, a firewall or a password;"
        " allow this server's address for the path /wp-json/"
    )
    return ShopBlocked(f"{named}: {why}"), Hint.NONE
