"""The modules of a store with their limits, read and saved as a whole."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime

from bridge.domain.metering.limits import FOREVER, Limit
from bridge.domain.stores.stores import Module, Store
from bridge.rendering.settings import limit_document, module_document
from bridge.services.admin import store_stats
from bridge.services.metering import limits as metering_limits
from bridge.services.stores import changes
from bridge.services.stores.changes import Change, Subject
from bridge.storage.admin import replays
from bridge.storage.engine.database import Connection
from bridge.storage.metering import limits, overrides, prices
from bridge.storage.stores import stores

NEW = "new"
"""The version of a module that the store does not have."""

_ROLE = re.compile(r"[^\s:][^:\x00-\x1f]{0,99}")
_USERS_READ = 2_000
"""How many users are read to find the roles of a store."""
_CHANGES_READ = 200
"""How many recorded changes are searched for the one that caused a conflict."""


@dataclass(frozen=True, slots=True)
class ModuleSettings:
    """A module and its limit; None where it has no rule and no message."""

    module: Module
    limit: Limit | None

    @property
    def key(self) -> str:
        """Return the module's key."""
        return self.module.key

    @property
    def version(self) -> str:
        """Return a short text that differs for other settings."""
        limit = None if self.limit is None else limit_document(self.limit)
        text = json.dumps([module_document(self.module), limit], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class ModuleEdit:
    """The settings an admin wants for a module, and the version they were shown; `is_removed` drops the module."""

    settings: ModuleSettings
    expected: str
    is_removed: bool = False


@dataclass(frozen=True, slots=True)
class Conflict:
    """A module that was changed since the admin opened it: its settings now, None if removed, and the change."""

    current: ModuleSettings | None
    change: Change | None


@dataclass(frozen=True, slots=True)
class Usage:
    """The reasons why a module cannot be removed: its operations, users' own limits, and recorded use."""

    operations: tuple[str, ...]
    overrides: int
    is_used: bool

    def __bool__(self) -> bool:
        return bool(self.operations or self.overrides or self.is_used)


@dataclass(frozen=True, slots=True)
class Saved:
    """The result of a save: the changed modules; or, with nothing changed, what prevents it by module."""

    changed: tuple[str, ...] = ()
    conflicts: Mapping[str, Conflict] = field(default_factory=dict)
    in_use: Mapping[str, Usage] = field(default_factory=dict)

    @property
    def is_done(self) -> bool:
        """Return whether everything was saved."""
        return not self.conflicts and not self.in_use


def list_settings(connection: Connection, store_id: int) -> dict[str, ModuleSettings]:
    """Return the modules of a store with their limits by key, in the order they are shown."""
    modules, found = limits.list_modules(connection, store_id), limits.list_limits(connection, store_id)
    return {key: ModuleSettings(module, trimmed(found.get(key))) for key, module in modules.items()}


def list_audiences(connection: Connection, store_id: int, known: Iterable[ModuleSettings]) -> list[str]:
    """Return the audiences of a store: guests, users, and the roles that rules or recently active users have."""
    ruled = {audience for settings in known if settings.limit for audience in settings.limit.rules}
    users = replays.list_subjects(connection, store_id, since=FOREVER, limit=_USERS_READ)
    held = {f"role:{role}" for user in users for role in user.roles if _ROLE.fullmatch(role)}
    return ["guest", "user", *sorted(ruled - {"guest", "user"}), *sorted(held - ruled)]


def version_of(settings: ModuleSettings | None) -> str:
    """Return the version of a module's settings; `NEW` for a module that the store does not have."""
    return NEW if settings is None else settings.version


def trimmed(limit: Limit | None) -> Limit | None:
    """Return the limit; None for one without a rule and a message, which allows the same as no limit."""
    return limit if limit is not None and (limit.rules or limit.message or limit.second) else None


def save(
    connection: Connection,
    store: Store,
    edits: Sequence[ModuleEdit],
    *,
    order: Sequence[str] | None = None,
    actor: str,
    now: datetime,
) -> Saved:
    """Save the edits together, or none of them; modules that the admin did not change keep their settings.

    A module is in conflict if it is no longer as it was shown, and the admin wants
    neither what it was nor what it is now. `order` lists modules that change places
    among each other.
    """
    # Locks the store's row: two saves of one store's rules queue on it.
    stores.touch(connection, store.id)
    known = list_settings(connection, store.id)
    wanted = [edit for edit in edits if _is_change(edit, known.get(edit.settings.key))]
    conflicts = {
        edit.settings.key: Conflict(known.get(edit.settings.key), last_change(connection, store.id, edit.settings.key))
        for edit in wanted
        if edit.expected != version_of(known.get(edit.settings.key))
    }
    in_use = {
        edit.settings.key: usage
        for edit in wanted
        if edit.is_removed and (usage := usage_of(connection, store, edit.settings.key, now=now))
    }
    if conflicts or in_use:
        return Saved(conflicts=conflicts, in_use=in_use)
    for edit in wanted:
        _apply(connection, store.id, edit, known.get(edit.settings.key), actor=actor, now=now)
    if order is not None:
        places = _places(list(limits.list_modules(connection, store.id)), order)
        metering_limits.order_modules(connection, store.id, places, actor=actor, now=now)
    return Saved(tuple(edit.settings.key for edit in wanted))


def usage_of(connection: Connection, store: Store, key: str, *, now: datetime) -> Usage:
    """Return what uses a module of a store."""
    used = store_stats.use_between(connection, store, date(1970, 1, 1), store_stats.today_of(store, now), now=now)
    return Usage(
        operations=tuple(
            operation.key for operation in prices.list_all(connection, store.id).values() if operation.module == key
        ),
        overrides=overrides.count_of_module(connection, store.id, key),
        is_used=any(day.module == key for day in used.days),
    )


def last_change(connection: Connection, store_id: int, key: str) -> Change | None:
    """Return the newest recorded change of a module or its limit; None if it is not among the latest."""
    found = [
        change
        for subject in (Subject.LIMIT, Subject.MODULE)
        for change in changes.list_page(connection, store_id, subject=subject.value, limit=_CHANGES_READ)
        if change.name == key
    ]
    return max(found, key=lambda change: change.id, default=None)


def _is_change(edit: ModuleEdit, current: ModuleSettings | None) -> bool:
    if edit.is_removed:
        return current is not None
    if current is not None and edit.settings.version == current.version:
        return False
    return edit.settings.version != edit.expected


def _apply(
    connection: Connection,
    store_id: int,
    edit: ModuleEdit,
    current: ModuleSettings | None,
    *,
    actor: str,
    now: datetime,
) -> None:
    module, limit = edit.settings.module, edit.settings.limit
    if edit.is_removed:
        metering_limits.drop_module(connection, store_id, module.key, actor=actor, now=now)
        return
    if current is None or current.module != module:
        metering_limits.put_module(
            connection,
            store_id,
            module.key,
            label=module.label,
            is_metered=module.is_metered,
            labels=module.labels,
            actor=actor,
            now=now,
        )
    before = None if current is None else current.limit
    if limit is not None and (before is None or limit_document(limit) != limit_document(before)):
        metering_limits.put_limit(connection, store_id, replace(limit, module=module.key), actor=actor, now=now)
    elif limit is None and before is not None:
        metering_limits.drop_limit(connection, store_id, module.key, actor=actor, now=now)


def _places(keys: list[str], order: Sequence[str]) -> list[str]:
    """Return the keys with those of `order` in that order, in the places that they have together."""
    moved = iter([key for key in order if key in keys])
    return [next(moved) if key in order else key for key in keys]
