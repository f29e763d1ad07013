"""The migrations make exactly the tables the code describes, on both engines."""

from __future__ import annotations

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import CheckConstraint, inspect

from bridge.storage import schema, schema_events, schema_holds, schema_metering
from bridge.storage.database import Database
from bridge.storage.migrate import is_current, migrate, newest_revision, revision_of

TABLES = (schema_metering, schema_holds, schema_events)
"""The modules that add tables to the metadata, named so that each is imported."""


def test_migrated_database_has_the_tables_of_the_code(database_url):
    database = Database(database_url)

    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        differences = compare_metadata(context, schema.metadata)
        checks = {
            table: {check["name"] for check in inspect(connection).get_check_constraints(table)}
            for table in schema.metadata.tables
        }
    database.close()

    assert differences == []
    for name, table in schema.metadata.tables.items():
        described = {str(one.name) for one in table.constraints if isinstance(one, CheckConstraint)}
        assert described == checks[name], name


def test_migrating_again_does_nothing(database_url):
    database = Database(database_url)

    assert is_current(database)
    assert revision_of(database) == newest_revision()
    assert migrate(database) is False
    database.close()


def test_empty_database_is_at_no_revision(tmp_path):
    database = Database(f"sqlite:///{tmp_path}/new/bridge.sqlite3")

    assert revision_of(database) is None
    assert not is_current(database)
    database.close()
