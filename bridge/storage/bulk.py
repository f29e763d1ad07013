"""One statement for many rows, on both engines.

PostgreSQL takes the columns as arrays and unnests them; SQLite runs a prepared
statement over the rows without leaving C. Statements are built once.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from sqlalchemy import ARRAY, JSON, BigInteger, Column, Connection, Dialect, String, Table, Text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.expression import BindParameter, ColumnElement
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import Boolean, TypeDecorator, TypeEngine

_SQLITE = sqlite.dialect()
_POSTGRESQL = postgresql.dialect()  # type: ignore[no-untyped-call]

Converter = Callable[[Any], Any]


class _ListOf(TypeDecorator[Sequence[Any]]):
    """A list as one parameter: an array on PostgreSQL, JSON text on SQLite."""

    impl = Text
    cache_ok = True

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """The type the engine's own parameter has."""
        if dialect.name == "sqlite":
            return dialect.type_descriptor(Text())
        item: TypeEngine[Any] = BigInteger() if self.kind == "big" else String()
        return dialect.type_descriptor(ARRAY(item))

    def process_bind_param(self, value: Sequence[Any] | None, dialect: Dialect) -> Any:
        """The list as the engine takes it."""
        items = list(value or ())
        return json.dumps(items) if dialect.name == "sqlite" else items


class _Among(FunctionElement[bool]):
    """Whether a column's value stands in a list parameter."""

    type = Boolean()
    inherit_cache = True


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
    """The condition that the column's value stands in the list given as `parameter` at run time."""
    kind = "text" if isinstance(column.type, String) else "big"
    return _Among(column, BindParameter(parameter, type_=_ListOf(kind)))


class Writer:
    """Writes many rows of one table in one statement; build it once, at import.

    `columns` are the ones each row gives, in its order. With `keys` alone, rows
    that are there already are left alone; with `add`, those columns grow by the
    row's value; with `update`, existing rows take the row's values and nothing
    is inserted.
    """

    def __init__(
        self,
        table: Table,
        columns: Sequence[str],
        *,
        keys: Sequence[str] = (),
        add: Sequence[str] = (),
        update: Sequence[str] = (),
    ) -> None:
        self._columns = [table.c[name] for name in columns]
        if update:
            self._postgresql = _update_from_arrays(table, self._columns, keys=keys, update=update)
            self._sqlite = _update_by_rows(table, columns, keys=keys, update=update)
        else:
            tail = _conflict(table, keys=keys, add=add)
            names = ", ".join(columns)
            self._postgresql = (
                f"INSERT INTO {table.name} ({names}) SELECT * FROM unnest({_arrays(self._columns)}){tail}"
            )
            marks = ", ".join(f":{name}" for name in columns)
            self._sqlite = f"INSERT INTO {table.name} ({names}) VALUES ({marks}){tail}"
        self._converters: dict[str, list[Converter | None]] = {
            dialect.name: [_converter(column, dialect) for column in self._columns]
            for dialect in (_SQLITE, _POSTGRESQL)
        }

    def write(self, connection: Connection, rows: Iterable[Sequence[Any]]) -> None:
        """Write the rows; none, and no statement is sent."""
        rows = list(rows)
        if not rows:
            return
        dialect = connection.dialect.name
        columns: list[Sequence[Any]] = list(zip(*rows, strict=True))
        for position, convert in enumerate(self._converters[dialect]):
            if convert is not None:
                columns[position] = [None if value is None else convert(value) for value in columns[position]]
        names = [column.name for column in self._columns]
        if dialect == "sqlite":
            connection.exec_driver_sql(
                self._sqlite, [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]
            )
        else:
            connection.exec_driver_sql(self._postgresql, dict(zip(names, map(list, columns), strict=True)))


def _converter(column: Column[Any], dialect: Dialect) -> Converter | None:
    if isinstance(column.type, JSON):
        return json.dumps
    return column.type.dialect_impl(dialect).bind_processor(dialect) if dialect is _SQLITE else None


def _arrays(columns: Sequence[Column[Any]]) -> str:
    return ", ".join(f"%({column.name})s::{_type_name(column)}[]" for column in columns)


def _type_name(column: Column[Any]) -> str:
    name: str = column.type.compile(dialect=_POSTGRESQL)
    return name


def _conflict(table: Table, *, keys: Sequence[str], add: Sequence[str]) -> str:
    if not keys:
        return ""
    if not add:
        return f" ON CONFLICT ({', '.join(keys)}) DO NOTHING"
    sums = ", ".join(f"{name} = {table.name}.{name} + excluded.{name}" for name in add)
    return f" ON CONFLICT ({', '.join(keys)}) DO UPDATE SET {sums}"


def _update_from_arrays(
    table: Table, columns: Sequence[Column[Any]], *, keys: Sequence[str], update: Sequence[str]
) -> str:
    sets = ", ".join(f"{name} = fresh.{name}" for name in update)
    match = " AND ".join(f"{table.name}.{name} = fresh.{name}" for name in keys)
    names = ", ".join(column.name for column in columns)
    return f"UPDATE {table.name} SET {sets} FROM unnest({_arrays(columns)}) AS fresh({names}) WHERE {match}"


def _update_by_rows(table: Table, _columns: Sequence[str], *, keys: Sequence[str], update: Sequence[str]) -> str:
    sets = ", ".join(f"{name} = :{name}" for name in update)
    match = " AND ".join(f"{name} = :{name}" for name in keys)
    return f"UPDATE {table.name} SET {sets} WHERE {match}"
