"""Modules and limits: what an owner sets up, read and changed."""

from __future__ import annotations

from collections.abc import Iterable

from bridge.domain.errors import FieldError
from bridge.domain.metering.errors import UnknownLimit, UnknownModule
from bridge.domain.metering.limits import Limit
from bridge.domain.stores.stores import Module, Policy, label_of
from bridge.services.metering import policies
from bridge.storage.engine.database import Connection
from bridge.storage.metering import limits
from bridge.storage.stores import stores


def note_use(policy: Policy, module: str, fresh: dict[int, set[str]]) -> None:
    """Note in `fresh` a module that is used for the first time; raises `UnknownModule` past the bound of a store."""
    if policy.has_module(module) or module in fresh.get(policy.store.id, ()):
        return
    check_known(policy, module, fresh=len(fresh.get(policy.store.id, ())))
    fresh.setdefault(policy.store.id, set()).add(module)


def check_known(policy: Policy, module: str, *, fresh: int = 0) -> None:
    """Raise `UnknownModule` for a module the store neither has nor creates on first use.

    `fresh` modules are being created already.
    """
    if not policy.has_module(module) and not policy.may_create_module(fresh):
        raise UnknownModule(
            f"the store has no module {module}; check the spelling, or create it with PUT /v1/modules/{module}",
            fields=[FieldError("module", "not a module of the store")],
        )


def add_used(connection: Connection, store_id: int, keys: Iterable[str]) -> None:
    """Add modules that were used for the first time, where the store accepts that."""
    stores.touch(connection, store_id)
    known = limits.list_modules(connection, store_id)
    fresh = [Module(key, label_of(key)) for key in sorted(keys) if key not in known]
    limits.put_modules(connection, store_id, fresh, position=len(known))


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
