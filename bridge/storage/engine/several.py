"""Several lists of rows in one statement, on both engines: a round trip costs more than a short list.

The database returns each list as one JSON text. The texts can be compared as they
are, before any of them is read.
"""

from __future__ import annotations

import json
from collections import namedtuple
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import JSON, Boolean, Connection, Date, ScalarSelect, Select, Text, cast, func, literal, select

from bridge.storage.engine.json_times import unpack_date, unpack_time
from bridge.storage.engine.types import Instant, Money

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Nest = Callable[[Select[Any]], ScalarSelect[Any]]
"""Turns a select, which may be correlated, into a column that holds its rows as JSON."""
Build = Callable[[Nest], Mapping[str, Select[Any]]]


@dataclass(frozen=True, slots=True)
class Lists:
    """The result of a `Several`: the rows of each list as JSON text, read on demand."""

    texts: tuple[str, ...]
    _readers: Mapping[str, tuple[int, _Reader]]

    def text(self, name: str) -> str:
        """Return the rows of a list as JSON."""
        return self.texts[self._readers[name][0]]

    def rows(self, name: str) -> list[Any]:
        """Return the rows of a list, with the values of its columns as attributes; none for an unknown list."""
        if name not in self._readers:
            return []
        position, reader = self._readers[name]
        return reader.read(self.texts[position])


class Several:
    """A fixed set of named lists, read in one statement; create it once, at import.

    `build` returns the select of each list. It is given the function that nests the
    rows of a further select in a column, such as the lines of each order; such a
    column is read as a list of lists of plain JSON values.
    """

    def __init__(self, build: Build) -> None:
        self._statements = {name: _statement(build(nest), nest) for name, nest in _NESTS.items()}
        selects = build(_NESTS["sqlite"])
        self._readers = {name: (place, _Reader(found)) for place, (name, found) in enumerate(selects.items())}

    def read(self, connection: Connection, values: Mapping[str, Any]) -> Lists:
        """Return the lists for these parameters."""
        row = connection.execute(self._statements[connection.dialect.name], dict(values)).one()
        return Lists(tuple(row), self._readers)


class _Reader:
    """Reads the rows of one select from their JSON."""

    def __init__(self, found: Select[Any]) -> None:
        columns = list(found.selected_columns)
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


def _statement(selects: Mapping[str, Select[Any]], nest: Nest) -> Select[Any]:
    lists: Sequence[Any] = [cast(nest(found), Text).label(name) for name, found in selects.items()]
    return select(*lists)


def _nest_sqlite(found: Select[Any]) -> ScalarSelect[Any]:
    rows = found.subquery()
    return select(func.json_group_array(func.json_array(*rows.c), type_=JSON)).select_from(rows).scalar_subquery()


def _nest_postgresql(found: Select[Any]) -> ScalarSelect[Any]:
    rows = found.subquery()
    listed = func.json_agg(func.json_build_array(*rows.c), type_=JSON)
    return select(func.coalesce(listed, cast(literal("[]"), JSON))).select_from(rows).scalar_subquery()


_NESTS: dict[str, Nest] = {"sqlite": _nest_sqlite, "postgresql": _nest_postgresql}


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
