"""Rows that a fixture makes by requests once in a process; later tests get the same rows written to their database.

A dozen requests cost more than most tests that need their result.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any, TypeVar

from sqlalchemy import Connection, Table, text

from bridge.storage.engine import ids
from bridge.storage.engine.database import Database
from bridge.storage.engine.metadata import metadata
from bridge.storage.stores.tables import stores
from tests.factories import Shop

Result = TypeVar("Result")
_Row = dict[str, Any]

_SEQUENCES = text(
    "select sequencename, last_value from pg_sequences where schemaname = 'public' and last_value is not null"
)


class NotReplayable(AssertionError):
    """An error for a fixture that deletes or changes rows which `replay` cannot find in another database."""


@dataclass(frozen=True)
class _Recording:
    added: list[tuple[Table, list[_Row]]]
    changed: list[tuple[Table, _Row, _Row]]
    """A table, the primary key of a row, and its new values."""
    sequences: dict[str, int]
    last_id: int
    result: Any


_recordings: dict[tuple[Any, ...], _Recording] = {}


def replay(build: Callable[[Any], Result], shop: Shop, database: Database) -> Result:
    """Return what `build(shop)` returns, for a shop that was just added to an empty database.

    `build`, a function of a module or a `partial` of one, runs once in a process
    for each engine and minute; after that, the rows that it added or changed are
    written without it. It returns nothing of this app, and leaves a clock that
    stands still where it was.
    """
    minute = datetime.now(UTC).replace(second=0, microsecond=0)
    function = build.func if isinstance(build, partial) else build
    place = (function, database.kind, shop.connected.store.id, minute)
    known = _recordings.get(place)
    if known is not None:
        with database.transaction() as connection:
            _write(connection, known, is_sqlite=database.is_sqlite)
        # Where the clock stands still, the next id follows those of the rows.
        ids._last = max(ids._last, known.last_id)
        return known.result  # type: ignore[no-any-return]
    before = _read(database)
    result = build(shop)
    _recordings[place] = _record(database, before, result)
    return result


def _write(connection: Connection, known: _Recording, *, is_sqlite: bool) -> None:
    if is_sqlite:
        connection.exec_driver_sql("pragma defer_foreign_keys = on")
    else:
        # No foreign key is checked, so the tables may come in any order.
        connection.exec_driver_sql("set local session_replication_role = replica")
    for table, rows in known.added:
        connection.execute(table.insert(), rows)
    for table, key, values in known.changed:
        found = connection.execute(table.update().filter_by(**key).values(**values))
        assert found.rowcount == 1, f"{table.name} has no row {key}"
    for name, last in known.sequences.items():
        connection.exec_driver_sql(f"select setval('{name}', {last})")


def _read(database: Database) -> dict[Table, dict[tuple[Any, ...], _Row]]:
    with database.reading() as connection:
        return {
            table: {
                tuple(row[column.name] for column in table.primary_key): dict(row)
                for row in connection.execute(table.select()).mappings()
            }
            for table in metadata.sorted_tables
        }


def _record(database: Database, before: dict[Table, dict[tuple[Any, ...], _Row]], result: Any) -> _Recording:
    added, changed = [], []
    for table, rows in _read(database).items():
        known = before[table]
        if not known.keys() <= rows.keys():
            raise NotReplayable(f"rows of {table.name} were deleted")
        new = [row for key, row in rows.items() if key not in known]
        if new:
            added.append((table, new))
        names = [column.name for column in table.primary_key]
        for key, row in rows.items():
            values = {name: value for name, value in row.items() if key in known and value != known[key][name]}
            if values:
                changed.append((table, dict(zip(names, key, strict=True)), values))
    # Guests are found by a hash with the store's salt.
    changed += [(stores, {"id": row["id"]}, {"guest_salt": row["guest_salt"]}) for row in before[stores].values()]
    with database.reading() as connection:
        sequences = {} if database.is_sqlite else dict(connection.execute(_SEQUENCES).all())  # type: ignore[arg-type]
    return _Recording(added, changed, sequences, ids._last, result)
