"""Runs the migrations, in one transaction, one process at a time."""

from __future__ import annotations

from alembic import context
from sqlalchemy import text

from bridge.storage import schema_holds
from bridge.storage.database import Database

database: Database = context.config.attributes["database"]

with database.transaction() as connection:
    if not database.is_sqlite:
        connection.execute(text("select pg_advisory_xact_lock(7205759403792793601)"))
    context.configure(
        connection=connection,
        target_metadata=schema_holds.metadata,
        render_as_batch=True,
        compare_type=True,
    )
    context.run_migrations()
