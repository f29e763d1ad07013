"""Runs the migrations, in one transaction, one process at a time."""

from __future__ import annotations

from alembic import context
from sqlalchemy import text

from bridge.storage.engine import postgresql
from bridge.storage.engine.database import Database
from bridge.storage.engine.metadata import metadata

database: Database = context.config.attributes["database"]

with database.transaction() as connection:
    if not database.is_sqlite:
        postgresql.take_time(connection)
        connection.execute(text("select pg_advisory_xact_lock(7205759403792793601)"))
    context.configure(
        connection=connection,
        target_metadata=metadata,
        render_as_batch=True,
        compare_type=True,
    )
    context.run_migrations()
