"""Find many rows by composite keys, with one index search for each key.

With `a in (…) and b in (…)`, a planner without statistics, as on a new table,
reads every row that has the same first column.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Connection, String, Table

Found = tuple[Any, ...]


class Seek:
    """Finds rows of one table by the columns of a unique index; create it once, at import.

    `columns` are the columns to return. They and the keys must be text or whole
    numbers, because values are not converted.
    """

    def __init__(self, table: Table, columns: Sequence[str], *, keys: Sequence[str]) -> None:
        wanted = [f"k{position}" for position in range(len(keys))]
        match = " AND ".join(f"{table.name}.{key} = wanted.{k}" for key, k in zip(keys, wanted, strict=True))
        types = ["text" if isinstance(table.c[key].type, String) else "bigint" for key in keys]
        record = ", ".join(f"{k} {type_}" for k, type_ in zip(wanted, types, strict=True))
        names = ", ".join(f"{table.name}.{name}" for name in columns)
        self._wanted = wanted
        # Without the limit, the planner would replace the loop by a join.
        self._postgresql = (
            f"SELECT found.* FROM json_to_recordset(%(keys)s::json) AS wanted({record})"  # noqa: S608 -- names of the schema
            f" CROSS JOIN LATERAL (SELECT {names} FROM {table.name} WHERE {match} LIMIT 1) AS found"
        )
        parts = ", ".join(f"json_extract(value, '$[{position}]') AS {k}" for position, k in enumerate(wanted))
        # SQLite executes a CROSS JOIN in the written order.
        self._sqlite = (
            f"SELECT {names} FROM (SELECT {parts} FROM json_each(?)) AS wanted"  # noqa: S608 -- names of the schema
            f" CROSS JOIN {table.name} ON {match}"
        )

    def find(self, connection: Connection, keys: Collection[Sequence[Any]]) -> list[Found]:
        """Return the rows that exist, in no particular order, with one statement; without keys, none is sent."""
        if not keys:
            return []
        if connection.dialect.name == "sqlite":
            rows = connection.exec_driver_sql(self._sqlite, (json.dumps(list(keys)),))
        else:
            # One text costs a tenth of the arrays that the driver would build in Python.
            documents = [dict(zip(self._wanted, key, strict=True)) for key in keys]
            rows = connection.exec_driver_sql(self._postgresql, {"keys": json.dumps(documents)})
        return [tuple(row) for row in rows]
