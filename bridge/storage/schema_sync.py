"""The table of how far each store's shop was read, and what was last seen of its webhooks."""

from __future__ import annotations

from sqlalchemy import JSON, Column, ForeignKey, Table

from bridge.storage.schema import metadata
from bridge.storage.types import BIG, Instant

shop_reads = Table(
    "shop_reads",
    metadata,
    Column("store_id", ForeignKey("stores.id"), primary_key=True),
    Column("cursor_at", Instant),
    Column("trash_cursor_at", Instant),
    Column("swept_to", BIG),
    Column("swept_at", Instant),
    Column("polled_at", Instant),
    Column("bad_signature_at", Instant),
    Column("shop_error_at", Instant),
    Column("webhooks_set_at", Instant),
    Column("unapplied", JSON),
    Column("faults", JSON),
    Column("faults_at", Instant),
)
