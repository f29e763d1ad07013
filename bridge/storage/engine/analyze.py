"""Table statistics of PostgreSQL, which decide the index of each search."""

from __future__ import annotations

from sqlalchemy import Connection


def refresh(connection: Connection) -> None:
    """Let PostgreSQL analyze the tables that orders fill; SQLite uses index hints and needs no statistics.

    Without this, PostgreSQL analyzes a table a minute or more after it has grown,
    and until then plans as if the tables of a new store were empty. Takes some
    tenths of a second. Skips a table that another session is analyzing.
    """
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("ANALYZE (SKIP_LOCKED) accounts, orders, order_lines, entries")
