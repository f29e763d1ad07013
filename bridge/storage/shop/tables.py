"""The tables of deliveries and of the sync with each shop."""

from __future__ import annotations

from sqlalchemy import JSON, CheckConstraint, Column, ForeignKey, Index, Integer, LargeBinary, String, Table, text

from bridge.storage.engine.columns import metadata
from bridge.storage.engine.types import BIG, Instant
from bridge.storage.stores.tables import stores

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", BIG, primary_key=True, autoincrement=False),
    Column("store_id", ForeignKey(stores.c.id), nullable=False),
    Column("received_at", Instant, nullable=False),
    Column("topic", String(100), nullable=False),
    Column("source", String(500), nullable=False),
    Column("shop_delivery", String(100), nullable=False),
    Column("webhook_id", String(40), nullable=False),
    Column("resource_id", BIG),
    Column("body", LargeBinary, nullable=False),
    Column("state", String(10), nullable=False),
    Column("outcome", String(500), nullable=False, server_default=""),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("next_attempt_at", Instant),
    Column("processed_at", Instant),
    # The address of the site that sent it, if not the shop's: the delivery waits until the owner accepts the site.
    Column("held_for", String(500)),
    Column("digest", String(64)),
    Column("repeats", Integer, nullable=False, server_default=text("0")),
    Column("repeated_at", Instant),
    CheckConstraint("state in ('received','processed','ignored','rejected')", name="state"),
    Index("ix_deliveries_store_id_id", "store_id", "id"),
    Index("ix_deliveries_state", "store_id", "state", "id"),
    Index("ix_deliveries_resource", "store_id", "resource_id", "id"),
    Index(
        "ix_deliveries_due",
        "next_attempt_at",
        postgresql_where=text("state = 'received'"),
        sqlite_where=text("state = 'received'"),
    ),
    Index(
        "ix_deliveries_held",
        "store_id",
        "id",
        postgresql_where=text("held_for is not null"),
        sqlite_where=text("held_for is not null"),
    ),
)


sync_states = Table(
    "shop_reads",
    metadata,
    Column("store_id", ForeignKey(stores.c.id), primary_key=True),
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
    # Only earlier versions write it.
    Column("sentences", JSON),
    Column("issues", JSON(none_as_null=True)),
    Column("looked_at", Instant),
    Column("pinged_at", Instant),
    Column("import_page", Integer),
    Column("import_total", Integer),
    # The progress of a run that grants past orders: orders read, and orders in total; null if no run is active.
    Column("past_done", Integer),
    Column("past_total", Integer),
    # Signed deliveries that the owner must look at: from another site, or in a format other than wc/v3.
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
    Column("store_id", ForeignKey(stores.c.id)),
    Column("wanted", JSON(none_as_null=True)),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("used_at", Instant),
    Index("ix_key_requests_expires_at", "expires_at"),
)


# Codes that connect the WordPress plugin of a site; a code without a store creates one.
connect_codes = Table(
    "connect_codes",
    metadata,
    Column("id", BIG, primary_key=True, autoincrement=False),
    Column("code_hash", String(64), nullable=False, unique=True),
    Column("store_id", ForeignKey(stores.c.id)),
    Column("made_by", String(340), nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("used_at", Instant),
    Index("ix_connect_codes_expires_at", "expires_at"),
)
