"""Slow down linked-site keys that request spends and holds that are not their own."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import ParamSpec

from flask import Response

from bridge.domain.errors import Unavailable
from bridge.domain.metering.errors import TooManyUnknownIds, UnknownHold, UnknownSpend
from bridge.runtime import runtime
from bridge.services.sites import unknown_ids
from bridge.web.api.auth import principal
from bridge.web.context import in_transaction, utcnow

P = ParamSpec("P")


def slow_guesses(view: Callable[P, Response]) -> Callable[P, Response]:
    """Count unknown ids per linked-site key and answer 429 after too many; a store key is never slowed.

    Place it below the decorator that reads the access key.
    """

    @functools.wraps(view)
    def slowed(*args: P.args, **kwargs: P.kwargs) -> Response:
        who = principal()
        if not who.site_id:
            return view(*args, **kwargs)
        throttle, client = runtime().unknown_ids, str(who.key_id)
        wait = throttle.wait_seconds(client, now=utcnow())
        if wait:
            raise TooManyUnknownIds(retry_after_seconds=wait)
        try:
            return view(*args, **kwargs)
        except (UnknownSpend, UnknownHold):
            throttle.count_failure(client, now=utcnow(), known=_count(who.key_id))
            raise

    return slowed


def _count(key_id: int) -> int:
    """Count an unknown id for all processes; 0 if the database accepts no writes and each process counts alone."""
    now = utcnow()
    try:
        return in_transaction(lambda connection: unknown_ids.count(connection, key_id, now=now))
    except Unavailable:
        return 0
