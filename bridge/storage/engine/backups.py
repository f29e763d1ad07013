"""Create and restore complete copies of the SQLite database."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from bridge.domain.errors import BackupFailed
from bridge.storage.engine.database import Database


def save(database: Database, target: Path) -> None:
    """Write a consistent copy of the SQLite database to a new file, while others keep writing.

    The copy is one file, either complete or absent.
    """
    draft = target.with_name(f"{target.name}.{os.getpid()}.tmp")
    try:
        with _opened(_path_of(database)) as source, _opened(draft) as copy:
            # All pages in one step: with smaller steps, the copy would restart at each commit of another process.
            source.backup(copy)
            copy.execute("PRAGMA journal_mode=DELETE")
            copy.execute("PRAGMA synchronous=FULL")
        os.chmod(draft, 0o600)
        os.link(draft, target)
    except FileExistsError as error:
        raise BackupFailed(f"{target} already exists; enter the name of a new file") from error
    except (OSError, sqlite3.Error) as error:
        raise BackupFailed(f"the copy could not be written to {target}: {error}") from error
    finally:
        draft.unlink(missing_ok=True)


def revision_in(source: Path) -> str:
    """Return the schema revision of a copy; raises `BackupFailed` if the file is damaged or not a copy."""
    if not source.is_file():
        raise BackupFailed(f"there is no file {source}")
    try:
        with _opened(source, read_only=True) as copy:
            if copy.execute("PRAGMA quick_check").fetchone() != ("ok",):
                raise BackupFailed(f"{source} is damaged")
            (revision,) = copy.execute("SELECT version_num FROM alembic_version").fetchone()
            return str(revision)
    except (sqlite3.Error, TypeError) as error:
        raise BackupFailed(f"{source} is not a copy of this service's database: {error}") from error


def put_back(database: Database, source: Path) -> None:
    """Replace the SQLite database with a copy; an interruption leaves it unchanged.

    Raises `BackupFailed` while another process has the database open.
    """
    database.close()
    path = _path_of(database)
    try:
        with _opened(source, read_only=True) as copy, _opened(path) as target:
            # Leaving WAL mode works only if no other process has the database open. The lock is kept until the end.
            target.execute("PRAGMA locking_mode=EXCLUSIVE")
            target.execute("PRAGMA journal_mode=DELETE")
            target.execute("BEGIN EXCLUSIVE")
            target.execute("COMMIT")
            copy.backup(target)
    except sqlite3.OperationalError as error:
        if "locked" in str(error) or "busy" in str(error):
            raise BackupFailed("the service is running on this database; stop it, then restore") from error
        raise BackupFailed(f"the database could not be restored: {error}") from error
    except (OSError, sqlite3.Error) as error:
        raise BackupFailed(f"the database could not be restored: {error}") from error


def _path_of(database: Database) -> Path:
    return Path(database.url.database or "")


@contextlib.contextmanager
def _opened(path: Path, *, read_only: bool = False) -> Iterator[sqlite3.Connection]:
    mode = "ro" if read_only else "rwc"
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode={mode}", uri=True, timeout=1, isolation_level=None)
    try:
        yield connection
    finally:
        connection.close()
