"""Index hints: SQLite takes the index a statement names, with `with_hint(table, "INDEXED BY …", "sqlite")`.

It keeps no statistics here, and the order of a list draws it to the primary key
where a partial index holds the few rows that matter. A statement whose index is
gone fails, so a hint never turns into a slow search unnoticed.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Engine
from sqlalchemy.dialects.sqlite.base import SQLiteCompiler


class _HintingCompiler(SQLiteCompiler):
    """Writes a hint behind the table it is given for; SQLAlchemy's own compiler for SQLite leaves hints out."""

    def get_from_hint_text(self, table: Any, text: str | None) -> str | None:
        """Return the hint as it is given."""
        return text


def follow_hints(engine: Engine) -> None:
    """Let an engine on SQLite follow the hints of its statements."""
    engine.dialect.statement_compiler = _HintingCompiler
