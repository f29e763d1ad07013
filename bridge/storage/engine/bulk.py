"""Write or find many rows with one statement, on both engines.

On PostgreSQL, new rows are sent as a COPY stream and other rows as one JSON text:
a tenth of the cost of the arrays that the driver would build in Python. SQLite
runs one prepared statement over all rows, in C. Statements are built once.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from typing import Any, Self

from sqlalchemy import ARRAY, JSON, BigInteger, Column, Connection, Date, DateTime, Dialect, String, Table, Text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.expression import BindParameter, ColumnElement
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.sql.operators import OperatorType
from sqlalchemy.types import Boolean, TypeDecorator, TypeEngine

from bridge.storage.engine.types import Instant, Money

_SQLITE = sqlite.dialect()
_POSTGRESQL = postgresql.dialect()  # type: ignore[no-untyped-call]
_INSTANT = Instant()

_ESCAPES = str.maketrans({"\\": r"\\", "\n": r"\n", "\r": r"\r", "\t": r"\t"})
_COPIED_FROM = 8
"""From this many rows on, a stream is faster than a statement, although it needs one more round trip."""

Converter = Callable[[Any], Any]


class _ListOf(TypeDecorator[Sequence[Any]]):
    """A list in one parameter: an array on PostgreSQL, JSON text on SQLite."""

    impl = Text
    cache_ok = True

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Return the type of the parameter on this engine."""
        if dialect.name == "sqlite":
            return dialect.type_descriptor(Text())
        items: dict[str, TypeEngine[Any]] = {
            "big": BigInteger(),
            "text": String(),
            "instant": DateTime(timezone=True),
        }
        return dialect.type_descriptor(ARRAY(items[self.kind]))

    def process_bind_param(self, value: Sequence[Any] | None, dialect: Dialect) -> Any:
        """Return the list in the form that the engine expects."""
        items = list(value or ())
        if dialect.name != "sqlite":
            return items
        if self.kind == "instant":
            items = [_INSTANT.process_bind_param(moment, dialect) for moment in items]
        return json.dumps(items)


class _Among(FunctionElement[bool]):
    """The condition that the value of a column is in a list parameter."""

    type = Boolean()
    inherit_cache = True

    def self_group(self, against: OperatorType | None = None) -> Self:
        """Return the condition unchanged: SQLAlchemy would add `= 1`, and SQLite would then read the whole table."""
        return self


@compiles(_Among, "postgresql")
def _among_postgresql(element: _Among, compiler: Any, **options: Any) -> str:
    column, values = list(element.clauses)
    return f"{compiler.process(column, **options)} = ANY({compiler.process(values, **options)})"


@compiles(_Among, "sqlite")
def _among_sqlite(element: _Among, compiler: Any, **options: Any) -> str:
    column, values = list(element.clauses)
    return (
        f"{compiler.process(column, **options)} IN (SELECT value FROM json_each({compiler.process(values, **options)}))"
    )


def among(column: Column[Any], parameter: str) -> ColumnElement[bool]:
    """Return the condition that the column's value is in the list passed as `parameter` at run time."""
    kind = "text" if isinstance(column.type, String) else "instant" if isinstance(column.type, Instant) else "big"
    return _Among(column, BindParameter(parameter, type_=_ListOf(kind)))


class _Within(FunctionElement[bool]):
    """The condition that a value is between two parameters; SQLite does not use it to search an index."""

    type = Boolean()
    inherit_cache = True

    def self_group(self, against: OperatorType | None = None) -> Self:
        """Return the condition unchanged: SQLAlchemy would add `= 1` on SQLite."""
        return self


@compiles(_Within, "postgresql")
def _within_postgresql(element: _Within, compiler: Any, **options: Any) -> str:
    column, lowest, highest = (compiler.process(clause, **options) for clause in element.clauses)
    return f"{column} BETWEEN {lowest} AND {highest}"


