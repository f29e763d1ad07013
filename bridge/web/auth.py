"""Who calls the API: the access key in the Authorization header."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import ParamSpec

from flask import Response, g, request

from bridge.domain.callers import Caller
from bridge.domain.errors import NotSignedIn
from bridge.services import stores
from bridge.web.context import in_transaction, reading, utcnow

P = ParamSpec("P")


def store_key(view: Callable[P, Response]) -> Callable[P, Response]:
    """Let a route be called with a store's access key only."""

    @functools.wraps(view)
    def signed_in(*args: P.args, **kwargs: P.kwargs) -> Response:
        scheme, _, key = request.headers.get("Authorization", "").partition(" ")
        if scheme.casefold() != "bearer" or not key.strip():
            raise NotSignedIn("send the access key as Authorization: Bearer <access key>")
        now = utcnow()
        with reading() as connection:
            caller = stores.authenticate(connection, key.strip(), now=now)
        if caller.is_stale:
            in_transaction(lambda connection: stores.note_key_use(connection, caller, now=now))
        g.caller = caller
        return view(*args, **kwargs)

    return signed_in


def caller() -> Caller:
    """Who sent this request."""
    found: Caller = g.caller
    return found
