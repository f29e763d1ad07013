"""Idempotency: one answer for each key of a caller."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from bridge.domain.errors import KeyReused


class Outcome(Enum):
    """The effect of a request that succeeded: it created something, or changed what existed."""

    CREATED = "created"
    CHANGED = "changed"


class Answer(NamedTuple):
    """The answer to a request that succeeded, as it is stored under the idempotency key.

    `fingerprint` is the hash of the request. `document` is the JSON text, which
    a repetition returns byte for byte.
    """

    fingerprint: str
    outcome: Outcome
    document: str
    is_replay: bool = False

    def replay(self, fingerprint: str) -> Answer:
        """Return the answer for a repetition; raises `KeyReused` for another request under the same key."""
        if self.fingerprint != fingerprint:
            raise KeyReused()
        return self._replace(is_replay=True)
