"""Messages about a database that cannot be used: which one it is, where it is, and why."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import inspect
from sqlalchemy.exc import SQLAlchemyError

from bridge.domain.errors import BadSetting, Unavailable
from bridge.storage.engine.database import Database, TryAgain
from bridge.storage.engine.metadata import metadata

_MAX_CAUSE = 300


@contextlib.contextmanager
def explained(database: Database) -> Iterator[None]:
    """Convert any error that prevents use of the database to `Unavailable`, with its location and the cause."""
    try:
        yield
    except TryAgain:
        raise
    except (Unavailable, SQLAlchemyError, OSError) as error:
        raise Unavailable(f"the {place_of(database)} cannot be used: {cause_of(error, database)}") from error


def place_of(database: Database) -> str:
    """Return the kind and the location of a database, without its password."""
    url = database.url
    if database.is_sqlite:
        return f"SQLite database {url.database}"
    hosts = url.host or ", ".join(_listed(url.query.get("host", ""))) or "the local socket"
    port = f":{url.port}" if url.port else ""
    return f"PostgreSQL database {url.database or ''} at {hosts}{port}".replace("  ", " ")


def cause_of(error: BaseException, database: Database) -> str:
    """Return why a database cannot be used: one line from its driver or the operating system."""
    found: BaseException = error
    while True:
        inner = getattr(found, "orig", None) or found.__cause__ or found.__context__
        if not isinstance(inner, BaseException):
            break
        found = inner
    words = " ".join(str(found).split()) or type(found).__name__
    if database.is_sqlite and (reason := _file_reason(Path(database.url.database or ""), words)):
        return reason
    if (password := database.url.password) and isinstance(password, str):
        words = words.replace(password, "***")
    return words[:_MAX_CAUSE].rstrip(".")


def make_folder(database: Database) -> None:
    """Create the folder of a SQLite database; raises `BadSetting` if that fails."""
    if not database.is_sqlite:
        return
    try:
        Path(database.url.database or "").parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadSetting(f"BRIDGE_DATABASE_URL has a folder that cannot be created: {error}") from error


def is_there(database: Database) -> bool:
    """Return whether there is a file to open; always True for PostgreSQL, where only connecting can show it."""
    return not database.is_sqlite or Path(database.url.database or "").is_file()


def foreign_tables(database: Database) -> list[str]:
    """Return tables with our names in a database without a revision: another program created them."""
    with database.reading() as connection:
        return sorted(set(inspect(connection).get_table_names()) & set(metadata.tables))


def _file_reason(path: Path, words: str) -> str:
    if "unable to open" in words:
        if path.is_dir():
            return "it is a folder, not a file"
        if not path.parent.is_dir():
            return f"the folder {path.parent} does not exist"
        return "the file cannot be opened; check the permissions of the file and its folder"
    if "readonly" in words:
        return "the file or its folder cannot be written; check their permissions"
    if "not a database" in words:
        return "the file is not a SQLite database"
    return ""


def _listed(value: str | tuple[str, ...]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else value
