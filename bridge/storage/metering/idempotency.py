"""Answers stored under idempotency keys."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from sqlalchemy import Connection, bindparam, delete

from bridge.domain.metering.idempotency import Answer, Outcome
from bridge.storage.engine.bulk import Writer
from bridge.storage.engine.key_lookup import Seek
from bridge.storage.metering.tables import idempotency_keys

KeyPlace = tuple[int, int, str]
"""The full key: the store, the linked site (0 for the store itself), and the key that the client sent."""

_STATUS = {Outcome.CREATED: 201, Outcome.CHANGED: 200}
"""The numbers in the column `status`."""
_OUTCOMES = {status: outcome for outcome, status in _STATUS.items()}

_KEYS = Seek(
    idempotency_keys,
    ("store_id", "site_id", "key", "fingerprint", "status", "answer"),
    keys=("store_id", "site_id", "key"),
)
_DROP_KEY = delete(idempotency_keys).where(
    idempotency_keys.c.store_id == bindparam("store"),
    idempotency_keys.c.site_id == bindparam("site"),
    idempotency_keys.c.key == bindparam("name"),
)
_INSERT_KEYS = Writer(idempotency_keys, ("store_id", "site_id", "key", "fingerprint", "status", "answer", "created_at"))


def find_answers(connection: Connection, places: Iterable[KeyPlace]) -> dict[KeyPlace, Answer]:
    """Return the answers stored under these keys, in one statement.

    Refusals, which earlier versions stored, are deleted: the request is decided again.
    """
    found: dict[KeyPlace, Answer] = {}
    for *place, fingerprint, status, document in _KEYS.find(connection, set(places)):
        if status in _OUTCOMES:
            store, site, key = place
            found[store, site, key] = Answer(fingerprint, _OUTCOMES[status], document)
        else:
            connection.execute(_DROP_KEY, dict(zip(("store", "site", "name"), place, strict=True)))
    return found


def add_answers(connection: Connection, answers: Mapping[KeyPlace, Answer], *, now: datetime) -> None:
    """Store the answer of each key; raises if a key exists already, which ends the transaction."""
    _INSERT_KEYS.write(
        connection,
        [
            (*place, answer.fingerprint, _STATUS[answer.outcome], answer.document, now)
            for place, answer in answers.items()
        ],
    )
