"""Modules and limits: what an owner sets up, read and changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from bridge.domain.errors import FieldError, InvalidRequest
from bridge.domain.metering.errors import UnknownLimit, UnknownModule
from bridge.domain.metering.limits import Limit, keep_counters
from bridge.domain.stores.stores import Module, label_of
from bridge.rendering.settings import limit_document, module_document
from bridge.services.stores import changes
from bridge.services.stores.changes import Subject
from bridge.storage.engine.database import Connection
from bridge.storage.metering import limits, policies
from bridge.storage.stores import stores

_SAME_PERIOD = "the two windows need different periods; change one, or send second null for a limit with one window"


def list_modules(connection: Connection, store_id: int) -> list[Module]:
    """The store's modules in the order they are shown."""
    return list(policies.for_store(connection, store_id).modules.values())


def get_module(connection: Connection, store_id: int, key: str) -> Module:
    """One module; raises `UnknownModule`."""
    found = policies.for_store(connection, store_id).modules.get(key)
    if found is None:
        raise UnknownModule(f"there is no module {key}")
    return found


def put_module(
    connection: Connection,
    store_id: int,
    key: str,
    *,
    label: str | None,
    is_metered: bool | None,
    labels: Mapping[str, str] | None = None,
    actor: str,
    now: datetime,
) -> Module:
    """Add a module, or change what it is called and whether it costs anything; None leaves that as it is.

    `labels` replaces all names by language.
    """
    stores.touch(connection, store_id)
    before = limits.list_modules(connection, store_id).get(key)
    known = before or Module(key, label_of(key))
    module = Module(
        key,
        known.label if label is None else label,
        known.is_metered if is_metered is None else is_metered,
        known.labels if labels is None else labels,
    )
    limits.put_modules(connection, store_id, [module], position=limits.count_modules(connection, store_id))
    _record_module(connection, store_id, before, module, actor=actor, now=now)
    return module


def drop_module(connection: Connection, store_id: int, key: str, *, actor: str, now: datetime) -> None:
    """Remove a module and its limit; raises `UnknownModule`. The caller has checked that nothing uses it."""
    stores.touch(connection, store_id)
    before = limits.list_modules(connection, store_id).get(key)
    if before is None:
        raise UnknownModule(f"there is no module {key}")
    if key in limits.list_limits(connection, store_id):
        drop_limit(connection, store_id, key, actor=actor, now=now)
    limits.delete_module(connection, store_id, key)
    _record_module(connection, store_id, before, None, actor=actor, now=now)


def order_modules(connection: Connection, store_id: int, keys: Sequence[str], *, actor: str, now: datetime) -> None:
    """Show these modules in this order, and the store's other modules after them."""
    stores.touch(connection, store_id)
    before = list(limits.list_modules(connection, store_id))
    after = [key for key in keys if key in before]
    after += [key for key in before if key not in after]
    if after != before:
        limits.set_positions(connection, store_id, after)
        changes.record(
            connection, store_id, Subject.STORE, "module_order", before=before, after=after, actor=actor, now=now
        )


def add_missing_module(connection: Connection, store_id: int, key: str, *, actor: str, now: datetime) -> None:
    """Add a module that a limit or a price names, unless the store has it."""
    known = limits.list_modules(connection, store_id)
    if key not in known:
        module = Module(key, label_of(key))
        limits.put_modules(connection, store_id, [module], position=len(known))
        _record_module(connection, store_id, None, module, actor=actor, now=now)


def list_limits(connection: Connection, store_id: int) -> list[Limit]:
    """The store's limits by module."""
    return list(policies.for_store(connection, store_id).limits.values())


def get_limit(connection: Connection, store_id: int, module: str) -> Limit:
    """The limit of a module; raises `UnknownLimit`."""
    found = policies.for_store(connection, store_id).limits.get(module)
    if found is None:
        raise UnknownLimit(f"module {module} has no limit")
    return found


def put_limit(
    connection: Connection, store_id: int, limit: Limit, *, keeps_second: bool = False, actor: str, now: datetime
) -> Limit:
    """Replace the limit of a module, which is added where it is new; it counts from the commit on.

    What was used in the running window of a period stays used, also where that window
    was the first and is the second now. With `keeps_second`, a limit that is given
    without a second window keeps the one it has. Raises `InvalidRequest` where both
    windows would have the same period.
    """
    # The store's row is changed first: two changes of one store's rules queue on it.
    stores.touch(connection, store_id)
    add_missing_module(connection, store_id, limit.module, actor=actor, now=now)
    before = limits.list_limits(connection, store_id).get(limit.module)
    limit = keep_counters(completed(limit, before, keeps_second=keeps_second), before)
    limits.put_limit(connection, store_id, limit)
    _record_limit(connection, store_id, before, limit, actor=actor, now=now)
    return limit


def completed(limit: Limit, before: Limit | None, *, keeps_second: bool) -> Limit:
    """Return a limit with the second window it has before, if it keeps that; raises as `put_limit` does."""
    named = "period" if limit.second is None else "second.period"
    if keeps_second and limit.second is None and before is not None:
        limit = replace(limit, second=before.second)
    if limit.second is not None and limit.second.period is limit.period:
        raise InvalidRequest(fields=[FieldError(named, _SAME_PERIOD)])
    return limit


def drop_limit(connection: Connection, store_id: int, module: str, *, actor: str, now: datetime) -> None:
    """Remove the limit of a module: no rule, no free allowance. Raises `UnknownLimit`."""
    stores.touch(connection, store_id)
    before = limits.list_limits(connection, store_id).get(module)
    if before is None or not limits.delete_limit(connection, store_id, module):
        raise UnknownLimit(f"module {module} has no limit")
    _record_limit(connection, store_id, before, None, actor=actor, now=now)


def _record_module(
    connection: Connection, store_id: int, before: Module | None, after: Module | None, *, actor: str, now: datetime
) -> None:
    documents = [None if module is None else module_document(module) for module in (before, after)]
    name = next(module.key for module in (after, before) if module is not None)
    changes.record(
        connection, store_id, Subject.MODULE, name, before=documents[0], after=documents[1], actor=actor, now=now
    )


def _record_limit(
    connection: Connection, store_id: int, before: Limit | None, after: Limit | None, *, actor: str, now: datetime
) -> None:
    documents = [None if limit is None else limit_document(limit) for limit in (before, after)]
    name = next(limit.module for limit in (after, before) if limit is not None)
    changes.record(
        connection, store_id, Subject.LIMIT, name, before=documents[0], after=documents[1], actor=actor, now=now
    )
