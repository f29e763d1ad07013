"""The installation: a database with the schema that this code expects."""

from __future__ import annotations

import logging

from bridge.domain.errors import BadSetting
from bridge.storage.engine import outages
from bridge.storage.engine.database import Database
from bridge.storage.engine.migrate import migrate, newest_revision, revision_of

log = logging.getLogger(__name__)


def prepare(database: Database) -> bool:
    """Create or migrate the database; False if there was nothing to do.

    Raises `BadSetting` if a newer version of the service has migrated it or it has
    tables of another program, and `Unavailable` with the cause if it cannot be
    used.
    """
    with outages.explained(database):
        found = revision_of(database)
        if found is None and outages.is_there(database) and (foreign := outages.foreign_tables(database)):
            raise BadSetting(
                f"the {outages.place_of(database)} has tables of another program ({', '.join(foreign[:3])}):"
                " set BRIDGE_DATABASE_URL to an empty database"
            )
        _check_revision(found, database)
        is_changed = migrate(database)
    if is_changed:
        if found is None:
            log.info("the database was created with revision %s", newest_revision())
        else:
            log.info("the database was migrated from revision %s to %s", found, newest_revision())
    return is_changed


def make_folder(database: Database) -> None:
    """Create the folder of the SQLite database, for a copy to restore."""
    outages.make_folder(database)


def bring_forward(database: Database) -> bool:
    """Migrate an existing database; False if there was nothing to do.

    Raises `BadSetting` if there is none, so that a command that only reads creates
    nothing; otherwise raises as `prepare` does.
    """
    with outages.explained(database):
        if revision_of(database) is None:
            raise BadSetting(
                f"the {outages.place_of(database)} has no data of this service: check BRIDGE_DATABASE_URL,"
                " or create it by starting the service with: make run"
            )
    return prepare(database)


def _check_revision(found: str | None, database: Database) -> None:
    if found is not None and found > newest_revision():
        raise BadSetting(
            f"the {outages.place_of(database)} of BRIDGE_DATABASE_URL has revision {found}, newer than this version's"
            f" {newest_revision()}: run the version that migrated it, or a later one"
        )
