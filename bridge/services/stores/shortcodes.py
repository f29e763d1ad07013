"""The shortcode that an owner chose for a store: the default of its usage widget."""

from __future__ import annotations

from datetime import datetime

from bridge.domain.stores.shortcode import Shortcode
from bridge.domain.stores.stores import Store
from bridge.services.stores import changes
from bridge.services.stores.changes import Subject
from bridge.storage.engine.database import Connection
from bridge.storage.stores import stores


def save(connection: Connection, store: Store, wanted: Shortcode, *, actor: str, now: datetime) -> None:
    """Store a shortcode as the store's default, and record the change."""
    stores.touch(connection, store.id)
    before = stores.get(connection, store.id).shortcode
    stores.change(connection, store.id, {"shortcode": wanted.document})
    changes.record(
        connection,
        store.id,
        Subject.STORE,
        "shortcode",
        before=before.document,
        after=wanted.document,
        actor=actor,
        now=now,
    )
