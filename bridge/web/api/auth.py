"""The caller of the API: the access key in the Authorization header."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import ParamSpec

from flask import Response, g, request

from bridge.domain.errors import BridgeError, NotSignedIn, SiteKeyRequired, StoreKeyRequired
from bridge.domain.stores.principals import Caller, Principal
from bridge.runtime import runtime
from bridge.services.stores import access_keys
from bridge.web.context import glance, in_transaction, utcnow

P = ParamSpec("P")


def store_key(view: Callable[P, Response]) -> Callable[P, Response]:
    """Let a route be called with a store's access key only."""

    @functools.wraps(view)
    def signed_in(*args: P.args, **kwargs: P.kwargs) -> Response:
        if _sign_in().site_id:
            raise StoreKeyRequired()
        return view(*args, **kwargs)

    signed_in.access = "store"  # type: ignore[attr-defined]
    return signed_in


def site_key(view: Callable[P, Response]) -> Callable[P, Response]:
    """Let a route be called with a linked site's access key only."""

    @functools.wraps(view)
    def signed_in(*args: P.args, **kwargs: P.kwargs) -> Response:
        if not _sign_in().site_id:
            raise SiteKeyRequired()
        return view(*args, **kwargs)

    signed_in.access = "site"  # type: ignore[attr-defined]
    return signed_in


def store_or_site_key(view: Callable[P, Response]) -> Callable[P, Response]:
    """Let a route be called with a store's access key or a linked site's."""

    @functools.wraps(view)
    def signed_in(*args: P.args, **kwargs: P.kwargs) -> Response:
        _sign_in()
        return view(*args, **kwargs)

    signed_in.access = "any"  # type: ignore[attr-defined]
    return signed_in


def caller() -> Caller:
    """Return the caller of this request."""
    found = g.caller
    if not isinstance(found, Caller):
        raise TypeError("this route does not verify the access key: it may only pass on `principal()`")
    return found


def principal() -> Principal:
    """Return the holder of the key, which the group commit or the route's own read may still have to verify."""
    found: Principal = g.caller
    return found


def deferred_auth(view: Callable[P, Response]) -> Callable[P, Response]:
    """Let a route be called with either kind of key, which the group commit verifies.

    Saves the query that each request would begin with. Only for routes that
    do nothing but send one request to the group commit, with `principal()`.
    """
    return _deferred(view, access="any")


def deferred_store_key(view: Callable[P, Response]) -> Callable[P, Response]:
    """Let a route be called with a store's access key only, which the route's own read verifies.

    Only for routes that read nothing but what one service returns for `principal()`.
    """
    return _deferred(view, access="store")


def _deferred(view: Callable[P, Response], *, access: str) -> Callable[P, Response]:
    def check(holder: Principal) -> None:
        if access == "store" and holder.site_id:
            raise StoreKeyRequired()

    @functools.wraps(view)
    def signed_in(*args: P.args, **kwargs: P.kwargs) -> Response:
        now = utcnow()
        found = access_keys.remembered(runtime().database, _bearer(), now=now)
        if found is None:
            check(_sign_in())
            return view(*args, **kwargs)
        g.caller = found
        try:
            check(found)
            return view(*args, **kwargs)
        except BridgeError:
            # An invalid key is reported before any other error of the request.
            _sign_in()
            raise

    signed_in.access = access  # type: ignore[attr-defined]
    return signed_in


def _bearer() -> str:
    scheme, _, key = request.headers.get("Authorization", "").partition(" ")
    if scheme.casefold() != "bearer" or not key.strip():
        raise NotSignedIn("send the access key as Authorization: Bearer <access key>")
    return key.strip()


def _sign_in() -> Caller:
    key = _bearer()
    now = utcnow()
    with glance() as connection:
        found = access_keys.authenticate(connection, key, now=now)
    if found.is_stale:
        in_transaction(lambda connection: access_keys.note_use(connection, found, now=now))
    g.caller = found
    return found
