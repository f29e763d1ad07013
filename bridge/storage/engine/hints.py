"""Index hints: `with_hint(table, "INDEXED BY …", "sqlite")` makes SQLite use that index.

Without statistics, SQLite would often read a list in the order of the primary
key, although a partial index contains the few rows that matter. If the index is
missing, the statement fails, so a slow search cannot go unnoticed.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Column, ColumnElement, Engine, UnaryExpression
from sqlalchemy.dialects.sqlite.base import SQLiteCompiler
from sqlalchemy.sql.operators import custom_op


class _HintingCompiler(SQLiteCompiler):
    """Writes a hint after its table; SQLAlchemy's own compiler for SQLite ignores hints."""

    def get_from_hint_text(self, table: Any, text: str | None) -> str | None:
        """Return the hint unchanged."""
        return text


def follow_hints(engine: Engine) -> None:
    """Make an engine on SQLite use the hints of its statements."""
    engine.dialect.statement_compiler = _HintingCompiler


def unindexed(column: Column[Any]) -> ColumnElement[Any]:
    """Return a number column for a condition that no index is used for.

    SQLite would read a whole store where a list of rows is given too.
    """
    return UnaryExpression(column, operator=custom_op("+"), type_=column.type)
