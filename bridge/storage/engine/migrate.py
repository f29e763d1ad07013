"""Migrate a database to the newest schema."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, inspect, text

from bridge.storage.engine.database import Database
from bridge.storage.engine.outages import is_there, make_folder

MIGRATIONS = Path(__file__).resolve().parents[3] / "migrations"


def newest_revision() -> str:
    """Return the revision that the code expects, read from the names of the migration files."""
    return max(path.name.split("_")[0] for path in (MIGRATIONS / "versions").glob("[0-9]*.py"))


def revision_of(database: Database) -> str | None:
    """Return the revision of the database; None if it is empty or its file does not exist."""
    if not is_there(database):
        return None
    with database.reading() as connection:
        return revision_in(connection)


def revision_in(connection: Connection) -> str | None:
    """Return the revision of an open database; None for an empty one."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    revision: str | None = connection.execute(text("select version_num from alembic_version")).scalar()
    return revision


def is_current(database: Database) -> bool:
    """Return whether the database has exactly the schema that the code expects."""
    return revision_of(database) == newest_revision()


def migrate(database: Database) -> bool:
    """Migrate the database to the newest schema; return False if it was up to date."""
    if is_current(database):
        return False
    make_folder(database)
    # Importing Alembic takes a quarter of a second; a start with an up-to-date schema does not need it.
    from alembic import command
    from alembic.config import Config as AlembicConfig

    settings = AlembicConfig()
    settings.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    settings.attributes["database"] = database
    command.upgrade(settings, "head")
    return True
