"""The SQL statements of a piece of work, counted; a stream of rows counts as one."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from sqlalchemy import event

from bridge.storage.engine import bulk
from bridge.storage.engine.database import FORGET_PLANS, Database


@contextlib.contextmanager
def counted(database: Database) -> Iterator[list[str]]:
    """Collect the statements sent inside the block, without those that depend on the clock.

    These forget old plans on PostgreSQL, and set the rest of the time to wait on SQLite
    after a wait of a tenth of a second.
    """
    seen: list[str] = []
    send_copy = bulk._send_copy

    def note(_connection, _cursor, statement, *_):
        if not statement.startswith((FORGET_PLANS, "PRAGMA busy_timeout")):
            seen.append(statement)

    def note_copy(connection, statement, columns):
        seen.append(statement)
        send_copy(connection, statement, columns)

    event.listen(database.engine, "before_cursor_execute", note)
    bulk._send_copy = note_copy
    try:
        yield seen
    finally:
        bulk._send_copy = send_copy
        event.remove(database.engine, "before_cursor_execute", note)
