"""The work of SQLite in steps of its virtual machine: the same on every machine, however busy it is."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from sqlalchemy import event

from bridge.storage.engine.database import Connection, Database

STRIDE = 20
"""The number of steps between two calls of the counter."""


class Steps:
    """The number of steps so far."""

    def __init__(self) -> None:
        self.count = 0

    def note(self) -> int:
        """Count one stride; return 0, so that the statement continues."""
        self.count += STRIDE
        return 0


@contextlib.contextmanager
def steps_counted(database: Database) -> Iterator[Steps]:
    """Count the steps of all statements that connections checked out inside the block send to SQLite."""
    steps = Steps()

    def start(driver: Any, *_: Any) -> None:
        driver.set_progress_handler(steps.note, STRIDE)

    def stop(driver: Any, *_: Any) -> None:
        if driver is not None:
            driver.set_progress_handler(None, 0)

    event.listen(database.engine, "checkout", start)
    event.listen(database.engine, "checkin", stop)
    try:
        yield steps
    finally:
        event.remove(database.engine, "checkout", start)
        event.remove(database.engine, "checkin", stop)


def steps_of(database: Database, work: Callable[[], object]) -> int:
    """Return the steps of a piece of work; it runs once before, so that everything is compiled."""
    work()
    with steps_counted(database) as steps:
        work()
    return steps.count


@contextlib.contextmanager
def plans_noted(database: Database) -> Iterator[dict[str, str]]:
    """Collect the plan of each statement sent inside the block, by its text."""
    plans: dict[str, str] = {}
    explain = "EXPLAIN QUERY PLAN " if database.is_sqlite else "EXPLAIN "

    def note(connection: Connection, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if not statement.lstrip().upper().startswith(("SELECT", "DELETE", "UPDATE", "WITH")):
            return
        asked = connection.connection.cursor()
        try:
            asked.execute(explain + statement, parameters[0] if isinstance(parameters, list) else parameters)
            plans[statement] = "\n".join(str(row[-1]) for row in asked.fetchall())
        finally:
            asked.close()

    event.listen(database.engine, "before_cursor_execute", note)
    try:
        yield plans
    finally:
        event.remove(database.engine, "before_cursor_execute", note)
