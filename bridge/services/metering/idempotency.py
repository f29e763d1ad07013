"""Run something once for each idempotency key, outside of the group commit."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from bridge.domain.metering.idempotency import Answer, Outcome
from bridge.domain.stores.principals import Caller
from bridge.rendering.documents import Document, serialize
from bridge.storage.engine.database import Connection
from bridge.storage.metering import idempotency


def once(
    connection: Connection,
    caller: Caller,
    *,
    key: str,
    fingerprint: str,
    create: Callable[[], Document],
    now: datetime,
) -> Answer:
    """Return the document that `create` makes, or the one stored under this key.

    The key and what `create` writes share the transaction: of two requests at
    the same time the database accepts one, and the other, run again, gets the
    stored answer. After an exception of `create` nothing is stored. Raises
    `KeyReused` for a key that was used for another request.
    """
    place = (caller.store_id, caller.site_id, key)
    stored = idempotency.find_answers(connection, [place]).get(place)
    if stored is not None:
        return stored.replay(fingerprint)
    answer = Answer(fingerprint, Outcome.CREATED, serialize(create()))
    idempotency.add_answers(connection, {place: answer}, now=now)
    return answer
