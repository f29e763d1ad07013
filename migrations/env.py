"""Runs the migrations, in one transaction, one process at a time."""

from __future__ import annotations

from alembic import context
from sqlalchemy import text

from bridge.storage import postgresql, schema, schema_catalog, schema_events, schema_holds, schema_metering, schema_sync
from bridge.storage.database import Database

# Each module adds its tables to the one set the migrations are compared with.
TABLES = (schema_catalog, schema_metering, schema_holds, schema_events, schema_sync)

database: Database = context.config.attributes["database"]

with database.transaction() as connection:
    if not database.is_sqlite:
        postgresql.take_time(connection)
        connection.execute(text("select pg_advisory_xact_lock(7205759403792793601)"))
    context.configure(
        connection=connection,
        target_metadata=schema.metadata,
        render_as_batch=True,
        compare_type=True,
    )
    context.run_migrations()
