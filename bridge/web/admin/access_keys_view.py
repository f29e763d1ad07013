"""The view of a store's access keys."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from bridge.domain.stores.stores import Store
from bridge.services.stores import access_keys
from bridge.storage.engine.database import Connection
from bridge.web.admin.key_examples import list_examples
from bridge.web.admin.navigation import count_exceptions
from bridge.web.api.samples import Sample
from bridge.web.i18n.formatting import LocalTime, local_time, zone_name

GRACES = {1: "1 hour", 24: "1 day", 168: "7 days", 0: "Not at all"}
"""How many hours a replaced key keeps working, in words."""


@dataclass(frozen=True, slots=True)
class KeyRow:
    """An access key; only its prefix is shown. `ends` is when a replaced key stops or stopped working."""

    id: int
    prefix: str
    name: str
    created: LocalTime
    used: LocalTime | None
    ends: LocalTime | None
    is_expired: bool

    @property
    def label(self) -> str:
        """Return the prefix and the name, for buttons."""
        return f"{self.prefix}… ({self.name})" if self.name else f"{self.prefix}…"


@dataclass(frozen=True, slots=True)
class NameForm:
    """The typed name of a key with the reason it was refused; `key_id` is 0 for a new key."""

    key_id: int
    name: str
    error: str


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key that was just created, shown only once; `replaced` is the sentence about the earlier one."""

    key: str
    name: str
    replaced: str = ""


@dataclass(frozen=True, slots=True)
class AccessKeysPage:
    """The contents of the page of access keys."""

    store: Store
    open_questions: str
    zone: str
    rows: tuple[KeyRow, ...]
    form: NameForm
    new: NewKey | None
    graces: dict[int, str]
    examples: tuple[Sample, ...]


def build(
    connection: Connection, store: Store, *, now: datetime, form: NameForm | None = None, new: NewKey | None = None
) -> AccessKeysPage:
    """Return the page; `form` is a name that was refused, `new` a key to show once."""
    zone = store.calendar.zone
    rows = tuple(
        KeyRow(
            id=key.id,
            prefix=key.prefix,
            name=key.name,
            created=local_time(key.created_at, zone),
            used=local_time(key.last_used_at, zone) if key.last_used_at else None,
            ends=local_time(key.expires_at, zone) if key.expires_at else None,
            is_expired=key.expires_at is not None and key.expires_at <= now,
        )
        for key in access_keys.list_keys(connection, store)
    )
    return AccessKeysPage(
        store=store,
        open_questions=count_exceptions(connection, store),
        zone=zone_name(zone),
        rows=rows,
        form=form or NameForm(0, "", ""),
        new=new,
        graces=GRACES,
        examples=list_examples(),
    )
