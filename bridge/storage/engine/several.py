"""Several lists of rows in one statement, on both engines: a round trip costs more than a short list.

The database returns each list as one JSON text. The texts can be compared as they
are, before any of them is read. One statement sees one moment, so it needs no
transaction.
"""

from __future__ import annotations

import json
from collections import namedtuple
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    JSON,
    Boolean,
    ColumnElement,
    Connection,
    Date,
    FromClause,
    ScalarSelect,
    Select,
    Text,
    cast,
    func,
    literal_column,
    select,
)

from bridge.storage.engine.json_times import unpack_date, unpack_time
from bridge.storage.engine.types import Instant, Money

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Nest = Callable[[Select[Any]], ScalarSelect[Any]]
"""Turns a select, which may be correlated, into a column that holds its rows as JSON."""
Build = Callable[[Nest], Mapping[str, Select[Any]]]


@dataclass(frozen=True, slots=True)
class Row:
    """The row that lists belong to: where it is read from, and its columns by part."""

    source: FromClause
    where: ColumnElement[bool]
    parts: Mapping[str, Sequence[ColumnElement[Any]]]


@dataclass(frozen=True, slots=True)
class Lists:
    """The result of a `Several`: the rows of each list as JSON text, read on demand."""

    texts: tuple[str, ...]
    _readers: Mapping[str, tuple[int, _Reader]]

    def text(self, name: str) -> str:
        """Return the rows of a list as JSON."""
        return self.texts[self._readers[name][0]]

    def has(self, name: str) -> bool:
        """Return whether a list was read."""
        return name in self._readers

    def texts_beside(self, name: str) -> list[str]:
        """Return the JSON of every list but one, in their order."""
        left_out, _ = self._readers[name]
        return [text for place, text in enumerate(self.texts) if place != left_out]

    def rows(self, name: str) -> list[Any]:
        """Return the rows of a list, with the values of its columns as attributes; none for an unknown list."""
        if name not in self._readers:
            return []
        position, reader = self._readers[name]
        return reader.read(self.texts[position])


class Several:
    """A fixed set of named lists that belong to one row, read in one statement; create it once, at import.

    `row` has one select for each part of the row, all from the same tables: each is a
    list of one row. `build` returns the select of each further list, which may use the
    columns of that row. It is given the function that nests the rows of a further
    select in a column, such as the lines of each order; such a column is read as a
    list of lists of plain JSON values.
    """

    def __init__(self, row: Row, build: Build) -> None:
        self._statements = {name: _statement(row, build(nest), name) for name, nest in _NESTS.items()}
        selects = build(_NESTS["sqlite"])
        columns = {**row.parts, **{name: tuple(found.selected_columns) for name, found in selects.items()}}
        self._readers = {name: (place, _Reader(found)) for place, (name, found) in enumerate(columns.items())}

    def read(self, connection: Connection, values: Mapping[str, Any]) -> Lists | None:
        """Return the lists for these parameters; None if there is no such row."""
        row = connection.execute(self._statements[connection.dialect.name], dict(values)).one_or_none()
        return None if row is None else Lists(tuple(row), self._readers)


class _Reader:
    """Reads the rows of one list from their JSON."""

    def __init__(self, columns: Sequence[Any]) -> None:
        self._row: Any = namedtuple("Row", [column.name for column in columns])  # type: ignore[misc]
        converters = ((place, _converter(column.type)) for place, column in enumerate(columns))
        self._converters = [(place, convert) for place, convert in converters if convert is not None]

    def read(self, text: str) -> list[Any]:
        rows = json.loads(text)
        for row in rows:
            for place, convert in self._converters:
                if row[place] is not None:
                    row[place] = convert(row[place])
        return [self._row(*row) for row in rows]


def _statement(row: Row, selects: Mapping[str, Select[Any]], engine: str) -> Select[Any]:
    nest, pack = _NESTS[engine], _ARRAYS[engine]
    parts: list[Any] = [cast(pack(pack(*columns)), Text).label(name) for name, columns in row.parts.items()]
    lists: list[Any] = [cast(nest(found), Text).label(name) for name, found in selects.items()]
    return select(*parts, *lists).select_from(row.source).where(row.where)


def _nest_sqlite(found: Select[Any]) -> ScalarSelect[Any]:
    rows = found.subquery()
    return select(func.json_group_array(func.json_array(*rows.c), type_=JSON)).select_from(rows).scalar_subquery()


def _nest_postgresql(found: Select[Any]) -> ScalarSelect[Any]:
    rows = found.subquery()
    listed = func.json_agg(func.json_build_array(*rows.c), type_=JSON)
    # Written out: a parameter would be sent for each list.
    return select(func.coalesce(listed, literal_column("'[]'::json"))).select_from(rows).scalar_subquery()


_NESTS: dict[str, Nest] = {"sqlite": _nest_sqlite, "postgresql": _nest_postgresql}
_ARRAYS: dict[str, Any] = {"sqlite": func.json_array, "postgresql": func.json_build_array}


def _converter(kind: Any) -> Callable[[Any], Any] | None:
    """Return the function that reads a value of a column from JSON; None if it is one already."""
    if isinstance(kind, Instant):
        return _moment
    if isinstance(kind, Date):
        return unpack_date
    if isinstance(kind, Money):
        return Decimal
    if isinstance(kind, Boolean):
        return bool
    return _document if isinstance(kind, JSON) else None


def _moment(value: int | str) -> datetime:
    # Whole microseconds on SQLite, ISO 8601 on PostgreSQL.
    if isinstance(value, int):
        return _EPOCH + timedelta(microseconds=value)
    return unpack_time(value).astimezone(UTC)


def _document(value: Any) -> Any:
    return json.loads(value) if isinstance(value, str) else value
