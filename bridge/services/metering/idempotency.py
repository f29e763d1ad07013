"""Doing a thing once for each key, outside the group commit."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from bridge.domain.errors import KeyReused
from bridge.domain.stores.principals import Caller
from bridge.services.metering.documents import Document, written
from bridge.services.metering.execute import Reply
from bridge.storage.engine.database import Connection
from bridge.storage.metering import spends
from bridge.storage.metering.spends import Answered


def once(
    connection: Connection,
    caller: Caller,
    *,
    key: str,
    fingerprint: str,
    act: Callable[[], tuple[int, Document]],
    now: datetime,
) -> Reply:
    """The answer of `act`, or the one given before under this key.

    Key and deed share the transaction: of two that come at once the database
    takes one, and the other, run again, is answered alike. What `act` raises is
    not kept: nothing happened. Raises `KeyReused` where the key was used for
    another request.
    """
    place = (caller.store_id, caller.site_id, key)
    before = spends.find_answers(connection, [place]).get(place)
    if before is not None:
        if before.fingerprint != fingerprint:
            raise KeyReused()
        return Reply(before.status, before.answer, is_replay=True)
    status, document = act()
    answered = Answered(fingerprint, status, written(document))
    spends.add_answers(connection, {place: answered}, now=now)
    return Reply(status, answered.answer)
