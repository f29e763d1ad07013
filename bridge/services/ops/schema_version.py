"""The installation: a database of the schema this code works with."""

from __future__ import annotations

import logging

from bridge.domain.errors import BadSetting
from bridge.storage.engine import outages
from bridge.storage.engine.database import Database
from bridge.storage.engine.migrate import migrate, newest_revision, revision_of

log = logging.getLogger(__name__)


def prepare(database: Database) -> bool:
    """Create or bring forward the database; False where there was nothing to do.

    Raises `BadSetting` where a newer version of the service was here already or
    another program's tables are, and `Unavailable` with the cause where the
    database cannot be used.
    """
    with outages.explained(database):
        found = revision_of(database)
        if found is None and outages.is_there(database) and (foreign := outages.foreign_tables(database)):
            raise BadSetting(
                f"the {outages.place_of(database)} has tables of another program ({', '.join(foreign[:3])}):"
                " name an empty database in BRIDGE_DATABASE_URL"
            )
        _check_revision(found, database)
        is_changed = migrate(database)
    if is_changed:
        log.info("the database went from revision %s to %s", found or "none", newest_revision())
    return is_changed


def make_folder(database: Database) -> None:
    """Make the folder of an embedded database, for a copy that is put there."""
    outages.make_folder(database)


def bring_forward(database: Database) -> bool:
    """Bring forward a database that exists; False where there was nothing to do.

    Raises `BadSetting` where there is none, so that a command which only reads
    creates nothing, and else as `prepare` does.
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
            f" {newest_revision()}: run the version that made it, or a later one"
        )
