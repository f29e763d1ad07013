"""Connections to the embedded database: they wait a limited time for its lock, and refuse a file that was replaced."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, event

from bridge.storage.engine import patience


class DatabaseFile:
    """The file of an embedded database: its identity, and whether it was opened before."""

    def __init__(self, path: str) -> None:
        self._path = Path(path)
        self._was_there = False

    def identity(self) -> tuple[int, int] | None:
        """Return the device and inode of the file; None if it does not exist."""
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_dev, found.st_ino

    def check_presence(self) -> None:
        """Raise the driver's error if a file that was opened before is gone: SQLite would create an empty one."""
        if self._was_there and self.identity() is None:
            error = sqlite3.OperationalError(f"unable to open database file: {self._path} is gone")
            error.sqlite_errorcode = sqlite3.SQLITE_CANTOPEN
            raise error

    def note_presence(self) -> None:
        """Record that the file was opened."""
        self._was_there = self._was_there or self.identity() is not None


def prepare(engine: Engine, file: DatabaseFile, *, busy_seconds: float) -> None:
    """Set up the engine so that its connections behave as described in this module."""

    def connect(*_: Any) -> None:
        file.check_presence()

    def opened(connection: sqlite3.Connection, record: Any) -> None:
        # We begin transactions ourselves: the driver would begin them too late.
        connection.isolation_level = None
        record.info["busy_ms"] = _milliseconds(busy_seconds)
        pragmas = (
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            "secure_delete=ON",
            f"busy_timeout={record.info['busy_ms']}",
        )
        for pragma in pragmas:
            connection.execute(f"PRAGMA {pragma}")
        file.note_presence()
        record.info["file"] = file.identity()

    def begin(connection: Connection) -> None:
        _begin(connection, busy_seconds)

    event.listen(engine, "do_connect", connect)
    event.listen(engine, "connect", opened)
    event.listen(engine, "begin", begin)


def _begin(connection: Connection, busy_seconds: float) -> None:
    options = connection.get_execution_options()
    if options.get("bridge_glance", False):
        return
    wait = _milliseconds(patience.seconds_left(busy_seconds))
    if wait != connection.info["busy_ms"]:
        connection.exec_driver_sql(f"PRAGMA busy_timeout={wait}")
        connection.info["busy_ms"] = wait
    connection.exec_driver_sql("BEGIN IMMEDIATE" if options.get("bridge_writes", False) else "BEGIN")


def _milliseconds(seconds: float) -> int:
    # Rounded to steps, so that a slightly different wait needs no further statement.
    return -int(-seconds * 10 // 1) * 100
