"""Count the unknown ids that a linked site's key requests, in the database, for all processes."""

from __future__ import annotations

from datetime import datetime

from bridge.domain.sites.link_codes import guess_window
from bridge.storage.engine.database import Connection
from bridge.storage.sites import guesses


def count(connection: Connection, key_id: int, *, now: datetime) -> int:
    """Count one more unknown id of a key, and return the count in this quarter of an hour."""
    since = guess_window(now).starts_at
    found = guesses.add(connection, f"site key {key_id}", since=since)
    if found == 1:
        guesses.drop(connection, before=since)
    return found
