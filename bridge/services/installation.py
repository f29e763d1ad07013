"""The installation: a database of the schema this code works with."""

from __future__ import annotations

import logging

from bridge.domain.errors import BadSetting
from bridge.storage.database import Database
from bridge.storage.migrate import migrate, newest_revision, revision_of

log = logging.getLogger(__name__)


def prepare(database: Database) -> bool:
    """Create or bring forward the database; False where there was nothing to do.

    Raises `BadSetting` where a newer version of the service was here already,
    and `Unavailable` where the database cannot be had.
    """
    found = revision_of(database)
    if found is not None and found > newest_revision():
        raise BadSetting(
            f"the database of BRIDGE_DATABASE_URL has revision {found}, newer than this version's {newest_revision()}:"
            " run the version that made it, or a later one"
        )
    is_changed = migrate(database)
    if is_changed:
        log.info("the database went from revision %s to %s", found or "none", newest_revision())
    return is_changed
