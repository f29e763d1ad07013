"""Modules, limits and their use in each window."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Table, delete, func, insert, select, update

from bridge.domain.metering.limits import Allows, Limit, LimitWindow, Period, Rule, WindowKey
from bridge.domain.stores.stores import Module
from bridge.storage.engine.bulk import Writer, among
from bridge.storage.metering.tables import limit_rules, limits, modules, second_limit_rules, window_uses

_USES = select(
    window_uses.c.account_id,
    window_uses.c.module,
    window_uses.c.starts_at,
    window_uses.c.counter,
    window_uses.c.used,
).where(
    among(window_uses.c.account_id, "ids"),
    among(window_uses.c.module, "modules"),
    among(window_uses.c.starts_at, "starts"),
)
_SET_USES = Writer(
    window_uses,
    ("account_id", "module", "starts_at", "counter", "ends_at", "used"),
    keys=("account_id", "module", "starts_at", "counter"),
    replace=("used",),
)
_PUT_MODULES = Writer(
    modules,
    ("store_id", "key", "label", "is_metered", "position", "labels"),
    keys=("store_id", "key"),
    replace=("label", "is_metered", "labels"),
)


def list_modules(connection: Connection, store_id: int) -> dict[str, Module]:
    """Return the store's modules by key, in the order they are shown."""
    rows = connection.execute(
        select(modules).where(modules.c.store_id == store_id).order_by(modules.c.position, modules.c.key)
    )
    return {row.key: Module(row.key, row.label, row.is_metered, row.labels or {}) for row in rows}


def count_modules(connection: Connection, store_id: int) -> int:
    """Return how many modules the store has."""
    return connection.execute(select(func.count()).where(modules.c.store_id == store_id)).scalar_one()


def put_modules(connection: Connection, store_id: int, listed: Iterable[Module], *, position: int) -> None:
    """Insert or replace modules with one statement; new ones are shown from this position on, others stay in place."""
    rows = [
        (store_id, one.key, one.label, one.is_metered, place, dict(one.labels) or None)
        for place, one in enumerate(listed, start=position)
    ]
    _PUT_MODULES.write(connection, rows)


def set_positions(connection: Connection, store_id: int, keys: Iterable[str]) -> None:
    """Show the store's modules in the order of these keys."""
    for position, key in enumerate(keys):
        at = (modules.c.store_id == store_id, modules.c.key == key)
        connection.execute(update(modules).where(*at).values(position=position))


def delete_module(connection: Connection, store_id: int, key: str) -> bool:
    """Remove a module; return whether the store had it."""
    removed = connection.execute(delete(modules).where(modules.c.store_id == store_id, modules.c.key == key))
    return removed.rowcount > 0


def list_limits(connection: Connection, store_id: int) -> dict[str, Limit]:
    """Return the store's limits by module."""
    rows = connection.execute(select(limits).where(limits.c.store_id == store_id).order_by(limits.c.module)).all()
    rules = _rules(connection, limit_rules, store_id)
    seconds = _rules(connection, second_limit_rules, store_id) if any(row.second_period for row in rows) else {}
    return {row.module: _to_limit(row, rules.get(row.module, {}), seconds.get(row.module, {})) for row in rows}


def put_limit(connection: Connection, store_id: int, limit: Limit) -> None:
    """Replace the limit of a module, including its rules."""
    delete_limit(connection, store_id, limit.module)
    connection.execute(
        insert(limits).values(
            store_id=store_id,
            module=limit.module,
            period=limit.period.value,
            message=limit.message,
            second_period=limit.second.period.value if limit.second else None,
            counter=limit.counter,
        )
    )
    _put_rules(connection, limit_rules, store_id, limit.module, limit.rules)
    if limit.second is not None:
        _put_rules(connection, second_limit_rules, store_id, limit.module, limit.second.rules)


def delete_limit(connection: Connection, store_id: int, module: str) -> bool:
    """Remove the limit of a module and its rules; return whether there was one."""
    removed = connection.execute(delete(limits).where(limits.c.store_id == store_id, limits.c.module == module))
    return removed.rowcount > 0


def uses(
    connection: Connection,
    account_ids: Collection[int],
    module_keys: Collection[str],
    starts: Collection[datetime],
) -> dict[WindowKey, int]:
    """Return the use of these modules by these accounts, in windows of both counters that begin at these moments.

    Windows are found by their exact start, because the use of earlier ones may be
    years of rows.
    """
    if not module_keys or not account_ids:
        return {}
    rows = connection.execute(_USES, {"ids": list(account_ids), "modules": list(module_keys), "starts": sorted(starts)})
    return {(row.account_id, row.module, row.starts_at, row.counter): row.used for row in rows}


def set_uses(connection: Connection, used: Mapping[WindowKey, int], ends: Mapping[WindowKey, datetime | None]) -> None:
    """Write the use of these windows, creating missing rows; the caller has locked their accounts."""
    _SET_USES.write(connection, [(*key, ends[key], tokens) for key, tokens in sorted(used.items())])


def _rules(connection: Connection, table: Table, store_id: int) -> dict[str, dict[str, Rule]]:
    rules: dict[str, dict[str, Rule]] = {}
    for row in connection.execute(select(table).where(table.c.store_id == store_id)):
        rules.setdefault(row.module, {})[row.audience] = Rule(Allows(row.allows), row.tokens)
    return rules


def _put_rules(connection: Connection, table: Table, store_id: int, module: str, rules: Mapping[str, Rule]) -> None:
    rows = [
        {
            "store_id": store_id,
            "module": module,
            "audience": audience,
            "allows": rule.allows.value,
            "tokens": rule.tokens,
        }
        for audience, rule in rules.items()
    ]
    if rows:
        connection.execute(insert(table), rows)


def _to_limit(row: Row[Any], rules: Mapping[str, Rule], second: Mapping[str, Rule]) -> Limit:
    return Limit(
        row.module,
        Period(row.period),
        rules,
        row.message,
        LimitWindow(Period(row.second_period), second) if row.second_period else None,
        row.counter,
    )
