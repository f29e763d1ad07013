"""Migrate a database to the newest schema."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, inspect, text

from bridge.storage.engine.database import Database
from bridge.storage.engine.outages import is_there, make_folder

MIGRATIONS = Path(__file__).resolve().parents[3] / "migrations"


def newest_revision() -> str:
    """Return the revision the code expects, read from the names of the migration files."""
    return max(path.name.split("_")[0] for path in (MIGRATIONS / "versions").glob("[0-9]*.py"))


def revision_of(database: Database) -> str | None:
    """Return the revision the database is at; None for an empty one, and for a file that is not there."""
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
    """Return whether the database has exactly the schema the code expects."""
    return revision_of(database) == newest_revision()


def migrate(database: Database) -> bool:
    """Migrate the database to the newest schema; False if it already had it."""
    if is_current(database):
        return False
    make_folder(database)
    # Alembic costs a quarter of a second to import, which a start that finds the schema in order need not pay.
    from alembic import command
    from alembic.config import Config as AlembicConfig

    settings = AlembicConfig()
    settings.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    settings.attributes["database"] = database
    command.upgrade(settings, "head")
    return True
