"""What PostgreSQL knows of its tables, which decides by which index it seeks."""

from __future__ import annotations

from sqlalchemy import Connection


def refresh(connection: Connection) -> None:
    """Let PostgreSQL look at the tables that orders fill; SQLite seeks as it is told, and needs none of it.

    It does so by itself, a minute or more after a table has grown: until then it
    takes the tables of a new store for empty ones. Some tenths of a second; a
    table that somebody else looks at is passed over.
    """
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("ANALYZE (SKIP_LOCKED) accounts, orders, order_lines, entries")