@compiles(_Within, "sqlite")
def _within_sqlite(element: _Within, compiler: Any, **options: Any) -> str:
    column, lowest, highest = (compiler.process(clause, **options) for clause in element.clauses)
    # Without the plus, SQLite would read the whole range, even if a list of values is given too.
    return f"+{column} BETWEEN {lowest} AND {highest}"


def within(column: Column[int], lowest: str, highest: str) -> ColumnElement[bool]:
    """Return the condition that the column's value is between the two parameters; use it together with `among`."""
    return _Within(column, BindParameter(lowest, type_=column.type), BindParameter(highest, type_=column.type))


class Writer:
    """Writes many rows of one table in one statement; create it once, at import.

    `columns` are the columns of each row, in order. `keys` are the columns of a
    unique index. A row whose key exists is left unchanged, except that the columns
    in `add` are increased by its values, and those in `replace` are overwritten.
    With `is_update`, nothing is inserted.
    """

    def __init__(
        self,
        table: Table,
        columns: Sequence[str],
        *,
        keys: Sequence[str] = (),
        add: Sequence[str] = (),
        replace: Sequence[str] = (),
        is_update: bool = False,
    ) -> None:
        self._columns = [table.c[name] for name in columns]
        # The text repeats the names in each row: with short names, it has a third of the length.
        self._short = [f"c{position}" for position in range(len(columns))]
        record = ", ".join(f"{short} {_type_name(c)}" for short, c in zip(self._short, self._columns, strict=True))
        rows = f"json_to_recordset(%(rows)s::json) AS fresh({record})"
        short_of = dict(zip(columns, self._short, strict=True))
        # The position in a row of each parameter of the statement for SQLite.
        self._positions: Sequence[int] = range(len(columns))
        if is_update:
            self._postgresql = _update_from_rows(table, rows, short_of, keys=keys, add=add, replace=replace)
            self._sqlite = _update_by_row(table, keys=keys, add=add, replace=replace)
            self._positions = [columns.index(name) for name in (*add, *replace, *keys)]
        else:
            tail = _conflict(table, keys=keys, add=add, replace=replace)
            names = ", ".join(columns)
            marks = ", ".join("?" for _ in columns)
            self._postgresql = f"INSERT INTO {table.name} ({names}) SELECT {', '.join(self._short)} FROM {rows}{tail}"
            self._sqlite = f"INSERT INTO {table.name} ({names}) VALUES ({marks}){tail}"
        self._copy = None if keys else f"COPY {table.name} ({', '.join(columns)}) FROM STDIN"
        self._for_sqlite = [_for_sqlite(column) for column in self._columns]
        self._for_copy = [_for_copy(column) for column in self._columns]
        self._for_json = [_for_json(column) for column in self._columns]

    def write(self, connection: Connection, rows: Iterable[Sequence[Any]]) -> None:
        """Write the rows; without any, no statement is sent."""
        rows = list(rows)
        if not rows:
            return
        if connection.dialect.name == "sqlite":
            converted = _converted(rows, self._for_sqlite)
            ordered = [converted[position] for position in self._positions]
            connection.exec_driver_sql(self._sqlite, list(zip(*ordered, strict=True)))
        elif self._copy is not None and len(rows) >= _COPIED_FROM:
            _send_copy(connection, self._copy, _converted(rows, self._for_copy, none=r"\N"))
        else:
            text = json.dumps(_documents(self._short, rows, self._for_json), ensure_ascii=False)
            connection.exec_driver_sql(self._postgresql, {"rows": text})


def _send_copy(connection: Connection, statement: str, columns: Iterable[Sequence[str]]) -> None:
    """Stream rows, given as text by column, into a table; raises the same errors as any other statement."""
    lines = "\n".join(map("\t".join, zip(*columns, strict=True))) + "\n"
    driver: Any = connection.connection.driver_connection
    errors: Any = connection.dialect.loaded_dbapi
    try:
        with driver.cursor() as cursor, cursor.copy(statement) as copy:
            copy.write(lines)
    except errors.Error as error:
        raise DBAPIError.instance(statement, None, error, errors.Error, dialect=connection.dialect) from error


