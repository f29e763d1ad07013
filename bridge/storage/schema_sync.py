"""The tables of how far each store's shop was read, requests for its keys, and what the running service records."""

from __future__ import annotations

from sqlalchemy import JSON, Column, ForeignKey, Index, Integer, String, Table

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
    Column("sentences", JSON),
    Column("looked_at", Instant),
    Column("pinged_at", Instant),
    Column("import_page", Integer),
    Column("import_total", Integer),
    # How many past orders a run that grants them has read, and how many there are; null between runs.
    Column("past_done", Integer),
    Column("past_total", Integer),
    # Signed deliveries that need the owner: from another site, or in another form than wc/v3.
    Column("notices", JSON(none_as_null=True)),
    Column("access", JSON(none_as_null=True)),
    Column("set_aside", JSON(none_as_null=True)),
    Column("stopped", JSON(none_as_null=True)),
    Column("scan", JSON(none_as_null=True)),
    Column("caretaker", JSON(none_as_null=True)),
    Column("tried_at", Instant),
    Column("shop_error_topic", String(100)),
)

key_requests = Table(
    "key_requests",
    metadata,
    Column("state_hash", String(64), primary_key=True),
    Column("store_id", ForeignKey("stores.id")),
    Column("wanted", JSON(none_as_null=True)),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("used_at", Instant),
    Index("ix_key_requests_expires_at", "expires_at"),
)

service_state = Table(
    "service_state",
    metadata,
    Column("name", String(40), primary_key=True),
    Column("value", String(1000), nullable=False),
    Column("recorded_at", Instant, nullable=False),
)
