"""Backups of the SQLite database."""

from __future__ import annotations

from pathlib import Path

from bridge.domain.errors import BackupFailed
from bridge.storage.engine import backups
from bridge.storage.engine.database import Database
from bridge.storage.engine.migrate import newest_revision

_USE_PG_DUMP = "this service uses PostgreSQL: back it up with pg_dump and restore it with pg_restore"


def save(database: Database, target: Path) -> None:
    """Write a consistent copy to a new file while the service runs on.

    Raises `BackupFailed`; for PostgreSQL, the message names pg_dump.
    """
    if not database.is_sqlite:
        raise BackupFailed(_USE_PG_DUMP)
    backups.save(database, target)


def restore(database: Database, source: Path) -> None:
    """Replace the database with a copy, which may have an older revision: prepare it afterwards.

    Raises `BackupFailed` while the service runs, for a file that is not a copy, and
    for a copy of a newer version.
    """
    if not database.is_sqlite:
        raise BackupFailed(_USE_PG_DUMP)
    revision = backups.revision_in(source)
    if revision > newest_revision():
        raise BackupFailed(
            f"{source} has revision {revision}, newer than this version's {newest_revision()}:"
            " restore it with the version that wrote it, or a later one"
        )
    backups.put_back(database, source)