def _converted(
    rows: Sequence[Sequence[Any]], converters: Sequence[Converter | None], *, none: str | None = None
) -> list[Sequence[Any]]:
    """Return the rows by column, each value as the engine expects it; `none` is written for None."""
    columns: list[Sequence[Any]] = list(zip(*rows, strict=True))
    for position, convert in enumerate(converters):
        if convert is not None:
            columns[position] = _column(columns[position], convert, none)
    return columns


def _column(values: Sequence[Any], convert: Converter, none: str | None) -> list[Any]:
    first = values[0]
    # In most columns of a batch, all rows have the same value: it is converted once.
    if values.count(first) == len(values):
        return [none if first is None else convert(first)] * len(values)
    return [none if value is None else convert(value) for value in values]


def _documents(
    names: Sequence[str], rows: Sequence[Sequence[Any]], converters: Sequence[Converter | None]
) -> list[dict[str, Any]]:
    return [dict(zip(names, row, strict=True)) for row in zip(*_converted(rows, converters), strict=True)]


def _for_sqlite(column: Column[Any]) -> Converter | None:
    """Return the function that converts a value for the driver; None if no conversion is needed."""
    if isinstance(column.type, JSON):
        return json.dumps
    return column.type.dialect_impl(_SQLITE).bind_processor(_SQLITE)


def _for_json(column: Column[Any]) -> Converter | None:
    """Return the function that converts a value for JSON; None if no conversion is needed."""
    if isinstance(column.type, Instant | Date):
        return _isoformat
    return str if isinstance(column.type, Money) else None


def _for_copy(column: Column[Any]) -> Converter:
    """Return the function that converts a value to the text format of COPY, with escapes."""
    if isinstance(column.type, JSON):
        return _escaped_json
    if isinstance(column.type, Instant | Date):
        return _isoformat
    return _escaped if isinstance(column.type, String) else str


def _escaped_json(value: Any) -> str:
    return _escaped(json.dumps(value))


def _escaped(value: str) -> str:
    # This check costs a tenth of `translate`, and very few texts contain these characters.
    if "\\" in value or "\n" in value or "\t" in value or "\r" in value:
        return value.translate(_ESCAPES)
    return value


def _isoformat(value: date) -> str:
    return value.isoformat()


def _type_name(column: Column[Any]) -> str:
    name: str = column.type.compile(dialect=_POSTGRESQL)
    return name


def _conflict(table: Table, *, keys: Sequence[str], add: Sequence[str], replace: Sequence[str]) -> str:
    if not keys:
        return ""
    if not add and not replace:
        return f" ON CONFLICT ({', '.join(keys)}) DO NOTHING"
    sums = [f"{name} = {table.name}.{name} + excluded.{name}" for name in add]
    sets = [f"{name} = excluded.{name}" for name in replace]
    return f" ON CONFLICT ({', '.join(keys)}) DO UPDATE SET {', '.join(sums + sets)}"


def _update_from_rows(
    table: Table,
    rows: str,
    short_of: Mapping[str, str],
    *,
    keys: Sequence[str],
    add: Sequence[str],
    replace: Sequence[str],
) -> str:
    sums = [f"{name} = {table.name}.{name} + fresh.{short_of[name]}" for name in add]
    sets = ", ".join([*sums, *(f"{name} = fresh.{short_of[name]}" for name in replace)])
    match = " AND ".join(f"{table.name}.{name} = fresh.{short_of[name]}" for name in keys)
    return f"UPDATE {table.name} SET {sets} FROM {rows} WHERE {match}"


def _update_by_row(table: Table, *, keys: Sequence[str], add: Sequence[str], replace: Sequence[str]) -> str:
    sums = [f"{name} = {name} + ?" for name in add]
    sets = ", ".join([*sums, *(f"{name} = ?" for name in replace)])
    match = " AND ".join(f"{name} = ?" for name in keys)
    return f"UPDATE {table.name} SET {sets} WHERE {match}"
