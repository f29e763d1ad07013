"""Change the settings of a store that an admin saw and edited, unless one was changed meanwhile."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bridge.rendering.documents import Document
from bridge.rendering.stores import store_document
from bridge.services.stores import settings
from bridge.storage.engine.database import Connection
from bridge.storage.stores import stores


@dataclass(frozen=True, slots=True)
class Edited:
    """A store's settings before and after an edit; `conflicts` names those that were changed meanwhile.

    With a conflict, nothing was changed.
    """

    before: Document
    after: Document
    conflicts: tuple[str, ...] = ()


def save(
    connection: Connection,
    store_id: int,
    wanted: Mapping[str, Any],
    *,
    seen: Mapping[str, Any],
    actor: str,
    now: datetime,
) -> Edited:
    """Save the settings that differ from those that the admin saw, and leave the others as they are.

    `wanted` and `seen` are named as the API names them. Raises `InvalidRequest` with
    each invalid value.
    """
    stores.lock_row(connection, store_id)
    before = store_document(stores.get(connection, store_id))
    changed = {name: value for name, value in wanted.items() if value not in (seen.get(name), before[name])}
    conflicts = tuple(name for name in changed if seen.get(name) != before[name])
    if conflicts or not changed:
        return Edited(before, before, conflicts)
    after = settings.change_settings(connection, store_id, changed, actor=actor, now=now)
    return Edited(before, store_document(after))
