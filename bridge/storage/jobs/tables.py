"""The tables of the scheduler."""

from __future__ import annotations

from sqlalchemy import Column, String, Table

from bridge.storage.engine.columns import metadata
from bridge.storage.engine.types import Instant

leases = Table(
    "leases",
    metadata,
    Column("name", String(40), primary_key=True),
    Column("holder", String(80), nullable=False),
    Column("expires_at", Instant, nullable=False),
)


runs = Table(
    "runs",
    metadata,
    Column("job", String(40), primary_key=True),
    Column("started_at", Instant, nullable=False),
    Column("finished_at", Instant),
    Column("outcome", String(500), nullable=False, server_default=""),
)


service_state = Table(
    "service_state",
    metadata,
    Column("name", String(40), primary_key=True),
    Column("value", String(1000), nullable=False),
    Column("recorded_at", Instant, nullable=False),
)
