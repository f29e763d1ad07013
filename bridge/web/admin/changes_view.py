"""The view of the Audit log page: changes with the fields that differ."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Any

from bridge.domain.stores.stores import Store
from bridge.rendering.ids import encode_id
from bridge.services.stores import changes
from bridge.services.stores.changes import Change, Subject
from bridge.storage.engine.database import Connection
from bridge.web.admin.navigation import count_exceptions
from bridge.web.i18n.formatting import LocalTime, local_time, number, zone_name

PAGE = 50
ID = "chg"
"""The prefix of a change's id in addresses."""
_LONGEST = 300
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)")
_ABBREVIATIONS = {"id": "ID", "ids": "IDs", "url": "URL", "sku": "SKU"}

LABELS = {
    Subject.STORE: "Store",
    Subject.MODULE: "Module",
    Subject.LIMIT: "Limit",
    Subject.PRICE: "Price",
    Subject.PACKAGE: "Package",
    Subject.OVERRIDE: "User's own limit",
    Subject.RESET: "Reset",
    Subject.ACCESS_KEY: "Access key",
    Subject.EVENT_ENDPOINT: "Event endpoint",
    Subject.SHOP_KEYS: "REST keys of the shop",
    Subject.CONNECT_CODE: "Connect code",
    Subject.LINKED_SITE: "Linked site",
    Subject.USER: "User",
    Subject.ADMIN: "Admin",
}

_OF_INSTALLATION = (Subject.ADMIN, Subject.CONNECT_CODE)
"""The kinds of changes that concern no single store."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page of changes begins: older than an id, newer than one, or at the newest."""

    before: int | None = None
    after: int | None = None


@dataclass(frozen=True, slots=True)
class Difference:
    """A field that differs; an empty text where there was or is no value."""

    field: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Row:
    """One change: `verb` is Added, Changed or Removed."""

    at: LocalTime
    actor: str
    subject: str
    name: str
    verb: str
    differences: list[Difference]


@dataclass(frozen=True, slots=True)
class ChangesPage:
    """A page of changes; `newer` and `older` are the ids that the pages beside it begin at, empty for none."""

    rows: list[Row]
    subject: str
    subjects: list[tuple[str, str]]
    zone: str
    newer: str
    older: str
    open_questions: str


def build_page(connection: Connection, store: Store | None, subject: Subject | None, place: Place) -> ChangesPage:
    """Return a page of the changes of a store, or of the installation for None."""
    store_id, wanted = (None if store is None else store.id), (None if subject is None else subject.value)
    found = changes.list_page(
        connection, store_id, before=place.before, after=place.after, subject=wanted, limit=PAGE + 1
    )
    has_more = len(found) > PAGE
    if place.after is None:
        shown, has_older, has_newer = found[:PAGE], has_more, place.before is not None
    else:
        shown, has_older, has_newer = found[-PAGE:], True, has_more
    zone: tzinfo = UTC if store is None else store.calendar.zone
    return ChangesPage(
        rows=[_row(change, zone) for change in shown],
        subject="" if subject is None else subject.value,
        subjects=[(each.value, LABELS[each]) for each in (Subject if store else _OF_INSTALLATION)],
        zone=zone_name(zone),
        newer=encode_id(ID, shown[0].id) if shown and has_newer else "",
        older=encode_id(ID, shown[-1].id) if shown and has_older else "",
        open_questions="" if store is None else count_exceptions(connection, store),
    )


def differences(before: Any, after: Any, zone: tzinfo = UTC) -> list[Difference]:
    """Return the fields that differ between two JSON values; all fields with a value where one of them is None.

    Moments are shown in the zone.
    """
    old, new = _flatten(before), _flatten(after)
    names = [*new, *(name for name in old if name not in new)]
    pairs = ((name, _text(old.get(name), zone), _text(new.get(name), zone)) for name in names)
    return [Difference(_label(name), was, is_) for name, was, is_ in pairs if was != is_]


def _row(change: Change, zone: tzinfo) -> Row:
    try:
        subject = LABELS[Subject(change.subject)]
    except ValueError:
        subject = change.subject
    verb = "Added" if change.before is None else "Removed" if change.after is None else "Changed"
    at = local_time(change.created_at, zone)
    return Row(at, change.actor, subject, change.name, verb, differences(change.before, change.after, zone))


def _flatten(value: Any) -> dict[str, Any]:
    """Return the fields of a JSON value by name; a value inside another one is named after both."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        return {"value": value}
    fields: dict[str, Any] = {}
    for name, each in value.items():
        if isinstance(each, dict):
            fields |= {f"{name} {inner}": deeper for inner, deeper in _flatten(each).items()}
        else:
            fields[name] = each
    return fields


def _label(name: str) -> str:
    words = [_ABBREVIATIONS.get(word, word) for word in name.replace("_", " ").split(" ")]
    return " ".join([words[0][:1].upper() + words[0][1:], *words[1:]])


def _text(value: Any, zone: tzinfo) -> str:
    if value is None or value == "" or value == []:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return number(value)
    if isinstance(value, list):
        value = ", ".join(_text(each, zone) for each in value)
    text = str(value)
    if _MOMENT.fullmatch(text):
        return local_time(datetime.fromisoformat(text), zone).text
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
