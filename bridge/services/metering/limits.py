"""Modules and limits: what an owner sets up, read and changed."""

from __future__ import annotations

from bridge.domain.metering.errors import UnknownLimit, UnknownModule
from bridge.domain.metering.limits import Limit
from bridge.domain.stores.stores import Module, label_of
from bridge.storage.engine.database import Connection
from bridge.storage.metering import limits, policies
from bridge.storage.stores import stores


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
    connection: Connection, store_id: int, key: str, *, label: str | None, is_metered: bool | None
) -> Module:
    """Add a module, or change what it is called and whether it costs anything; None leaves that as it is."""
    stores.touch(connection, store_id)
    known = limits.list_modules(connection, store_id).get(key) or Module(key, label_of(key))
    module = Module(
        key, known.label if label is None else label, known.is_metered if is_metered is None else is_metered
    )
    limits.put_modules(connection, store_id, [module], position=limits.count_modules(connection, store_id))
    return module


def list_limits(connection: Connection, store_id: int) -> list[Limit]:
    """The store's limits by module."""
    return list(policies.for_store(connection, store_id).limits.values())


def get_limit(connection: Connection, store_id: int, module: str) -> Limit:
    """The limit of a module; raises `UnknownLimit`."""
    found = policies.for_store(connection, store_id).limits.get(module)
    if found is None:
        raise UnknownLimit(f"module {module} has no limit")
    return found


def put_limit(connection: Connection, store_id: int, limit: Limit) -> Limit:
    """Replace the limit of a module, which is added where it is new; it counts from the commit on.

    What was used in the running window stays used.
    """
    # The store's row is changed first: two changes of one store's rules queue on it.
    stores.touch(connection, store_id)
    known = limits.list_modules(connection, store_id)
    if limit.module not in known:
        limits.put_modules(connection, store_id, [Module(limit.module, label_of(limit.module))], position=len(known))
    limits.put_limit(connection, store_id, limit)
    return limit


def drop_limit(connection: Connection, store_id: int, module: str) -> None:
    """Remove the limit of a module: no rule, no free allowance. Raises `UnknownLimit`."""
    stores.touch(connection, store_id)
    if not limits.delete_limit(connection, store_id, module):
        raise UnknownLimit(f"module {module} has no limit")
