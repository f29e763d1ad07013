"""Table statistics of PostgreSQL, which decide the index of each search."""

from __future__ import annotations

from sqlalchemy import Connection


def refresh(connection: Connection) -> None:
    """Let PostgreSQL analyze the tables that orders fill; SQLite uses index hints and needs no statistics.

    It does so by itself, a minute or more after a table has grown: until then it
    takes the tables of a new store for empty ones. Takes some tenths of a
    second; a table that another session analyzes is skipped.
    """
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("ANALYZE (SKIP_LOCKED) accounts, orders, order_lines, entries")
