"""What went wrong with a shop, said in words its owner can act on.

Of what the shop sent, only a code, a type and a host are repeated, and only
where they look like one: an answer may echo the address it was asked under.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Mapping
from typing import Any
from urllib.parse import urljoin, urlsplit

from bridge.domain.errors import ShopUnreachable
from bridge.domain.shop_errors import ShopBroken, ShopBusy, ShopMoved, ShopRefused

_CODE = re.compile(r"[a-z0-9_-]{1,100}")
_TYPE = re.compile(r"[a-z0-9.+-]{1,40}/[a-z0-9.+-]{1,60}")
_HOST = re.compile(r"[a-z0-9.:-]{1,253}")
_CANNOT = re.compile(r"woocommerce_rest_cannot_[a-z]+")


def code_of(document: Any) -> str:
    """The code of the shop's own error document; empty where it is none."""
    code = document.get("code") if isinstance(document, dict) else None
    return code if isinstance(code, str) and _CODE.fullmatch(code) else ""


def fault_of(
    method: str, status: int, code: str, headers: Mapping[str, str], *, retry_after_seconds: int | None
) -> ShopUnreachable:
    """The fault behind an answer of 400 or more."""
    if status in {401, 403}:
        return ShopRefused(f"HTTP {status} {code or _type_of(headers)}: {_refusal(method, status, code)}")
    if status == 429:
        return ShopBusy("the shop asks us to slow down (HTTP 429)", retry_after_seconds=retry_after_seconds)
    if status == 404:
        why = "there is no WooCommerce REST API at this address; the address is wrong, or pretty permalinks are off"
        return ShopBroken(f"HTTP 404 {code or _type_of(headers)}: {why}")
    detail = f"the shop answered HTTP {status} {code or _type_of(headers)}"
    return ShopBroken(detail, retry_after_seconds=retry_after_seconds)


def not_json(status: int, headers: Mapping[str, str]) -> ShopBroken:
    """The fault of an answer that says all is well, and is no JSON."""
    return ShopBroken(f"the shop answered HTTP {status} with {_type_of(headers)} that is no JSON, or only half of it")


def moved(url: str, location: str) -> ShopMoved:
    """The fault of a redirect, which is never followed: the keys are meant for one address."""
    try:
        here, there = urlsplit(url), urlsplit(urljoin(url, location))
        host = there.hostname or ""
    except ValueError:
        return ShopMoved()
    if not location or not _HOST.fullmatch(host):
        return ShopMoved()
    if (here.scheme, there.scheme) == ("http", "https") and here.hostname == host:
        return ShopMoved(f"the shop redirects from http to https: connect {host} with its https:// address")
    return ShopMoved(f"the shop redirects to {host}: connect it with the address it really has")


def reason_of(error: BaseException) -> str:
    """Why there was no connection, in the system's own words; never with an address in it."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"its certificate was not accepted: {cause.verify_message}"
        # What requests raises is an OSError as well, and says nothing by that.
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror
        inner = cause.__cause__ or cause.__context__
        reason = getattr(cause.args[0], "reason", None) if cause.args else None
        cause = inner or (reason if isinstance(reason, BaseException) else None)
    return type(error).__name__


def _refusal(method: str, status: int, code: str) -> str:
    if code.startswith("woocommerce_rest_authentication"):
        if method == "GET":
            return "the consumer secret is wrong, the key may not read, or our clocks are 15 minutes apart"
        return "the consumer key may only read; it needs read and write permission"
    if _CANNOT.fullmatch(code) and status == 401:
        return (
            "the consumer key is unknown, or the shop does not see that the request came over https; behind a proxy"
            " it must be told by X-Forwarded-Proto"
        )
    if _CANNOT.fullmatch(code):
        return "the user the consumer key belongs to lacks the rights of a shop manager"
    return "something in front of WooCommerce keeps the request out, such as a security plugin or a password"


def _type_of(headers: Mapping[str, str]) -> str:
    kind = headers.get("Content-Type", "").partition(";")[0].strip().lower()
    return kind if _TYPE.fullmatch(kind) else "an unknown type"
