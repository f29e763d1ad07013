"""Many rows by composite keys, each found by its own descent of the index.

`a in (…) and b in (…)` leaves the choice to the planner, and one without
statistics, as on a young table, reads every row that shares the first column.
Here the keys come as a list, with one index search for each.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Connection, String, Table

Found = tuple[Any, ...]


class Seek:
    """Finds rows of one table by the columns of one unique index; build it once, at import.

    `columns` are what is read of each row found. They and the keys are text or
    whole numbers: what a driver has to convert is not for here.
    """

    def __init__(self, table: Table, columns: Sequence[str], *, keys: Sequence[str]) -> None:
        wanted = [f"k{position}" for position in range(len(keys))]
        match = " AND ".join(f"{table.name}.{key} = wanted.{k}" for key, k in zip(keys, wanted, strict=True))
        types = ["text" if isinstance(table.c[key].type, String) else "bigint" for key in keys]
        record = ", ".join(f"{k} {type_}" for k, type_ in zip(wanted, types, strict=True))
        names = ", ".join(f"{table.name}.{name}" for name in columns)
        self._wanted = wanted
        # The limit keeps the planner from turning the loop into a join.
        self._postgresql = (
            f"SELECT found.* FROM json_to_recordset(%(keys)s::json) AS wanted({record})"  # noqa: S608 -- names of the schema
            f" CROSS JOIN LATERAL (SELECT {names} FROM {table.name} WHERE {match} LIMIT 1) AS found"
        )
        parts = ", ".join(f"json_extract(value, '$[{position}]') AS {k}" for position, k in enumerate(wanted))
        # SQLite takes a CROSS JOIN in the order it is written.
        self._sqlite = (
            f"SELECT {names} FROM (SELECT {parts} FROM json_each(?)) AS wanted"  # noqa: S608 -- names of the schema
            f" CROSS JOIN {table.name} ON {match}"
        )

    def find(self, connection: Connection, keys: Collection[Sequence[Any]]) -> list[Found]:
        """The rows that are there, in no particular order, in one statement; none asked for, and none is sent."""
        if not keys:
            return []
        if connection.dialect.name == "sqlite":
            rows = connection.exec_driver_sql(self._sqlite, (json.dumps(list(keys)),))
        else:
            # One text costs a tenth of the arrays the driver would build in Python.
            documents = [dict(zip(self._wanted, key, strict=True)) for key in keys]
            rows = connection.exec_driver_sql(self._postgresql, {"keys": json.dumps(documents)})
        return [tuple(row) for row in rows]
