"""Backups of the embedded database."""

from __future__ import annotations

from pathlib import Path

from bridge.domain.errors import BackupFailed
from bridge.storage.engine import backups
from bridge.storage.engine.database import Database
from bridge.storage.engine.migrate import newest_revision

_USE_PG_DUMP = "this service runs on PostgreSQL: take its copies with pg_dump and put them back with pg_restore"


def save(database: Database, target: Path) -> None:
    """Write a consistent copy to a new file while the service runs on.

    Raises `BackupFailed`, with a sentence that names pg_dump for PostgreSQL.
    """
    if not database.is_sqlite:
        raise BackupFailed(_USE_PG_DUMP)
    backups.save(database, target)


def restore(database: Database, source: Path) -> None:
    """Put a copy in the place of the database, which may be an older version's: prepare it afterwards.

    Raises `BackupFailed` while the service runs, for a file that is no copy,
    and for one a newer version wrote.
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
